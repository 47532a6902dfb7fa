"""Decide what a caller gets: serve a token, refresh the session, or log in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from functools import cached_property

from togetherctl.auth.cache.base import Unopenable
from togetherctl.auth.session import Freshness, Session, State, Token
from togetherctl.auth.session_lock import SessionLocks
from togetherctl.auth.time_limits import RETRY_SECONDS
from togetherctl.errors import (
    LoginRequired,
    Refused,
    Remedy,
    StorageError,
    TogetherctlError,
    Unreachable,
    Untrusted,
    about,
    also,
)
from togetherctl.lock import LockTimeout
from togetherctl.printable import printable
from togetherctl.records import dataclass, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from togetherctl.auth.cache.login_record import LoginRecord
    from togetherctl.auth.collaborators import Collaborators
    from togetherctl.auth.session_lifecycle import Ended, SessionLifecycle
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Grant


@dataclass(frozen=True)
class Policy:
    """What this run may do: `ask` a person anything, which includes opening a browser; leave work `behind` itself."""

    ask: bool = True
    behind: bool = False


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
    """Serves, refreshes, logs in and logs out, for every face.

    `refresh_behind` starts a process that refreshes a profile's session; that process inherits the session's lock,
    given as an open file.
    """

    def __init__(self, collaborators: Collaborators, *, refresh_behind: Callable[[Profile, int], None]) -> None:
        self._deps = collaborators
        self._spawn_refresh = refresh_behind
        self._locks = SessionLocks(
            collaborators.sessions, collaborators.conversation, collaborators.clock, collaborators.ready.say_login
        )

    @cached_property
    def _lifecycle(self) -> SessionLifecycle:
        # A token that is served needs none of it.
        from togetherctl.auth.session_lifecycle import SessionLifecycle

        return SessionLifecycle(self._deps)

    def credential(self, profile: Profile, policy: Policy, *, renew: bool = False) -> Credential:
        """What kubectl gets; with `renew` a token that is younger than this call, where the issuer gives one.

        Raises LoginRequired, Unreachable, Refused, Untrusted and StorageError.
        """
        with _about(profile):
            began = self._deps.clock()
            session = self.load(profile)
            served = None if renew else self._serve(profile, session)
            if served is not None:
                self._prepare_next_call(profile, session, policy)
                return served
            try:
                with self._locks.hold(profile) as waited:
                    session = self.load(profile)  # someone may have refreshed while this waited
                    old = renew and not (waited and self._is_younger(profile, session, began))
                    served = None if old else self._serve(profile, session)
                    if session is not None and served is not None:
                        self._write_ready_if_fresh(profile, session)
                        return served
                    served = self._renew(profile, session, policy, waited_since=began if waited else None)
                    self._write_ready(profile, served)
                    return served
            except LockTimeout:
                session = self.load(profile)
                return self._serve(profile, session) or self._serve_late(profile, session, _busy())

    def login(
        self, profile: Profile, policy: Policy, *, grant: Grant | None = None, force: bool = False
    ) -> tuple[Session, Outcome]:
        """A valid session, by whatever it takes; with `force` always by a login. Raises as `credential` does."""
        with self._hold(profile):
            session = self._load_for_login(profile)
            trouble: TogetherctlError = LoginRequired("login required: it was asked for")
            if not force:
                if (
                    session
                    and self._deps.freshness(profile, session).is_usable
                    and not self._is_ending(profile, session)
                ):
                    return session, Outcome.STILL_VALID
                try:
                    return self._refresh(profile, session), Outcome.REFRESHED
                except (LoginRequired, Refused, Unreachable) as error:
                    trouble = error
            grant = grant or profile.grant
            if not policy.ask and not _is_non_interactive(profile, grant):
                if not isinstance(trouble, LoginRequired):
                    raise trouble
                raise LoginRequired(f"{trouble.message}; this command cannot ask for one here", hint=profile.ways.login)
            self._explain(trouble, asked_for=True)
            session = self._lifecycle.log_in(profile, grant, asked_for=True)
            self._write_ready_if_fresh(profile, session)
            return session, Outcome.LOGGED_IN

    def refresh(self, profile: Profile, *, force: bool = False) -> Session:
        """The session with new tokens; never opens a login. With `force` even a refused refresh token is tried.

        A client that needs no person simply asks for new tokens. Raises as `credential` does.
        """
        with self._hold(profile):
            try:
                return self._refresh(profile, self.load(profile), force=force)
            except LoginRequired:
                if not _is_non_interactive(profile, profile.grant):
                    raise
                session = self._lifecycle.log_in(profile, profile.grant, asked_for=True)
                self._write_ready_if_fresh(profile, session)
                return session

    def refresh_behind(self, profile: Profile, lock: int | None = None) -> Session | None:
        """Refresh where no caller waits for it, and leave a ready file; gives the session as it is stored then.

        `lock` is the one that a caller left open as this descriptor; without it, it is taken if it is free right now.
        What goes wrong is noted in the session. Raises LockTimeout, and as `credential` does.
        """
        with (
            _about(profile),
            self._deps.sessions(profile).lock(profile.key, handed_over=lock),
        ):
            session = self.load(profile)
            if session is None or self._deps.freshness(profile, session) is not Freshness.FRESH:
                return self._refresh(profile, session)
            self._write_ready_if_fresh(profile, session)
            return session

    def logout(self, profile: Profile, *, local: bool = False) -> Ended:
        """Revoke the session's tokens at the issuer unless `local`, then delete it whatever came of that.

        Unsafe storage, or a lock that cannot be made, changes nothing of this. Raises Unreachable and Refused, after
        deleting, and StorageError where something could not be deleted, or be read to be revoked.
        """
        with _about(profile), ExitStack() as held:
            alone, unsafe = True, None
            # What killed writers left, before the lock is taken and one of it becomes the session.
            before = self._deps.sessions(profile).found(profile.key, if_left=True).left
            try:
                held.enter_context(self._locks.hold(profile, for_logins=False))
            except LockTimeout:
                # The other process is in a login; what it brings is a session of its own.
                alone = False
            except StorageError as error:
                unsafe = error
            try:
                ended = self._lifecycle.log_out(profile, local=local, alone=alone, before=before)
            except TogetherctlError as error:
                if unsafe is not None:
                    error.remedy = also(error.remedy, also(Remedy(unsafe.message), unsafe.remedy))
                raise
            unsafe = unsafe or ended.unsafe
            if unsafe is not None:
                unsafe.profile, unsafe.issuer = profile.name, printable(profile.issuer.url)
            return replace(ended, unsafe=unsafe)

    def load(self, profile: Profile) -> Session | None:
        """The session as it is stored; no network, no lock. Raises StorageError.

        One of another issuer or client is none: a file that was put in its place must not send tokens elsewhere.
        """
        session = self._deps.sessions(profile).load(profile.key)
        return session if session and session.is_of(profile.issuer.url, profile.client_id) else None

    def login_under_way(self, profile: Profile) -> LoginRecord | None:
        """The login of this session that a process which still runs has opened; one small file, no lock, no waiting."""
        record = self._deps.sessions(profile).login_file(profile.key).read()
        return record if record is not None and record.under_way and not record.is_abandoned else None

    def _load_for_login(self, profile: Profile) -> Session | None:
        """As `load`, but what only a login gets past is none."""
        try:
            return self.load(profile)
        except Unopenable:
            return None

    def state(self, profile: Profile, session: Session | None) -> State:
        return session.state(profile, self._deps.clock()) if session else State.NONE

    # Serving

    def _is_ending(self, profile: Profile, session: Session) -> bool:
        """Whether a stale token is all that is left, since the issuer refused to refresh it."""
        return session.refused and self._deps.freshness(profile, session) is not Freshness.FRESH

    def _is_younger(self, profile: Profile, session: Session | None, moment: float) -> bool:
        token = session.token(profile.token) if session else None
        return token is not None and token.obtained_at >= moment

    def _serve(self, profile: Profile, session: Session | None) -> Credential | None:
        """Fresh and stale tokens go out as they are."""
        usable = self._deps.freshness(profile, session).is_usable
        return self._credential_of(profile, session) if usable else None

    def _serve_late(self, profile: Profile, session: Session | None, error: TogetherctlError) -> Credential:
        """What is still valid, because there is nothing newer; else the reason why not."""
        now = self._deps.clock()
        token = session.token(profile.token) if session else None
        if token is None or token.expires_at <= now:
            raise error
        left = token.expires_at - now
        self._deps.conversation.warn(f"{error.message}; the token in hand is good for another {left:.0f} s")
        return Credential(token, min(token.expires_at, now + RETRY_SECONDS))

    def _credential_of(self, profile: Profile, session: Session | None) -> Credential:
        """The session's token, to be asked for again at the next turn of its life. Raises Untrusted."""
        now = self._deps.clock()
        token = session.token(profile.token) if session else None
        if session is None or token is None or token.expires_at <= now:
            raise Untrusted(f"the issuer gave no {profile.token} token that is valid")
        turns = (token.stale_at(session.early(profile.key)), token.due_at(profile.margin))
        # Kubernetes counts whole seconds, and a moment that is past makes every request ask.
        return Credential(token, next((moment for moment in turns if moment >= now + 1), token.expires_at))

    # Ahead of the next call

    def _prepare_next_call(self, profile: Profile, session: Session | None, policy: Policy) -> None:
        """A good token becomes a ready file, a stale one for a moment; that is refreshed behind the caller's back."""
        if profile.storage == "memory" or not profile.ready_as:
            return  # no other process can do anything with it, or none is asked to
        fresh = session is not None and self._keeps_ready(profile, session)
        if session is None or not (
            self._lacks_ready(profile) if fresh else self._wants_refresh(profile, session, policy)
        ):
            return
        # The caller is served already; what fails here fails again where it matters.
        with suppress(StorageError, OSError), self._locks.try_hold(profile) as held:
            # Only what is stored at this moment: a logout may have come in between.
            if held is None or self.load(profile) != session:
                return
            if fresh:
                self._write_ready_if_fresh(profile, session)
            else:
                # Before the refresh begins, whose own ready file comes in its place.
                self._write_ready_for_a_moment(profile, session)
                self._spawn_refresh(profile, held.descriptor)

    def _lacks_ready(self, profile: Profile) -> bool:
        return not self._deps.ready.is_good(profile.ready_as, profile.storage, now=self._deps.clock())

    def _wants_refresh(self, profile: Profile, session: Session, policy: Policy) -> bool:
        if not policy.behind or not session.refreshable:
            return False
        failed, token = session.last_error, session.token(profile.token)
        if failed is None or token is None:
            return True
        return not 0 <= self._deps.clock() - failed.at < self._pause(token)

    def _pause(self, token: Token) -> float:
        """How long a stale token goes out without another look at it; one that lives for seconds has no half minute."""
        return min(RETRY_SECONDS, (token.expires_at - token.stale_at(0.0)) / 4)

    def _write_ready_if_fresh(self, profile: Profile, session: Session) -> None:
        if self._keeps_ready(profile, session):
            self._write_ready(profile, self._credential_of(profile, session))

    def _keeps_ready(self, profile: Profile, session: Session) -> bool:
        """Whether its token may lie ready: as long as it is fresh, and until it is due where none is refreshed behind.

        A process behind is told the profile's name, and the words of flags are no other process's to see.
        """
        freshness = self._deps.freshness(profile, session)
        return freshness is Freshness.FRESH or (not profile.name and freshness.is_usable)

    def _write_ready_for_a_moment(self, profile: Profile, session: Session) -> None:
        """Many calls come while a stale token is refreshed; never until a refresh would be waited for."""
        credential = self._credential_of(profile, session)
        soon = self._deps.clock() + self._pause(credential.token)
        self._write_ready(profile, credential, until=min(soon, credential.token.due_at(profile.margin)))

    def _write_ready(self, profile: Profile, credential: Credential, *, until: float | None = None) -> None:
        if not profile.ready_as:
            return  # no call could ask for it
        self._deps.ready.write(
            profile.ready_as,
            profile.key,
            profile.storage,
            token=credential.token.value,
            ask_again_at=credential.ask_again_at,
            until=until or credential.ask_again_at,
            now=self._deps.clock(),
        )

    # Renewing

    def _renew(
        self, profile: Profile, session: Session | None, policy: Policy, *, waited_since: float | None
    ) -> Credential:
        """Due or expired: refresh, else log in if that is allowed, else say what to run."""
        try:
            if waited_since is not None:
                self._lifecycle.raise_failure_of_others(session, since=waited_since)
            try:
                renewed = self._lifecycle.refresh(profile, session)
            except LoginRequired as error:
                if not (policy.ask and profile.may_log_in) and not _is_non_interactive(profile, profile.grant):
                    raise
                self._explain(error)
                renewed = self._lifecycle.log_in(profile, profile.grant, waited_since=waited_since)
            return self._credential_of(profile, renewed)
        except Unreachable as error:
            return self._serve_late(profile, session, error)
        except LoginRequired as error:
            freshness = self._deps.freshness(profile, session)
            lasting = _is_no_new_token(error) or (session is not None and session.refresh_token is None)
            if freshness is Freshness.DUE or (lasting and freshness is not Freshness.EXPIRED):
                # Nothing could have renewed it, so it serves to its end.
                return self._credential_of(profile, session)
            raise

    def _explain(self, error: TogetherctlError, *, asked_for: bool = False) -> None:
        """A login at every expiry is something to mend, so it is said why; so is what ended a refresh a person saw."""
        if _is_no_new_token(error):
            self._deps.conversation.warn(error.message)
        elif asked_for and not isinstance(error, LoginRequired):
            self._deps.conversation.warn(f"the session could not be refreshed: {error.message}; going on with a login")

    def _refresh(self, profile: Profile, session: Session | None, *, force: bool = False) -> Session:
        renewed = self._lifecycle.refresh(profile, session, force=force)
        self._write_ready_if_fresh(profile, renewed)
        return renewed

    @contextmanager
    def _hold(self, profile: Profile) -> Iterator[None]:
        """The session's lock, and its profile and issuer named on every error."""
        with _about(profile):
            try:
                with self._locks.hold(profile):
                    yield
            except LockTimeout:
                raise _busy() from None


def _about(profile: Profile) -> AbstractContextManager[None]:
    """Say of errors whose they are, and what looks for a cause that is not certain."""
    return about(profile.name, profile.issuer.url, doctor=profile.ways.doctor)


def _is_no_new_token(error: TogetherctlError) -> bool:
    from togetherctl.auth.refresh import NoNewToken

    return isinstance(error, NoNewToken)


def _is_non_interactive(profile: Profile, grant: Grant) -> bool:
    # A session that is fresh needs no grant.
    from togetherctl.auth.grants.registry import is_non_interactive

    return is_non_interactive(profile, grant)


def _busy() -> TogetherctlError:
    return TogetherctlError(
        "another togetherctl has been busy with this session for too long", hint="end it, or try again"
    )
