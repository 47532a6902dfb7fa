"""Answer what may be forwarded: which profiles there are, a credential, and a login from afar."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from pathlib import Path
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
    from togetherctl.agent.protocol import Cancel, Children, Document, Logins, Questions
    from togetherctl.agent.snapshot import Configuration, KnownProfile, Snapshot
    from togetherctl.paths import Paths

# Seconds in which an issuer that refused is not asked again, unless the session is another one.
_REFUSED_SECONDS = 10.0
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
        self._waiting: dict[tuple[str, ...], list[Callable[[Answer | Failure], None]]] = {}
        # What the issuer refused, in which state of the session, and until when (monotonic).
        self._refused: dict[tuple[str, ...], tuple[Failure, str, float]] = {}

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
            refused = refusal_of(name, profile)
            if profile is not None and refused is None:
                go_on(exchange, profile)
            elif refused is not None:
                self._log.write(what, refused.code, profile=name, host=exchange.host)
                exchange.answer(refused)

        self._with_snapshot(exchange, look)

    def _credential(self, exchange: Exchange, profile: KnownProfile) -> None:
        hand_out = partial(self._hand_out, exchange, profile)

        def answered(refusal: Failure | None) -> None:
            if refusal is None:
                # While the person was asked, the name may have become that of another account.
                exchange.when_gone(self._if_unchanged(profile, allowed))
            else:
                hand_out(refusal)

        def allowed(refusal: Failure | None) -> None:
            if refusal is None:
                exchange.when_gone(self._fetch(profile, fetched))
            else:
                hand_out(refusal)

        def fetched(answer: Answer | Failure) -> None:
            def still(refusal: Failure | None) -> None:
                if refusal is None and isinstance(answer, Failure):
                    self._questions.not_handed_out(profile.name, exchange.host)
                hand_out(refusal or answer)

            # The child has read the configuration by itself, which may be another one by then.
            exchange.when_gone(self._if_unchanged(profile, still))

        if profile.forward == "always":
            allowed(None)
        elif profile.is_logged_out and self._questions.would_ask(profile.name, exchange.host):
            # One question is enough: a "yes" to the login that comes next is one to the credential.
            said = f"profile {profile.name}: login required"
            remedy = run("togetherctl", "login", profile.name)
            hand_out(failure("login_required", said, ExitCode.LOGIN_REQUIRED, remedy))
        else:
            exchange.when_gone(self._questions.ask("credential", profile.name, exchange.host, answered))

    def _hand_out(self, exchange: Exchange, profile: KnownProfile, answer: Answer | Failure) -> None:
        outcome = answer.code if isinstance(answer, Failure) else "given"
        noted = self._log.write("credential", outcome, profile=profile.name, host=exchange.host)
        if not noted and outcome == "given":
            answer = failure("storage", "the log at the agent's machine cannot be written", ExitCode.STORAGE)
        exchange.answer(answer)

    def _if_unchanged(self, profile: KnownProfile, told: Callable[[Failure | None], None]) -> Cancel:
        """None where the configuration as it is now lets the same profile out; else why not."""

        def look(snapshot: Snapshot | Failure) -> None:
            if isinstance(snapshot, Failure):
                told(snapshot)
            else:
                told(refusal_of(profile.name, snapshot.profile(profile.name), before=profile))

        return self._configuration.ask(look)

    def _fetch(self, profile: KnownProfile, hand_out: Callable[[Answer | Failure], None]) -> Cancel:
        """The credential from its ready file, or from a child; the same child for all who wait for this profile."""
        name, about = profile.name, profile.credential
        ready = self._read_ready(name)
        if ready is not None:
            hand_out(Answer(200, ready))
            return lambda: None
        refused, session, until = self._refused.get(about, (None, "", 0.0))
        if refused is not None and time.monotonic() < until and session == _state_of(profile):
            hand_out(refused)
            return lambda: None
        waiting = self._waiting.setdefault(about, [])
        waiting.append(hand_out)
        if len(waiting) == 1:
            self._children.run(
                Errand(["credential", name], CREDENTIAL_SECONDS, ERRANDS),
                lambda ended: self._fetched(profile, read_answer(ended, f"the credential of profile {name}")),
            )

        def leave() -> None:
            # The child goes on: stopped in the middle of a refresh, it would leave work to the next one.
            if hand_out in waiting:
                waiting[waiting.index(hand_out)] = lambda _answer: None

        return leave

    def _fetched(self, profile: KnownProfile, document: Document | Failure) -> None:
        about = profile.credential
        self._refused.pop(about, None)
        if isinstance(document, Failure) and document.code in ("refused", "untrusted"):
            self._refused[about] = document, _state_of(profile), time.monotonic() + _REFUSED_SECONDS
        answer = (
            document if isinstance(document, Failure) else Answer(200, json.dumps(document).encode("ascii") + b"\n")
        )
        for hand_out in self._waiting.pop(about, ()):
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

        exchange.when_gone(self._logins.begin(profile.name, exchange.host, partial(self._if_unchanged, profile), done))


def refusal_of(name: str, profile: KnownProfile | None, *, before: KnownProfile | None = None) -> Failure | None:
    """Why the profile that is called `name` now does not go out; `before` is the one that was agreed to."""
    if profile is None:
        return failure("usage", f"there is no profile {printable(name, limit=80)} at the agent", ExitCode.USAGE)
    if profile.forward == "never":
        remedy = run(
            "togetherctl", "profile", "set", name, "forward=ask", words="where the agent runs, this lets it ask"
        )
        return failure("forbidden", f"profile {name}: the agent may not hand it out", ExitCode.REFUSED, remedy)
    if before is not None and profile.credential != before.credential:
        said = f"profile {name} was changed to another login while it was asked for; try again"
        return failure("forbidden", said, ExitCode.REFUSED)
    return None


def _state_of(profile: KnownProfile) -> str:
    try:
        return fastpath.state(Path(profile.session).stat()) if profile.session else ""
    except OSError:
        return "-"


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
