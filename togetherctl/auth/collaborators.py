"""What the engine and the life of a session work with: storage, network, a person, the time."""

from __future__ import annotations

from collections.abc import Callable

from togetherctl.auth.session import Freshness, Session
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.cache.base import Sessions
    from togetherctl.auth.cache.ready_file import ReadyFiles
    from togetherctl.auth.issuer_clients import IssuerClients
    from togetherctl.auth.prompter import Prompter
    from togetherctl.config.profile import Profile


@dataclass(frozen=True)
class Collaborators:
    """What the engine works with: `wiring` passes the real clock, network, files and terminal, tests their own."""

    sessions: Callable[[Profile], Sessions]
    ready: ReadyFiles
    issuers: IssuerClients
    conversation: Prompter
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def freshness(self, profile: Profile, session: Session | None) -> Freshness:
        """Of the token that clusters get from the session; expired where there is none."""
        return session.freshness(profile, self.clock()) if session else Freshness.EXPIRED
