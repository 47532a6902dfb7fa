"""The life of a session: log in, refresh, log out; each result is stored before anything uses it.

Call all of it under the session's lock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

from togetherctl.auth.cache.base import FoundSession, Unsafe
from togetherctl.auth.client_auth import ClientCredentials
from togetherctl.auth.login_cooldown import LoginCooldown
from togetherctl.auth.refresh import NoNewToken, refresh
from togetherctl.auth.session import Session
from togetherctl.auth.time_limits import JUST_NOW_SECONDS, LOCK_SECONDS, REFRESH_SECONDS
from togetherctl.auth.token_response import RefusedForGood, Revocation
from togetherctl.errors import (
    LoginRequired,
    Refused,
    Remedy,
    StorageError,
    TogetherctlError,
    Unreachable,
    Untrusted,
    also,
    had_no_answer,
)
from togetherctl.records import dataclass, replace
from togetherctl.signals import defer_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.collaborators import Collaborators
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Grant

_KINDS: dict[str, type[TogetherctlError]] = {kind.code: kind for kind in (Unreachable, Refused, Untrusted)}


@dataclass(frozen=True)
class Ended:
    """A session that was logged out, if there was one, and what came of revoking its tokens; None: that was not asked.

    `unread` where one was deleted that could not be opened; `unsafe` says what was wrong with the storage, if anything.
    """

    session: Session | None
    revoked: Revocation | None = None
    unread: bool = False
    unsafe: StorageError | None = None


class SessionLifecycle:
    """Gets new tokens for a session, by its refresh token or by a login, and ends it."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._deps = collaborators

    # Refresh

    def refresh(self, profile: Profile, session: Session | None, *, force: bool = False) -> Session:
        """Refresh the session and store it; a failure is noted in it.

        With `force` even a refused refresh token is tried. Raises LoginRequired where only a login helps, and
        Unreachable, Refused and Untrusted.
        """
        good = self._deps.freshness(profile, session).is_usable
        reason = _explain_no_refresh(session, good=good, force=force)
        if session is None or reason:
            raise _login_required(profile, reason, good=good)
        try:
            try:
                renewed = self._ask_issuer(profile, session)
            except RefusedForGood:
                # A process on another machine may share this folder and have been first: read again, once.
                newer = self._read_newer(profile, session)
                if newer is None:
                    raise
                renewed = newer if self._deps.freshness(profile, newer).is_usable else self._ask_issuer(profile, newer)
        except RefusedForGood as error:
            raise _login_required(profile, error.message, good=good) from None
        except TogetherctlError as error:
            self._note(profile, session, error)
            if isinstance(error, Unreachable):
                error.lasts = self._was_away_before(session)
            elif isinstance(error, Refused):
                from togetherctl.auth.login_advice import explain_refusal

                again = replace(profile.ways.login, text="if this does not end, log in again")
                known = error.remedy or explain_refusal(error, profile)
                error.remedy = known or also(again, profile.ways.doctor)
            raise
        if renewed.token(profile.token) in (None, session.token(profile.token)):
            missing = NoNewToken.of(profile)
            self._note(profile, renewed, missing)
            raise missing
        return renewed

    def _ask_issuer(self, profile: Profile, session: Session) -> Session:
        """Refresh and store; a refusal is marked in the stored session, so that no other process asks again."""
        # Before the time of the refresh starts: a command that reads the secret may ask a person.
        credentials = ClientCredentials.read(profile)
        issuers, connection = self._deps.issuers, profile.issuer.connection
        try:
            # From the request to the disk: a Ctrl-C in between would lose the new refresh token.
            with defer_signals() as let_through:

                def sleep(seconds: float) -> None:
                    let_through()
                    self._deps.sleep(seconds)
                    let_through()

                with issuers.http(profile.issuer.url, connection, REFRESH_SECONDS) as http:
                    refreshed = refresh(
                        profile,
                        session,
                        credentials=credentials,
                        discovery=issuers.discovery(profile, http),
                        http=http,
                        clock=self._deps.clock,
                        sleep=None if self._has_just_failed(session) else sleep,
                    )
                self._raise_if_logged_out(profile)
                self._keep(profile, refreshed.session)
        except RefusedForGood as error:
            self._note(profile, session, error, refused=True)
            raise
        if refreshed.untrusted is not None:
            raise refreshed.untrusted
        return refreshed.session

    def _read_newer(self, profile: Profile, session: Session) -> Session | None:
        """The stored session of this client, if it has another refresh token that is not refused."""
        stored = self._deps.sessions(profile).load(profile.key)
        if stored is None or not stored.refreshable or stored.refresh_token == session.refresh_token:
            return None
        return stored if stored.is_of(profile.issuer.url, profile.client_id) else None

    def raise_failure_of_others(self, session: Session | None, *, since: float) -> None:
        """Raise what a refresh failed with while this process waited for it, `since` in seconds since 1970.

        After a refresh that had no answer, one of the processes that waited tries once more: the issuer may answer it.
        """
        failed = session.last_error if session and not session.refused else None
        # A failure in the future was noted before the clock was set back.
        if failed is None or not since <= failed.at <= self._deps.clock() or failed.timed_out:
            return
        if failed.code in _KINDS:
            raise _KINDS[failed.code](failed.message)

    # Log in

    def log_in(
        self,
        profile: Profile,
        grant: Grant,
        *,
        asked_for: bool = False,
        waited_since: float | None = None,
    ) -> Session:
        """The session of a new login, stored. Raises LoginRequired, Unreachable, Refused, Untrusted and UsageError.

        Unless a person `asked_for` it, the cooldown after a failed login is kept.
        """
        sessions = self._deps.sessions(profile)
        logins = LoginCooldown(
            sessions.login_file(profile.key), profile.ways, clock=self._deps.clock, process=os.getpid()
        )
        if not asked_for:
            logins.refuse_too_soon(waited_since=waited_since)
        aside = sessions.set_aside(profile.key)
        if aside is not None:
            self._deps.conversation.warn(f"the session file could not be understood; it is kept as {aside}")
        self._deps.ready.say_login(profile.ready_as)
        try:
            with logins.under_way(asked_for=asked_for) as opened_at:
                session = self._deps.issuers.log_in(profile, grant, opened_at)
                self._keep(profile, session)
        except Unreachable as error:
            error.lasts = True
            raise
        return session

    # Log out

    def log_out(self, profile: Profile, *, local: bool, alone: bool = True, before: Sequence[Session] = ()) -> Ended:
        """Delete the session, after revoking it unless `local`; not `alone`, the record of a login under way stays.

        What killed writers left is revoked and deleted with it, and what was found of it `before`. Raises Unreachable
        and Refused, and StorageError where a session could not be read to be revoked, or not be deleted; all else is
        done all the same.
        """
        sessions = self._deps.sessions(profile)
        self._deps.ready.drop(profile.key)
        found = FoundSession(None)
        revoked: Revocation | None = None
        try:
            found = sessions.found(profile.key)
            # A file that was put in this one's place must not send one issuer's tokens to another.
            every = (found.session, *found.left, *before)
            own = [each for each in every if each and each.is_of(profile.issuer.url, profile.client_id)]
            if not local:
                revoked = self._revoke(profile, own)
                if found.trouble is not None and not own:
                    found.trouble.remedy = None  # what was wrong there is gone
                    raise found.trouble
        finally:
            if alone:
                sessions.login_file(profile.key).clear()
            try:
                deleted = sessions.delete(profile.key)
            except StorageError as error:
                error.remedy = Remedy("the issuer has revoked its tokens") if revoked else error.remedy
                raise
            finally:
                self._deps.ready.drop(profile.key)
        unsafe = found.trouble if not local or isinstance(found.trouble, Unsafe) else None
        if unsafe is not None:
            unsafe.remedy = None  # what was wrong there is gone
        return Ended(
            own[0] if own else None, revoked, unread=deleted and not own and found.trouble is not None, unsafe=unsafe
        )

    def _revoke(self, profile: Profile, sessions: Sequence[Session]) -> Revocation | None:
        """Revoke every token once, and say what came of it. Raises what failed, after trying all.

        Of further sessions a refresh token may be spent, and an issuer may refuse to revoke that.
        """
        came, failed = None, None
        seen: set[str | None] = {None}
        for session in sessions:
            access = session.access_token.value if session.access_token else None
            if {session.refresh_token, access} <= seen:
                continue
            seen |= {session.refresh_token, access}
            try:
                one = self._deps.issuers.revoke(profile, session)
                came = came or one
            except TogetherctlError as error:
                if session is sessions[0] or not isinstance(error, Refused):
                    failed = failed or error
        if failed is not None:
            raise failed
        return came

    # What is stored

    def _has_just_failed(self, session: Session) -> bool:
        failed = session.last_error
        return failed is not None and 0 <= self._deps.clock() - failed.at < JUST_NOW_SECONDS

    def _was_away_before(self, session: Session) -> bool:
        failed = session.last_error
        return failed is not None and failed.code == Unreachable.code and not self._has_just_failed(session)

    def _raise_if_logged_out(self, profile: Profile) -> None:
        """Raises LoginRequired after a logout that did not wait for this refresh: the session stays deleted."""
        with suppress(StorageError):
            if self._deps.sessions(profile).load(profile.key) is None:
                raise LoginRequired("login required: the session was logged out meanwhile", hint=profile.ways.login)

    def _keep(self, profile: Profile, session: Session) -> None:
        """Store the session; a full disk costs the next login, not this token."""
        try:
            self._deps.sessions(profile).save(profile.key, session)
        except (OSError, StorageError) as error:
            reason = error.message if isinstance(error, StorageError) else error.strerror
            self._deps.conversation.warn(
                f"the session of {profile.called} could not be saved ({reason}); it ends with this token"
            )
        self._deps.ready.drop(profile.key)

    def _note(self, profile: Profile, session: Session, error: TogetherctlError, *, refused: bool = False) -> None:
        """Note a failure in the stored session, which the failed attempt may have changed."""
        # The caller hears of the failure itself, so a note that cannot be stored is no second one.
        with suppress(OSError, StorageError):
            sessions = self._deps.sessions(profile)
            stored = sessions.load(profile.key)
            if stored is None:
                return  # logged out meanwhile
            if refused and stored.refresh_token != session.refresh_token:
                return  # not the one that was refused
            now, last = self._deps.clock(), stored.last_error
            # After a second timeout in a row the issuer is away: the processes that wait do not try one by one.
            again = last is not None and last.timed_out and 0 <= now - last.at < LOCK_SECONDS
            timed_out = had_no_answer(error) and not again
            sessions.save(
                profile.key, stored.failed(now, error.code, error.message, refused=refused, timed_out=timed_out)
            )


def _explain_no_refresh(session: Session | None, *, good: bool, force: bool) -> str:
    """Why a session cannot be refreshed; empty where it can. `good`: its token can still be used."""
    if session is None:
        return "there is no session"
    if session.refresh_token is None:
        ended = "" if good else "the session has expired, and "
        return f"{ended}the issuer gave no refresh token with it"
    if session.refused and not force:
        return session.last_error.message if session.last_error else "the issuer refused to refresh the session"
    return ""


def _login_required(profile: Profile, reason: str, *, good: bool) -> LoginRequired:
    """Only a login brings new tokens; while the token in hand is `good`, only one that is forced."""
    if good:
        said = f"login required for new tokens: {reason}; the token in hand is still good"
        return LoginRequired(said, hint=profile.ways.forced_login)
    return LoginRequired(f"login required: {reason}", hint=profile.ways.login)
