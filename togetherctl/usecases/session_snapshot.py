"""What is known of a profile's session without the network, and the words for its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from togetherctl.auth.session import LastError, Session, State, Token
from togetherctl.errors import Remedy, StorageError, TogetherctlError

if TYPE_CHECKING:
    from togetherctl.auth.cache.login_record import LoginRecord
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

# How a text looks; the style sheet of the terminal interface gives each a colour.
Tone = Literal["plain", "dim", "good", "old", "bad", "busy"]
# What people see: a session's own state, or what hides it.
StateName = State | Literal["error", "logging-in", "unread"]


class StateWords(NamedTuple):
    """What people see of a state: a shape and a word, so that no colour is needed to tell states apart.

    `meaning` explains it in the help; summaries count it if `counted`.
    """

    label: str
    tone: Tone
    meaning: str = ""
    counted: bool = True


# The most urgent state comes first.
STATES: Mapping[StateName, StateWords] = {
    State.LOGIN_REQUIRED: StateWords("× log in", "bad", "expired, and nothing renews it"),
    "error": StateWords("× error", "bad", "the session cannot be read; its last error says why"),
    "logging-in": StateWords("◌ login…", "busy", "a login is under way, here or elsewhere"),
    State.EXPIRED: StateWords("○ expired", "old", "the next use renews it, without a login"),
    State.STALE: StateWords("◐ stale", "old", "good, near its end; the next use renews it"),
    State.VALID: StateWords("● valid", "good", "the token is good"),
    State.NONE: StateWords("· none", "dim", "there is no session: log in", counted=False),
    "unread": StateWords("…", "dim", counted=False),
}
URGENCY: Mapping[StateName, int] = {name: place for place, name in enumerate(STATES)}


@dataclass(frozen=True)
class SessionSnapshot:
    """One profile, its clusters, and what was read of its session; `looked` is False until it is read.

    `trouble` is the last error, or why the session cannot be read, and `remedy` what helps there. `login` is under way
    in any process.
    """

    profile: Profile
    clusters: tuple[Cluster, ...] = ()
    looked: bool = False
    session: Session | None = None
    trouble: LastError | None = None
    login: LoginRecord | None = None
    remedy: Remedy | None = None

    @property
    def name(self) -> str:
        return self.profile.name

    @property
    def token(self) -> Token | None:
        """The token that clusters get."""
        return self.session.token(self.profile.token) if self.session else None

    def state(self, now: float) -> State | Literal["error"]:
        """The session's own state, as scripts get it; `error` where it cannot be read. `now` in seconds since 1970."""
        if self.session is not None:
            return self.session.state(self.profile, now)
        return State.NONE if self.trouble is None else "error"

    def is_good(self, now: float) -> bool:
        """Whether kubectl gets a token without a login. `now` in seconds since 1970."""
        return self.state(now) in (State.VALID, State.STALE, State.EXPIRED)

    def state_name(self, now: float) -> StateName:
        """Which of `STATES` people see. `now` in seconds since 1970."""
        if self.login is not None:
            return "logging-in"
        return self.state(now) if self.looked else "unread"


def read_snapshot(world: World, profile: Profile, clusters: tuple[Cluster, ...] = ()) -> SessionSnapshot:
    """Read a profile's session; no network, no lock. A keyring may take its time."""
    session, trouble, remedy = None, None, None
    try:
        session = _forwarded(world, profile) if profile.called_there else world.engine.load(profile)
        damaged = world.sessions(profile).damaged(profile.key) if session is None else None
        if damaged is not None:
            raise StorageError(f"{damaged} cannot be understood", hint=profile.ways.login)
    except TogetherctlError as error:
        trouble, remedy = LastError(world.clock(), error.code, error.message), error.remedy
    if session is not None:
        trouble = session.last_error
    login = world.engine.login_under_way(profile)
    return SessionSnapshot(profile, clusters, looked=True, session=session, trouble=trouble, login=login, remedy=remedy)


def _forwarded(world: World, profile: Profile) -> Session | None:
    """What an agent gave, as long as it lies ready; its claims are not verified."""
    from togetherctl.auth.cache.forwarded_ready_file import read_forwarded
    from togetherctl.auth.grants.agent import make_session

    ready = read_forwarded(world.paths, profile.name, now=world.clock())
    if ready is None:
        return world.engine.load(profile)
    token, written, until = ready
    return make_session(profile, token, obtained_at=written, ask_again_at=until)


def describe_changes(before: SessionSnapshot, after: SessionSnapshot) -> Iterator[str]:
    """Say each thing that changed between two snapshots; nothing where the first was not read yet."""
    if not before.looked:
        return
    if after.login is not None and before.login is None:
        yield f"a login began in process {after.login.owner}"
    was, now = before.session, after.session
    if was is None and now is not None:
        yield f"logged in as {now.identity}"
    elif was is not None and now is None:
        yield f"the session of {was.identity} ended"
    elif was is not None and now is not None and (was.id_token, was.access_token) != (now.id_token, now.access_token):
        yield "new tokens" if was.subject == now.subject else f"logged in as {now.identity}"
    if after.trouble is not None and after.trouble != before.trouble:
        yield after.trouble.message
