"""What the agent knows of the configuration: a record that a child takes, because reading it loads much."""

from __future__ import annotations

import math
import os
import time

from togetherctl.agent.protocol import Errand, Failure, failure, read_failure
from togetherctl.fastpath import state
from togetherctl.quick_json import loads
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Literal

    from togetherctl.agent.protocol import Cancel, Children, Document, Ended

    Forward = Literal["never", "ask", "always"]
    Told = Callable[["Snapshot | Failure"], None]

# The module of which a child is made, and seconds that it takes at most.
ERRANDS = "togetherctl.cli.agent_errands"
_SNAPSHOT_SECONDS = 30.0
# Where the configuration changes while it is read, it is read once more, so often.
_MOST_TRIES = 3
# Seconds for which something counts that may be otherwise the next time, though config.toml is the same.
_PASSING_SECONDS = 10.0


@dataclass(frozen=True)
class KnownProfile:
    """A profile as the agent knows it; `session` is the path of its session file, None where it keeps none.

    `key` is equal for profiles that share a login, and another one after it was pointed at another issuer or client.
    `clusters` are as `GET /v1/profiles` gives them.
    """

    name: str
    forward: Forward
    issuer: str
    client_id: str
    grant: str
    storage: str
    session: str | None
    key: str
    clusters: tuple[Document, ...] = ()
    # Whether a login needs no person, like that of a client with its secret.
    logs_in_by_itself: bool = False

    @property
    def is_logged_out(self) -> bool:
        """Whether there is surely no credential before a person has logged in."""
        return self.session is not None and not self.logs_in_by_itself and not os.path.lexists(self.session)

    @property
    def credential(self) -> tuple[str, ...]:
        """Whose credential it is that goes by this name: equal as long as a "yes" to the one is one to the other."""
        return self.name, self.issuer, self.client_id, self.key, self.grant


@dataclass(frozen=True)
class Snapshot:
    """The configuration in the `state` (`fastpath.state`) in which it was read; `idle` in seconds.

    `problems` are sentences about what is left out, such as a cluster whose CA file cannot be read.
    """

    state: str
    idle: float
    profiles: tuple[KnownProfile, ...] = ()
    problems: tuple[str, ...] = ()

    def opens_too(self, profile: KnownProfile) -> list[str]:
        """The profiles with a stricter rule whose credential is that of `profile` all the same: they share it."""
        rules = ("never", "ask", "always")
        return [
            other.name
            for other in self.profiles
            if other.key == profile.key and rules.index(other.forward) < rules.index(profile.forward)
        ]

    def profile(self, name: str) -> KnownProfile | None:
        """The profile called `name`."""
        return next((profile for profile in self.profiles if profile.name == name), None)


def read_answer(ended: Ended, what: str) -> Document | Failure:
    """What a child answered; `what` was asked of it, for the sentence where it ended without an answer."""
    try:
        document = loads(ended.output)
    except (ValueError, RecursionError):
        document = None
    error = read_failure(document)
    if error is not None:
        return error
    if ended.code == 0 and isinstance(document, dict):
        return document
    if ended.code is None:
        return failure("unreachable", f"{what} took too long", 4, "try again; togetherctl doctor looks for the cause")
    return failure("failed", f"{what} ended without an answer (exit code {ended.code})", 1, "togetherctl agent log")


def read_snapshot(document: Document) -> Snapshot:
    """The snapshot that `take_snapshot.take` gave, of this version of us or a later one that says more.

    Raises KeyError and TypeError where what this agent needs is not in it.
    """
    profiles = []
    for each in document["profiles"]:
        known = {key: each[key] for key in KnownProfile.__match_args__}
        profiles.append(KnownProfile(**{**known, "clusters": tuple(known["clusters"])}))
    return Snapshot(document["state"], float(document["idle"]), tuple(profiles), tuple(document["problems"]))


class Configuration:
    """The newest snapshot, taken again where config.toml has changed since.

    `last_good` stays when the configuration has become invalid: nothing is handed out by it.
    """

    def __init__(self, path: Path, children: Children, changed: Callable[[Snapshot | Failure], None]) -> None:
        self.path = path
        self.last_good: Snapshot | None = None
        self._children, self._changed = children, changed
        # What was found in which state of config.toml, and until when it counts (monotonic).
        self._known: tuple[str, Snapshot | Failure, float] | None = None
        self._waiting: list[Told] = []
        self._tries = 0

    def ask(self, told: Told) -> Cancel:
        """Give the snapshot, or why there is none: at once where it is known."""
        if self._known is not None:
            known, found, until = self._known
            if known == self._state_now() and time.monotonic() < until:
                told(found)
                return lambda: None
        self._waiting.append(told)
        if len(self._waiting) == 1:
            self._tries = 0
            self._take()

        def cancel() -> None:
            if told in self._waiting:
                # The others, and the next one to ask, still want what is under way.
                self._waiting[self._waiting.index(told)] = lambda _snapshot: None

        return cancel

    def _take(self) -> None:
        self._tries += 1
        before = self._state_now()
        # There is one at a time; slow issuers of some profiles must not keep it waiting.
        errand = Errand(["snapshot"], _SNAPSHOT_SECONDS, ERRANDS, apart=True)
        self._children.run(errand, lambda ended: self._took(before, ended))

    def _took(self, before: str, ended: Ended) -> None:
        if before != self._state_now() and self._tries < _MOST_TRIES:
            self._take()
            return
        found: Snapshot | Failure
        document = read_answer(ended, "reading the configuration")
        try:
            found = document if isinstance(document, Failure) else read_snapshot(document)
        except (KeyError, TypeError):
            found = failure(
                "failed",
                "togetherctl was upgraded, and this agent is of the version before",
                1,
                "togetherctl agent stop",
            )
        if not isinstance(found, Failure):
            self.last_good = found
            stays = not found.problems
        else:
            # One that could not be taken for another reason than its content may be there the next time.
            stays = found.code in ("config", "usage")
        self._known = (before, found, math.inf if stays else time.monotonic() + _PASSING_SECONDS)
        self._changed(found)
        waiting, self._waiting = self._waiting, []
        for told in waiting:
            told(found)

    def _state_now(self) -> str:
        try:
            return state(self.path.stat())
        except OSError:
            return "-"
