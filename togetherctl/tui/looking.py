"""What is known of each profile without asking anybody: its session as it is stored, and a login under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.auth.session import LastError, State
from togetherctl.errors import TogetherctlError

if TYPE_CHECKING:
    from togetherctl.auth.cache.login import LoginRecord
    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Profile
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Looked:
    """One profile, its clusters, and what was found of its session; before anybody looked, `looked` is False.

    `trouble` is what went wrong last, or why the session cannot be read; `login` is one under way, in whatever process.
    """

    profile: Profile
    clusters: tuple[Cluster, ...] = ()
    looked: bool = False
    session: Session | None = None
    trouble: LastError | None = None
    login: LoginRecord | None = None

    @property
    def name(self) -> str:
        return self.profile.name

    def state(self, now: float) -> State | None:
        """As `status` says it; None before anybody looked. `now` in seconds since 1970."""
        if not self.looked:
            return None
        if self.session is None:
            return State.NONE
        return self.session.state(self.profile.token, self.profile.margin, now)


def look(world: World, profile: Profile, clusters: tuple[Cluster, ...]) -> Looked:
    """Read a profile's session; no network, no lock. A keyring may take its time."""
    session, trouble = None, None
    try:
        session = world.engine.load(profile)
    except TogetherctlError as error:
        trouble = LastError(world.clock(), error.code, error.message)
    login = world.engine.login_under_way(profile)
    if session is not None:
        trouble = session.last_error
    return Looked(profile, clusters, looked=True, session=session, trouble=trouble, login=login)
