"""The one place that decides what a caller gets: serve, refresh, or log in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from togetherctl.auth.refresh import TOTAL_SECONDS, RefreshTokenDead, refresh
from togetherctl.auth.session import Freshness, State
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Unreachable, about
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from togetherctl.auth.cache.file import FileSessions
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.discovery import Discovery
    from togetherctl.auth.session import Session, Token
    from togetherctl.store.profile import Grant, Profile
    from togetherctl.transport import HTTP

    class Issuers(Protocol):
        """How an issuer is reached."""

        def http(self, profile: Profile, total_seconds: float) -> HTTP: ...

        def discovery(self, profile: Profile, http: HTTP) -> Discovery: ...

        def log_in(self, profile: Profile, grant: Grant) -> Session: ...


# A token served because the issuer cannot be reached keeps a client from asking again for this long.
_RETRY_SECONDS = 30.0
# Whoever waits for another's login waits a little longer than that login may take.
_LOCK_GRACE = 5.0


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


class Engine:
    """Everything it needs from the world is a parameter; `wiring` passes the real ones."""

    def __init__(
        self,
        *,
        sessions: Callable[[Profile], FileSessions],
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

    def credential(self, profile: Profile, *, may_log_in: bool) -> Credential:
        """What kubectl gets; `may_log_in` says whether this run may open a login, if the profile allows it too.

        Raises LoginRequired, Unreachable, Refused, Untrusted and StorageError.
        """
        with about(profile.name, profile.issuer.url):
            session = self.load(profile)
            served = self._served(profile, session)
            if served is not None:
                return served
            try:
                with self._locked(profile):
                    session = self.load(profile)  # someone may have refreshed while this waited
                    return self._served(profile, session) or self._renewed(profile, session, may_log_in=may_log_in)
            except LockTimeout:
                return self._served_late(profile, session, _busy(profile))

    def login(self, profile: Profile, *, grant: Grant | None = None, force: bool = False) -> tuple[Session, Outcome]:
        """A valid session, by whatever it takes; with `force` always by a login. Raises as `credential` does."""
        with about(profile.name, profile.issuer.url), self._locked_or_busy(profile):
            session = self.load(profile)
            if session is not None and not force:
                if self._served(profile, session) is not None:
                    return session, Outcome.STILL_VALID
                if session.refreshable:
                    try:
                        return self._refreshed(profile, session), Outcome.REFRESHED
                    except RefreshTokenDead:
                        pass
            return self._logged_in(profile, grant or profile.grant), Outcome.LOGGED_IN

    def refresh(self, profile: Profile, *, force: bool = False) -> Session:
        """The session with new tokens; never opens a login. With `force` even a refused refresh token is tried."""
        with about(profile.name, profile.issuer.url), self._locked_or_busy(profile):
            session = self.load(profile)
            if session is None:
                raise _login_required(profile, "there is no session")
            if session.refresh_token is None:
                raise _login_required(profile, "the issuer gave no refresh token with this session")
            if session.refused and not force:
                raise _login_required(profile, "the issuer refused this session's refresh token")
            try:
                return self._refreshed(profile, session)
            except RefreshTokenDead as error:
                raise _login_required(profile, error.message) from None

    def logout(self, profile: Profile, *, revoke: Callable[[Session], None] | None) -> Session | None:
        """End the session: `revoke` its tokens if given, then delete it whatever came of that. None: there was none.

        Raises what `revoke` raises, after deleting.
        """
        with about(profile.name, profile.issuer.url), self._locked_or_busy(profile):
            try:
                session = self.load(profile)
                if session is not None and revoke is not None:
                    revoke(session)
            finally:
                self._sessions(profile).delete(profile.key)
            return session

    def load(self, profile: Profile) -> Session | None:
        """The session as it is stored; no network, no lock. Raises StorageError."""
        return self._sessions(profile).load(profile.key)

    def state(self, profile: Profile, session: Session | None) -> State:
        return session.state(profile.token, profile.margin, self._clock()) if session else State.NONE

    def _served(self, profile: Profile, session: Session | None) -> Credential | None:
        """Fresh and stale tokens go out as they are."""
        token = session.token(profile.token) if session else None
        if token is None:
            return None
        match token.freshness(profile.margin, self._clock()):
            case Freshness.FRESH:
                return Credential(token, token.stale_at)
            case Freshness.STALE:
                return Credential(token, token.due_at(profile.margin))
        return None

    def _renewed(self, profile: Profile, session: Session | None, *, may_log_in: bool) -> Credential:
        """Due or expired: refresh, else log in if that is allowed, else say what to run."""
        reason = "there is no session" if session is None else "the session has expired"
        if session is not None and session.refused:
            reason = "the issuer ended the session"
        if session is not None and session.refreshable:
            try:
                session = self._refreshed(profile, session)
            except RefreshTokenDead as error:
                reason = error.message
            except Unreachable as error:
                return self._served_late(profile, session, error)
            else:
                token = session.token(profile.token)
                if token is not None and token.expires_at > self._clock():
                    return Credential(token, self._ask_again_at(profile, token))
                reason = f"the issuer refreshes this session without a new {profile.token} token"
        if not (may_log_in and profile.may_log_in):
            token = session.token(profile.token) if session and not session.refresh_token else None
            if token is not None and token.expires_at > self._clock():
                return Credential(token, token.expires_at)
            raise _login_required(profile, reason)
        token = self._logged_in(profile, profile.grant).token(profile.token)
        if token is None:
            raise Refused(f"the issuer gave no {profile.token} token")
        return Credential(token, self._ask_again_at(profile, token))

    def _served_late(self, profile: Profile, session: Session | None, error: TogetherctlError) -> Credential:
        """What is still valid, because nothing newer is to be had; else the reason why not."""
        token = session.token(profile.token) if session else None
        now = self._clock()
        if token is None or token.expires_at <= now:
            raise error
        left = token.expires_at - now
        self._conversation.warn(f"{error.message}; the token in hand is good for another {left:.0f} s")
        return Credential(token, min(token.expires_at, now + _RETRY_SECONDS))

    def _ask_again_at(self, profile: Profile, token: Token) -> float:
        now = self._clock()
        moments = (token.stale_at, token.due_at(profile.margin), token.expires_at)
        return next((moment for moment in moments if moment > now), token.expires_at)

    def _refreshed(self, profile: Profile, session: Session) -> Session:
        """The session refreshed and stored; what went wrong is noted in it. Raises as `refresh` does."""
        try:
            return self._refresh_once(profile, session)
        except RefreshTokenDead as error:
            # Somebody on another machine may share this folder and have been first.
            newer = self.load(profile)
            if newer is not None and newer.refreshable and newer.refresh_token != session.refresh_token:
                return newer if self._served(profile, newer) else self._refresh_once(profile, newer)
            self._note(profile, session, error, refused=True)
            raise
        except TogetherctlError as error:
            self._note(profile, session, error)
            raise

    def _refresh_once(self, profile: Profile, session: Session) -> Session:
        with self._issuers.http(profile, TOTAL_SECONDS) as http:
            renewed, trouble = refresh(
                profile,
                session,
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

    def _keep(self, profile: Profile, session: Session) -> None:
        """Store the session; a full disk costs the next login, not this token."""
        try:
            self._sessions(profile).save(profile.key, session)
        except OSError as error:
            self._conversation.warn(
                f"the session of profile {profile.name} could not be saved ({error.strerror}); it ends with this token"
            )

    def _note(self, profile: Profile, session: Session, error: TogetherctlError, *, refused: bool = False) -> None:
        """Note a failure in the stored session, which the failed attempt may have changed."""
        stored = self.load(profile) or session
        noted = stored.failed(self._clock(), error.code, error.message, refused=refused)
        try:
            self._sessions(profile).save(profile.key, noted)
        except OSError:
            return

    @contextmanager
    def _locked(self, profile: Profile) -> Iterator[None]:
        def waiting() -> None:
            self._conversation.say(f"waiting for another togetherctl that is busy with profile {profile.name}")

        with self._sessions(profile).lock(profile.key, seconds=profile.login_timeout + _LOCK_GRACE, waiting=waiting):
            yield

    @contextmanager
    def _locked_or_busy(self, profile: Profile) -> Iterator[None]:
        try:
            with self._locked(profile):
                yield
        except LockTimeout:
            raise _busy(profile) from None


def _login_required(profile: Profile, reason: str) -> LoginRequired:
    return LoginRequired(f"login required: {reason}", hint=f"togetherctl login {profile.name}")


def _busy(profile: Profile) -> LoginRequired:
    return LoginRequired(
        "another togetherctl has been busy with this session for too long", hint=f"togetherctl login {profile.name}"
    )
