"""What the agent does where a part of it is not there: it refuses what has to be asked, and keeps nothing ahead."""

from __future__ import annotations

from togetherctl.agent.protocol import failure
from togetherctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from togetherctl.agent.protocol import Cancel, Document, Failure, Kind


class NoQuestions:
    """Every question is answered with "no"."""

    def ask(self, _kind: Kind, _profile: str, _host: str | None, answered: Callable[[bool], None]) -> Cancel:
        answered(False)  # noqa: FBT003 # protocol.Questions gives it so
        return lambda: None

    def pending(self) -> Sequence[Document]:
        return ()

    def answer(self, _number: str, *, yes: bool, seconds: float) -> bool:
        return False


class NoLogins:
    """Every login is refused."""

    def begin(self, profile: str, _host: str | None, done: Callable[[Document | Failure], None]) -> Cancel:
        done(failure("forbidden", f"profile {profile}: this agent logs nobody in", ExitCode.REFUSED))
        return lambda: None


class NoAhead:
    """Nothing is refreshed before it is asked for."""

    def tick(self) -> float:
        return 3600.0

    def states(self) -> Mapping[str, Document]:
        return {}
