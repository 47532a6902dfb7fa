"""The one place that decides what a caller gets: serve, refresh, or log in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from togetherctl.auth.cache.sessions import Unopenable
from togetherctl.auth.client_auth import ClientCredentials
from togetherctl.auth.refresh import TOTAL_SECONDS, RefreshTokenDead, refresh
from togetherctl.auth.session import Freshness, State
from togetherctl.errors import LoginRequired, StorageError, TogetherctlError, Unreachable, Untrusted, about
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.issuers import Issuers
    from togetherctl.auth.session import Session, Token
    from togetherctl.store.choices import Grant
    from togetherctl.store.profile import Profile

# A token served because the issuer cannot be reached keeps a client from asking again for this long.
_RETRY_SECONDS = 30.0
# Whoever waits for another's login waits a little longer than that login may take.
_LOCK_GRACE = 5.0
# Longer than a refresh takes, whose new token must not come after the deletion; shorter than a login.
_LOGOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Policy:
    """What this run may do: `ask` a person anything, which includes opening a browser."""

    ask: bool = True


@dataclass(frozen=True)
class Credential:
    """A bearer token and the next moment worth asking again, in seconds since 1970."""

    token: Token
    ask_again_at: float


class Outcome(Enum):
    """How a wish for a valid session was met."""

    STILL_VALID = "still valid"
    REFRESHED = "refreshed"
    LOGGED_IN = "logged in"


@dataclass(frozen=True)
class Ended:
    """A session that was logged out, if there was one, and whether the issuer revoked its tokens.

    `unread` where one was deleted that could not be opened.
    """

    session: Session | None
    revoked: bool = False
    unread: bool = False


class Engine:
    """Everything it needs from the world is a parameter; `wiring` passes the real ones."""

    def __init__(
        self,
        *,
        sessions: Callable[[Profile], Sessions],
        issuers: Issuers,
        conversation: Conversation,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._sessions = sessions
        self._issuers = issuers
        self._conversation = conversation
        self._clock = clock
        self._sleep = sleep

    def credential(self, profile: Profile, policy: Policy) -> Credential:
        """What kubectl gets. Raises LoginRequired, Unreachable, Refused, Untrusted and StorageError."""
        with about(profile.name, profile.issuer.url):
            served = self._served(profile, self.load(profile))
            if served is not None:
                return served
            try:
                with self._locked(profile):
                    session = self.load(profile)  # someone may have refreshed while this waited
                    return self._served(profile, session) or self._renewed(profile, session, policy)
            except LockTimeout:
                session = self.load(profile)
                return self._served(profile, session) or self._served_late(profile, session, _busy())

    def login(
        self, profile: Profile, policy: Policy, *, grant: Grant | None = None, force: bool = False
    ) -> tuple[Session, Outcome]:
        """A valid session, by whatever it takes; with `force` always by a login. Raises as `credential` does."""
        with self._holding(profile):
            session = self._load_for_login(profile)
            reason = "login required: it was asked for"
            if not force:
                if self._is_usable(profile, session):
                    return _there(session), Outcome.STILL_VALID
                try:
                    return self._refreshed(profile, session), Outcome.REFRESHED
                except LoginRequired as error:
                    reason = error.message
            if not policy.ask:
                raise LoginRequired(f"{reason}; nobody can be asked here", hint=_command(profile))
            return self._logged_in(profile, grant or profile.grant), Outcome.LOGGED_IN

    def refresh(self, profile: Profile, *, force: bool = False) -> Session:
        """The session with new tokens; never opens a login. With `force` even a refused refresh token is tried.

        Raises as `credential` does.
        """
        with self._holding(profile):
            return self._refreshed(profile, self.load(profile), force=force)

    def logout(self, profile: Profile, *, local: bool = False) -> Ended:
        """Revoke the session's tokens at the issuer unless `local`, then delete it whatever came of that.

        Raises Unreachable and Refused, after deleting, and StorageError.
        """
        with about(profile.name, profile.issuer.url):
            try:
                with self._locked(profile, seconds=_LOGOUT_SECONDS):
                    return self._ended(profile, local=local)
            except LockTimeout:
                # Whoever is still busy is in a login; what it brings is a session of its own.
                return self._ended(profile, local=local)

    def load(self, profile: Profile) -> Session | None:
        """The session as it is stored; no network, no lock. Raises StorageError."""
        return self._sessions(profile).load(profile.key)

    def _load_for_login(self, profile: Profile) -> Session | None:
        """As `load`, but what only a login gets past is none."""
        try:
            return self.load(profile)
        except Unopenable:
            return None

    def state(self, profile: Profile, session: Session | None) -> State:
        return session.state(profile.token, profile.margin, self._clock()) if session else State.NONE

    # Serving

    def _freshness(self, profile: Profile, session: Session | None) -> Freshness:
        if session is None:
            return Freshness.EXPIRED
        return session.freshness(profile.token, profile.margin, self._clock())

    def _is_usable(self, profile: Profile, session: Session | None) -> bool:
        return self._freshness(profile, session) in (Freshness.FRESH, Freshness.STALE)

    def _served(self, profile: Profile, session: Session | None) -> Credential | None:
        """Fresh and stale tokens go out as they are."""
        if not self._is_usable(profile, session):
            return None
        return self._credential(profile, session)

    def _served_late(self, profile: Profile, session: Session | None, error: TogetherctlError) -> Credential:
        """What is still valid, because nothing newer is to be had; else the reason why not."""
        now = self._clock()
        token = session.token(profile.token) if session else None
        if token is None or token.expires_at <= now:
            raise error
        left = token.expires_at - now
        self._conversation.warn(f"{error.message}; the token in hand is good for another {left:.0f} s")
        return Credential(token, min(token.expires_at, now + _RETRY_SECONDS))

    def _credential(self, profile: Profile, session: Session | None) -> Credential:
        """The session's token, to be asked for again at the next turn of its life. Raises Untrusted."""
        now = self._clock()
        token = session.token(profile.token) if session else None
        if token is None or token.expires_at <= now:
            raise Untrusted(f"the issuer gave no {profile.token} token that is valid")
        turns = (token.stale_at, token.due_at(profile.margin), token.expires_at)
        return Credential(token, next(moment for moment in turns if moment > now))

    # Renewing

    def _renewed(self, profile: Profile, session: Session | None, policy: Policy) -> Credential:
        """Due or expired: refresh, else log in if that is allowed, else say what to run."""
        try:
            return self._credential(profile, self._refreshed(profile, session))
        except Unreachable as error:
            return self._served_late(profile, session, error)
        except LoginRequired as error:
            if policy.ask and profile.may_log_in:
                return self._credential(profile, self._logged_in(profile, profile.grant))
            if session is not None and session.refresh_token is None and self._is_valid(profile, session):
                # Nothing could have renewed it, so it serves to its end.
                return self._credential(profile, session)
            raise error from None

    def _is_valid(self, profile: Profile, session: Session) -> bool:
        return self._freshness(profile, session) is not Freshness.EXPIRED

    def _refreshed(self, profile: Profile, session: Session | None, *, force: bool = False) -> Session:
        """The session refreshed and stored; what went wrong is noted in it.

        Raises LoginRequired where only a login helps, and Unreachable, Refused and Untrusted.
        """
        reason = _why_not(session, force=force)
        if session is None or reason:
            raise LoginRequired(f"login required: {reason}", hint=_command(profile))
        try:
            renewed = self._refresh_or_read_again(profile, session)
        except RefreshTokenDead as error:
            self._note(profile, session, error, refused=True)
            raise LoginRequired(f"login required: {error.message}", hint=_command(profile)) from None
        except TogetherctlError as error:
            self._note(profile, session, error)
            raise
        if not self._is_valid(profile, renewed):
            raise LoginRequired(
                f"login required: the issuer refreshes this session without a new {profile.token} token",
                hint=_command(profile),
            )
        return renewed

    def _refresh_or_read_again(self, profile: Profile, session: Session) -> Session:
        try:
            return self._refresh_once(profile, session)
        except RefreshTokenDead:
            # Somebody on another machine may share this folder and have been first.
            newer = self.load(profile)
            if newer is None or not newer.refreshable or newer.refresh_token == session.refresh_token:
                raise
            return newer if self._is_usable(profile, newer) else self._refresh_once(profile, newer)

    def _refresh_once(self, profile: Profile, session: Session) -> Session:
        # Before the clock of the refresh starts: a command that reads the secret may ask a person.
        credentials = ClientCredentials.read(profile)
        with self._issuers.http(profile.issuer.url, profile.issuer.connection, TOTAL_SECONDS) as http:
            renewed, trouble = refresh(
                profile,
                session,
                credentials=credentials,
                discovery=self._issuers.discovery(profile, http),
                http=http,
                clock=self._clock,
                sleep=self._sleep,
            )
        self._keep(profile, renewed)
        if trouble is not None:
            raise trouble
        return renewed

    def _logged_in(self, profile: Profile, grant: Grant) -> Session:
        aside = self._sessions(profile).set_aside(profile.key)
        if aside is not None:
            self._conversation.warn(f"the session file could not be understood; it is kept as {aside}")
        session = self._issuers.log_in(profile, grant)
        self._keep(profile, session)
        return session

    # Ending

    def _ended(self, profile: Profile, *, local: bool) -> Ended:
        sessions = self._sessions(profile)
        session, revoked, unread = None, False, False
        try:
            session = sessions.load(profile.key, though_open=True)
            if session is not None and not local:
                revoked = self._issuers.revoke(profile, session)
        except StorageError as error:
            error.hint = "the session is deleted here, but the issuer was not told and may still accept its tokens"
            if not local:
                raise
            unread = True
        finally:
            deleted = sessions.delete(profile.key)
        return Ended(session, revoked, unread=unread and deleted)

    # Storing

    def _keep(self, profile: Profile, session: Session) -> None:
        """Store the session; a full disk costs the next login, not this token."""
        try:
            self._sessions(profile).save(profile.key, session)
        except (OSError, StorageError) as error:
            reason = error.message if isinstance(error, StorageError) else error.strerror
            self._conversation.warn(
                f"the session of profile {profile.name} could not be saved ({reason}); it ends with this token"
            )

    def _note(self, profile: Profile, session: Session, error: TogetherctlError, *, refused: bool = False) -> None:
        """Note a failure in the stored session, which the failed attempt may have changed."""
        try:
            stored = self.load(profile) or session
            noted = stored.failed(self._clock(), error.code, error.message, refused=refused)
            self._sessions(profile).save(profile.key, noted)
        except (OSError, StorageError):
            # The failure itself is what the caller hears of.
            return

    @contextmanager
    def _locked(self, profile: Profile, *, seconds: float | None = None) -> Iterator[None]:
        """The session's lock: for as long as another's login may take, or for `seconds`. Raises LockTimeout."""

        def waiting() -> None:
            self._conversation.say(f"waiting for another togetherctl that is busy with profile {profile.name}")

        seconds = profile.login_timeout + _LOCK_GRACE if seconds is None else seconds
        with self._sessions(profile).lock(profile.key, seconds=seconds, waiting=waiting):
            yield

    @contextmanager
    def _holding(self, profile: Profile) -> Iterator[None]:
        """The session's lock, and its profile and issuer named on every error."""
        with about(profile.name, profile.issuer.url):
            try:
                with self._locked(profile):
                    yield
            except LockTimeout:
                raise _busy() from None


def _why_not(session: Session | None, *, force: bool) -> str:
    """Why a session cannot be refreshed; empty where it can."""
    if session is None:
        return "there is no session"
    if session.refresh_token is None:
        return "the session has expired, and the issuer gave no refresh token with it"
    if session.refused and not force:
        return "the issuer ended the session"
    return ""


def _there(session: Session | None) -> Session:
    assert session is not None  # noqa: S101 # told to the type checker: what is usable is there
    return session


def _command(profile: Profile) -> str:
    return f"togetherctl login {profile.name}"


def _busy() -> TogetherctlError:
    return TogetherctlError(
        "another togetherctl has been busy with this session for too long", hint="end it, or try again"
    )
