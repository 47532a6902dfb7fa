"""Sessions from tokens in kubelogin's cache, so that nobody has to log in again.

A token is served only once its signature has been checked. Where the issuer cannot be asked for its keys, the session
begins expired: its refresh token gets new tokens, which are checked as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.auth.claims import check_account, identity
from togetherctl.auth.session import Freshness, Session, Token
from togetherctl.errors import StorageError, TogetherctlError, Unreachable, Untrusted
from togetherctl.kubelogin.old_cache import OldTokens, read_cache, time_of
from togetherctl.lock import LockTimeout
from togetherctl.store.choices import SESSION_OWNERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.claims import Claims
    from togetherctl.store.profile import Profile

_LOCK_SECONDS = 5.0


class NotTaken(Exception):
    """Nothing was taken over; the message says why, in words that follow the profile's name."""


class TakeOver:
    """What it needs of the world: where sessions are kept, a check of ID tokens by the issuer's keys, the clock.

    `verify` raises Unreachable where the issuer cannot be asked, and Untrusted.
    """

    def __init__(
        self,
        sessions: Callable[[Profile], Sessions],
        verify: Callable[[Profile, str], Claims],
        clock: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._verify = verify
        self._clock = clock

    def all(self, profiles: Iterable[Profile], folders: Mapping[str, Iterable[Path]]) -> list[str]:
        """Take over what fits each profile from its folders, by the profile's name; what is to be said of each."""
        sharing: dict[str, list[Profile]] = {}
        for profile in profiles:
            sharing.setdefault(profile.key, []).append(profile)
        # One that gives ID tokens to clusters can be checked by the old one.
        once = [min(several, key=lambda profile: profile.token != "id") for several in sharing.values()]  # noqa: S105 # a kind of token
        said: list[str] = []
        tokens: dict[Path, OldTokens] = {}
        for folder in dict.fromkeys(folder for several in folders.values() for folder in several):
            for found in read_cache(folder):
                if isinstance(found, str):
                    said.append(found)
                else:
                    tokens[found.path] = found
        for profile in once:
            places = {path for other in sharing[profile.key] for path in folders.get(other.name, ())}
            mine = [item for item in tokens.values() if item.path.parent in places]
            try:
                others = [other for other in once if places & set(folders.get(other.name, ()))]
                said.append(self._take(profile, mine, others))
            except NotTaken as reason:
                said.append(f"profile {profile.name}: no session was taken over, because {reason}")
        return said

    def _take(self, profile: Profile, tokens: list[OldTokens], profiles: list[Profile]) -> str:
        sessions = self._sessions(profile)
        if profile.storage == "memory":
            raise NotTaken("it keeps sessions in memory alone")
        if SESSION_OWNERS[profile.grant] == "client":
            raise NotTaken("it needs nobody to log in")
        chosen = self._chosen(profile, tokens, profiles)
        try:
            with sessions.lock(profile.key, seconds=_LOCK_SECONDS):
                there = sessions.load(profile.key)
                if there is not None and (there.refreshable or self._is_good(profile, there)):
                    raise NotTaken("it has one already")
                session = self._session(profile, chosen)
                sessions.save(profile.key, session)
        except LockTimeout:
            raise NotTaken("another togetherctl is busy with it") from None
        except OSError as error:
            raise NotTaken(f"it cannot be stored: {error.strerror}") from None
        except StorageError as error:
            raise NotTaken(error.message) from None
        who = f" of {session.identity}" if session.subject else ""
        good = "" if self._is_good(profile, session) else "; it is refreshed first when it is used"
        return f"profile {profile.name} takes over the session{who} from {chosen.path}{good}"

    def _chosen(self, profile: Profile, tokens: list[OldTokens], profiles: list[Profile]) -> OldTokens:
        """The newest tokens for this issuer and client, if it is clear whose they are. Raises NotTaken."""
        issuer, client_id = profile.issuer.url, profile.client_id
        fitting = [item for item in tokens if item.is_for(issuer, client_id) and _account_fits(profile, item)]
        if not fitting:
            raise NotTaken("the old cache has no tokens of its issuer and client")
        alike = [other.name for other in profiles if (other.issuer.url, other.client_id) == (issuer, client_id)]
        if len(alike) > 1:
            raise NotTaken(f"the tokens would fit {', '.join(alike)} alike")
        if len({str(item.claims.get("sub")) for item in fitting}) > 1:
            raise NotTaken("the old cache has tokens of several people for it; log in instead")
        return max(fitting, key=lambda item: item.issued_at)

    def _session(self, profile: Profile, old: OldTokens) -> Session:
        """Raises NotTaken where the tokens are worth nothing."""
        token = None if profile.token == "access" else self._token(profile, old)  # noqa: S105 # a kind of token
        if token is None and old.refresh_token is None:
            raise NotTaken("the token has expired, and there is no refresh token with it")
        subject = old.claims.get("sub")
        # An access token need not name the person as an ID token does; the refresh will.
        named = isinstance(subject, str) and profile.token == "id"  # noqa: S105 # a kind of token
        return Session(
            issuer=profile.issuer.url,
            client_id=profile.client_id,
            subject=str(subject) if named else "",
            identity=identity(old.claims) if named else "unknown",
            id_token=token,
            refresh_token=old.refresh_token,
            # kubelogin does not keep what was granted; it asked for just this.
            scope=" ".join(profile.scopes),
        )

    def _token(self, profile: Profile, old: OldTokens) -> Token | None:
        """The old ID token: as it is if its signature holds, as expired where nobody can say. Raises NotTaken."""
        now = self._clock()
        issued_at, expires_at = time_of(old.claims, "iat"), time_of(old.claims, "exp")
        if issued_at is None or expires_at is None or expires_at <= now:
            return None
        try:
            self._verify(profile, old.token)
        except Untrusted as error:
            raise NotTaken(f"the token in it cannot be trusted: {error.message}") from None
        except Unreachable:
            return None
        except TogetherctlError as error:
            raise NotTaken(error.message) from None
        return Token(old.token, issued_at, expires_at)

    def _is_good(self, profile: Profile, session: Session) -> bool:
        return session.freshness(profile.token, profile.margin, self._clock()) is not Freshness.EXPIRED


def _account_fits(profile: Profile, old: OldTokens) -> bool:
    try:
        if profile.account:
            check_account(old.claims, profile.account)
    except Untrusted:
        return False
    return True
