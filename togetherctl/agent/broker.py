"""Answer what may be forwarded: which profiles there are, a credential, and a login from afar."""

from __future__ import annotations

import json
import os
import time
from urllib.parse import unquote

from togetherctl import fastpath
from togetherctl.agent.protocol import (
    CREDENTIAL_SECONDS,
    CREDENTIALS,
    LOGIN_SECONDS,
    LOGINS,
    PROFILES,
    QUESTION_SECONDS,
    Answer,
    Errand,
    Failure,
    failure,
)
from togetherctl.agent.snapshot import ERRANDS, read_answer
from togetherctl.errors import ExitCode, run
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.connection import Exchange
    from togetherctl.agent.log import Log
    from togetherctl.agent.protocol import Children, Document, Logins, Questions
    from togetherctl.agent.snapshot import Configuration, KnownProfile, Snapshot
    from togetherctl.paths import Paths

_READY_BEGINS = b'{"apiVersion":"client.authentication.k8s.io/v1",'


class Broker:
    """Hands out credentials by the rule of each profile; it holds none itself."""

    def __init__(
        self,
        paths: Paths,
        configuration: Configuration,
        children: Children,
        questions: Questions,
        logins: Logins,
        log: Log,
    ) -> None:
        self._paths, self._configuration, self._children = paths, configuration, children
        self._questions, self._logins, self._log = questions, logins, log
        # Who waits for the child that asks for a profile's credential.
        self._waiting: dict[str, list[Callable[[Answer | Failure], None]]] = {}

    def handle(self, exchange: Exchange) -> None:
        """Answer one request of agent.sock."""
        method, path = exchange.request.method, exchange.request.path
        if path == PROFILES:
            if allows(exchange, "GET"):
                self._with_snapshot(exchange, lambda snapshot: exchange.answer(_list_profiles(snapshot)))
        elif path.startswith(CREDENTIALS):
            if allows(exchange, "GET"):
                self._with_profile(exchange, unquote(path[len(CREDENTIALS) :]), "credential", self._credential)
        elif path == LOGINS:
            if allows(exchange, "POST"):
                document = exchange.request.document() or {}
                name = document.get("profile")
                if not isinstance(name, str):
                    exchange.answer(failure("bad_request", 'the body has to be {"profile": NAME}', ExitCode.USAGE))
                else:
                    self._with_profile(exchange, name, "login", self._login)
        else:
            exchange.answer(no_such_path(method, path))

    def _with_snapshot(self, exchange: Exchange, go_on: Callable[[Snapshot], None]) -> None:
        def told(snapshot: Snapshot | Failure) -> None:
            if isinstance(snapshot, Failure):
                exchange.answer(snapshot)
            else:
                go_on(snapshot)

        exchange.when_gone(self._configuration.ask(told))

    def _with_profile(
        self, exchange: Exchange, name: str, what: str, go_on: Callable[[Exchange, KnownProfile], None]
    ) -> None:
        """Go on where the configuration lets this profile out at all."""

        def look(snapshot: Snapshot) -> None:
            profile = snapshot.profile(name)
            if profile is None:
                shown = printable(name, limit=80)
                refused = failure("usage", f"there is no profile {shown} at the agent", ExitCode.USAGE)
            elif profile.forward == "never":
                remedy = run("togetherctl", "profile", "set", name, "forward=ask", words="this lets it ask")
                refused = failure(
                    "forbidden", f"profile {name}: the agent may not hand it out", ExitCode.REFUSED, remedy
                )
            else:
                go_on(exchange, profile)
                return
            self._log.write(what, refused.code, profile=name, host=exchange.host)
            exchange.answer(refused)

        self._with_snapshot(exchange, look)

    def _credential(self, exchange: Exchange, profile: KnownProfile) -> None:
        def hand_out(answer: Answer | Failure) -> None:
            outcome = answer.code if isinstance(answer, Failure) else "given"
            self._log.write("credential", outcome, profile=profile.name, host=exchange.host)
            exchange.answer(answer)

        def answered(refusal: Failure | None) -> None:
            if refusal is None:
                exchange.when_gone(self._fetch(profile.name, hand_out))
            else:
                hand_out(refusal)

        if profile.forward == "always":
            answered(None)
        else:
            exchange.when_gone(self._questions.ask("credential", profile.name, exchange.host, answered))

    def _fetch(self, name: str, hand_out: Callable[[Answer | Failure], None]) -> Callable[[], None]:
        """The credential from its ready file, or from a child; the same child for all who wait for this profile."""
        ready = self._read_ready(name)
        if ready is not None:
            hand_out(Answer(200, ready))
            return lambda: None
        waiting = self._waiting.setdefault(name, [])
        waiting.append(hand_out)
        if len(waiting) == 1:
            self._children.run(
                Errand(["credential", name], CREDENTIAL_SECONDS, ERRANDS),
                lambda ended: self._fetched(name, read_answer(ended, f"the credential of profile {name}")),
            )

        def leave() -> None:
            # The child goes on: stopped in the middle of a refresh, it would leave work to the next one.
            if hand_out in waiting:
                waiting[waiting.index(hand_out)] = lambda _answer: None

        return leave

    def _fetched(self, name: str, document: Document | Failure) -> None:
        answer = (
            document if isinstance(document, Failure) else Answer(200, json.dumps(document).encode("ascii") + b"\n")
        )
        for hand_out in self._waiting.pop(name, ()):
            hand_out(answer)

    def _read_ready(self, name: str) -> bytes | None:
        for folder in filter(None, (self._paths.ready, self._paths.runtime and self._paths.runtime / "ready")):
            try:
                found = fastpath.credential(
                    os.fspath(folder / name),
                    profile=name,
                    config=os.fspath(self._paths.config),
                    sessions=os.fspath(self._paths.sessions),
                    now=time.time(),
                )
            except (OSError, ValueError):
                continue
            if found is not None and found.startswith(_READY_BEGINS):
                return found
        return None

    def _login(self, exchange: Exchange, profile: KnownProfile) -> None:
        def done(answer: Document | Failure) -> None:
            outcome = answer.code if isinstance(answer, Failure) else "given"
            self._log.write("login", outcome, profile=profile.name, host=exchange.host)
            exchange.answer(answer)

        exchange.when_gone(self._logins.begin(profile.name, exchange.host, done))


def allows(exchange: Exchange, method: str) -> bool:
    """Whether the request has this method; one that has another is answered."""
    if exchange.request.method == method:
        return True
    exchange.answer(failure("method", f"{exchange.request.path} takes {method}", ExitCode.USAGE))
    return False


def no_such_path(method: str, path: str) -> Failure:
    """What a request for something that is not here is answered."""
    return failure(
        "not_found", f"there is no {printable(method, limit=20)} {printable(path, limit=200)} here", ExitCode.USAGE
    )


def _list_profiles(snapshot: Snapshot) -> Document:
    profiles = [
        {
            "name": profile.name,
            "forward": profile.forward,
            "issuer": profile.issuer,
            "client_id": profile.client_id,
            "clusters": list(profile.clusters),
        }
        for profile in snapshot.profiles
        if profile.forward != "never"
    ]
    return {
        "profiles": profiles,
        "question_seconds": QUESTION_SECONDS,
        "login_seconds": LOGIN_SECONDS + QUESTION_SECONDS,
    }
