"""New tokens for a session: by its refresh token, or by a login. They are stored before anything of them is used.

All of it is called under the session's lock.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from togetherctl.auth.answers import RefusedForGood
from togetherctl.auth.cache.sessions import Found, Unsafe
from togetherctl.auth.client_auth import ClientCredentials
from togetherctl.auth.one_login import OneLogin
from togetherctl.auth.refresh import TOTAL_SECONDS, NoNewToken, refresh
from togetherctl.auth.session import Freshness
from togetherctl.auth.turn import REFRESH_SECONDS
from togetherctl.errors import (
    LoginRequired,
    Refused,
    Remedy,
    StorageError,
    TogetherctlError,
    Unreachable,
    Untrusted,
    had_no_answer,
)
from togetherctl.undisturbed import undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from togetherctl.auth.cache.ready import ReadyFiles
    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.issuers import Issuers
    from togetherctl.auth.logout import Revocation
    from togetherctl.auth.session import Session
    from togetherctl.store.choices import Grant
    from togetherctl.store.profile import Profile

_JUST_NOW = 10.0
_NOT_TOLD = "the session is deleted here, but the issuer was not told and may still accept its tokens"
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


class Renewal:
    """Everything it needs from the world is a parameter, as for the engine it works for."""

    def __init__(
        self,
        *,
        sessions: Callable[[Profile], Sessions],
        ready: ReadyFiles,
        issuers: Issuers,
        conversation: Conversation,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._sessions = sessions
        self._ready = ready
        self._issuers = issuers
        self._conversation = conversation
        self._clock = clock
        self._sleep = sleep

    def refreshed(self, profile: Profile, session: Session | None, *, force: bool = False) -> Session:
        """The session refreshed and stored; what went wrong is noted in it.

        With `force` even a refused refresh token is tried. Raises LoginRequired where only a login helps, and
        Unreachable, Refused and Untrusted.
        """
        good = session is not None and self._is_good(profile, session)
        reason = _why_not(session, good=good, force=force)
        if session is None or reason:
            raise _login_required(profile, reason, good=good)
        try:
            renewed = self._refresh_or_read_again(profile, session)
        except RefusedForGood as error:
            raise _login_required(profile, error.message, good=good) from None
        except TogetherctlError as error:
            self._note(profile, session, error)
            if isinstance(error, Refused):
                error.remedy = error.remedy or replace(profile.ways.login, text="if this does not end, log in again")
            raise
        if renewed.token(profile.token) in (None, session.token(profile.token)):
            missing = NoNewToken.of(profile)
            self._note(profile, renewed, missing)
            raise missing
        return renewed

    def refuse_as_others_were(self, session: Session | None, *, since: float) -> None:
        """Raise what a refresh failed with while this process waited for it, `since` in seconds since 1970.

        One that had no answer is tried once more, by one of those who waited: the issuer may answer the next.
        """
        failed = session.last_error if session and not session.refused else None
        # A failure in the future was noted before the clock was set back.
        if failed is None or not since <= failed.at <= self._clock() or failed.timed_out:
            return
        if failed.code in _KINDS:
            raise _KINDS[failed.code](failed.message)

    def logged_in(
        self,
        profile: Profile,
        grant: Grant,
        *,
        asked_for: bool = False,
        waited_since: float | None = None,
    ) -> Session:
        """The session of a new login, stored. Raises LoginRequired, Unreachable, Refused, Untrusted and UsageError.

        Where nobody `asked_for` it in so many words, it does not come too soon after one that failed.
        """
        sessions = self._sessions(profile)
        logins = OneLogin(sessions.login_file(profile.key), profile, clock=self._clock, process=os.getpid())
        if not asked_for:
            logins.refuse_too_soon(waited_since=waited_since)
        aside = sessions.set_aside(profile.key)
        if aside is not None:
            self._conversation.warn(f"the session file could not be understood; it is kept as {aside}")
        with logins.under_way(asked_for=asked_for) as opened_at:
            session = self._issuers.log_in(profile, grant, opened_at)
            self._keep(profile, session)
        return session

    def ended(self, profile: Profile, *, local: bool, alone: bool = True, before: Sequence[Session] = ()) -> Ended:
        """Delete the session, after revoking it unless `local`; not `alone`, the record of a login under way stays.

        What killed writers left is revoked and deleted with it, and what was found of it `before`. Raises Unreachable
        and Refused, and StorageError where a session could not be read to be revoked, or not be deleted; all else is
        done all the same.
        """
        sessions = self._sessions(profile)
        self._ready.drop(profile.key)
        found = Found(None)
        revoked: Revocation | None = None
        try:
            found = sessions.found(profile.key)
            # A file that was put in this one's place must not send one issuer's tokens to another.
            every = (found.session, *found.left, *before)
            own = [each for each in every if each and each.is_of(profile.issuer.url, profile.client_id)]
            if not local:
                revoked = self._revoked(profile, own)
                if found.trouble is not None and not own:
                    found.trouble.remedy = Remedy(_NOT_TOLD)
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
                self._ready.drop(profile.key)
        unsafe = found.trouble if not local or isinstance(found.trouble, Unsafe) else None
        if unsafe is not None:
            unsafe.remedy = None  # what was wrong there is gone
        return Ended(
            own[0] if own else None, revoked, unread=deleted and not own and found.trouble is not None, unsafe=unsafe
        )

    def _revoked(self, profile: Profile, sessions: Sequence[Session]) -> Revocation | None:
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
                one = self._issuers.revoke(profile, session)
                came = came or one
            except TogetherctlError as error:
                if session is sessions[0] or not isinstance(error, Refused):
                    failed = failed or error
        if failed is not None:
            raise failed
        return came

    def _refresh_or_read_again(self, profile: Profile, session: Session) -> Session:
        try:
            return self._refresh_or_mark(profile, session)
        except RefusedForGood:
            # Somebody on another machine may share this folder and have been first.
            newer = self._sessions(profile).load(profile.key)
            if newer is None or not newer.refreshable or newer.refresh_token == session.refresh_token:
                raise
            if not newer.is_of(profile.issuer.url, profile.client_id):
                raise
            return newer if self._is_good(profile, newer) else self._refresh_or_mark(profile, newer)

    def _refresh_or_mark(self, profile: Profile, session: Session) -> Session:
        """Refresh once; a refusal is marked in the session, so that no other process asks for it again."""
        try:
            return self._refresh_once(profile, session)
        except RefusedForGood as error:
            self._note(profile, session, error, refused=True)
            raise

    def _is_good(self, profile: Profile, session: Session) -> bool:
        freshness = session.freshness(profile.token, profile.margin, self._clock())
        return freshness in (Freshness.FRESH, Freshness.STALE)

    def _refresh_once(self, profile: Profile, session: Session) -> Session:
        # Before the clock of the refresh starts: a command that reads the secret may ask a person.
        credentials = ClientCredentials.read(profile)
        # From the request to the disk: whoever presses Ctrl-C in between would lose the new refresh token.
        with undisturbed() as let_through:

            def sleep(seconds: float) -> None:
                let_through()
                self._sleep(seconds)
                let_through()

            with self._issuers.http(profile.issuer.url, profile.issuer.connection, TOTAL_SECONDS) as http:
                renewed, trouble = refresh(
                    profile,
                    session,
                    credentials=credentials,
                    discovery=self._issuers.discovery(profile, http),
                    http=http,
                    clock=self._clock,
                    sleep=None if self._failed_just_now(session) else sleep,
                )
            self._refuse_if_ended(profile)
            self._keep(profile, renewed)
        if trouble is not None:
            raise trouble
        return renewed

    def _failed_just_now(self, session: Session) -> bool:
        # kubectl asks several times for one command: what the first call waited for in vain, the next need not.
        failed = session.last_error
        return failed is not None and 0 <= self._clock() - failed.at < _JUST_NOW

    def _refuse_if_ended(self, profile: Profile) -> None:
        """Raises LoginRequired where somebody logged out, who did not wait for this refresh: that is to stay so."""
        with suppress(StorageError):
            if self._sessions(profile).load(profile.key) is None:
                raise LoginRequired("login required: somebody logged out meanwhile", hint=profile.ways.login)

    def _keep(self, profile: Profile, session: Session) -> None:
        """Store the session; a full disk costs the next login, not this token."""
        try:
            self._sessions(profile).save(profile.key, session)
        except (OSError, StorageError) as error:
            reason = error.message if isinstance(error, StorageError) else error.strerror
            self._conversation.warn(
                f"the session of {profile.called} could not be saved ({reason}); it ends with this token"
            )
        self._ready.drop(profile.key)

    def _note(self, profile: Profile, session: Session, error: TogetherctlError, *, refused: bool = False) -> None:
        """Note a failure in the stored session, which the failed attempt may have changed."""
        try:
            sessions = self._sessions(profile)
            stored = sessions.load(profile.key)
            if stored is None:
                return  # somebody logged out meanwhile
            if refused and stored.refresh_token != session.refresh_token:
                return  # not the one that was refused
            now, last = self._clock(), stored.last_error
            # The second in a row is everybody's: the issuer is away, and they do not try one after the other.
            again = last is not None and last.timed_out and 0 <= now - last.at < REFRESH_SECONDS
            timed_out = had_no_answer(error) and not again
            sessions.save(
                profile.key, stored.failed(now, error.code, error.message, refused=refused, timed_out=timed_out)
            )
        except (OSError, StorageError):
            # The failure itself is what the caller hears of.
            return


def _why_not(session: Session | None, *, good: bool, force: bool) -> str:
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
