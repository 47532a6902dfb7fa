"""Import sessions from the tokens in kubelogin's cache, so that people do not log in again.

A token is served only once its signature has been checked. Where the issuer cannot be asked for its keys, the session
begins expired: its refresh token gets new tokens, which are checked as ever.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from togetherctl.auth.cache.base import Sessions
from togetherctl.auth.claims import Claims, identity, is_account, read_claims
from togetherctl.auth.session import LATEST, Freshness, Session, Token
from togetherctl.config.profile import Profile
from togetherctl.config.types import SESSION_OWNERS
from togetherctl.disk import is_ours, open_to_others, read_whole
from togetherctl.errors import StorageError, TogetherctlError, Unreachable, Untrusted
from togetherctl.lock import LockTimeout

_LOCK_SECONDS = 5.0
_MAX_BYTES = 256 * 1024
_DOTS_IN_A_JWT = 2


class NotImported(Exception):
    """Nothing was taken over; the message says why, in words that follow the profile's name."""


@dataclass(frozen=True)
class CacheImport:
    """What it needs of the world: where sessions are kept, a check of ID tokens by the issuer's keys, the clock.

    `verify` raises Unreachable where the issuer cannot be asked, and Untrusted.
    """

    sessions: Callable[[Profile], Sessions]
    verify: Callable[[Profile, str], Claims]
    clock: Callable[[], float]

    def all(self, profiles: Iterable[Profile], folders: Mapping[str, Iterable[Path]]) -> list[str]:
        """Import the tokens that fit each profile from its folders; a sentence for each profile."""
        sharing: dict[str, list[Profile]] = {}
        for profile in profiles:
            sharing.setdefault(profile.key, []).append(profile)
        # The old ID token can only be verified for a profile that gives ID tokens to clusters.
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
                said.append(self._import(profile, mine, others))
            except NotImported as reason:
                said.append(f"profile {profile.name}: no session was taken over, because {reason}")
        return said

    def _import(self, profile: Profile, tokens: list[OldTokens], profiles: list[Profile]) -> str:
        sessions = self.sessions(profile)
        if profile.storage == "memory":
            raise NotImported("it keeps sessions in memory alone")
        if SESSION_OWNERS[profile.grant] == "client":
            raise NotImported("it needs no person to log in")
        chosen = self._choose(profile, tokens, profiles)
        try:
            with sessions.lock(profile.key, seconds=_LOCK_SECONDS):
                there = sessions.load(profile.key)
                if there is not None and (there.refreshable or self._is_good(profile, there)):
                    raise NotImported("it has one already")
                session = self._make_session(profile, chosen)
                sessions.save(profile.key, session)
        except LockTimeout:
            raise NotImported("another togetherctl is busy with it") from None
        except OSError as error:
            raise NotImported(f"it cannot be stored: {error.strerror}") from None
        except StorageError as error:
            raise NotImported(error.message) from None
        who = f" of {session.identity}" if session.subject else ""
        good = "" if self._is_good(profile, session) else "; it is refreshed first when it is used"
        return f"profile {profile.name} takes over the session{who} from {chosen.path}{good}"

    def _choose(self, profile: Profile, tokens: list[OldTokens], profiles: list[Profile]) -> OldTokens:
        """The newest tokens for this issuer and client, if it is clear whose they are. Raises NotImported."""
        issuer, client_id = profile.issuer.url, profile.client_id
        fitting = [item for item in tokens if item.is_for(issuer, client_id) and _account_fits(profile, item)]
        if not fitting:
            raise NotImported("the old cache has no tokens of its issuer and client")
        alike = [other.name for other in profiles if (other.issuer.url, other.client_id) == (issuer, client_id)]
        if len(alike) > 1:
            raise NotImported(f"the tokens would fit {', '.join(alike)} alike")
        if len({str(item.claims.get("sub")) for item in fitting}) > 1:
            raise NotImported("the old cache has tokens of several people for it; log in instead")
        return max(fitting, key=lambda item: time_of(item.claims, "iat") or 0.0)

    def _make_session(self, profile: Profile, old: OldTokens) -> Session:
        """Raises NotImported where the tokens are worth nothing."""
        token = None if profile.token == "access" else self._id_token(profile, old)  # noqa: S105 # a kind of token
        if token is None and old.refresh_token is None:
            raise NotImported("the token has expired, and there is no refresh token with it")
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

    def _id_token(self, profile: Profile, old: OldTokens) -> Token | None:
        """The old ID token if its signature is valid; None where that cannot be checked. Raises NotImported."""
        now = self.clock()
        issued_at, expires_at = time_of(old.claims, "iat"), time_of(old.claims, "exp")
        if issued_at is None or expires_at is None or expires_at <= now:
            return None
        try:
            self.verify(profile, old.token)
        except Untrusted as error:
            raise NotImported(f"the token in it cannot be trusted: {error.message}") from None
        except Unreachable:
            return None
        except TogetherctlError as error:
            raise NotImported(error.message) from None
        return Token(old.token, issued_at, expires_at)

    def _is_good(self, profile: Profile, session: Session) -> bool:
        return session.freshness(profile, self.clock()) is not Freshness.EXPIRED


def _account_fits(profile: Profile, old: OldTokens) -> bool:
    return not profile.account or is_account(old.claims, profile.account)


@dataclass(frozen=True)
class OldTokens:
    """One file of the cache; the claims are not verified. With `--oidc-use-access-token` its `token` is that one."""

    path: Path
    token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    claims: Claims = field(repr=False)

    def is_for(self, issuer: str, client_id: str) -> bool:
        """Whether it comes from this issuer, for this client."""
        audience = self.claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        party = self.claims.get("azp", client_id)
        return self.claims.get("iss") == issuer and client_id in audiences and party == client_id


def read_cache(folder: Path) -> Iterator[OldTokens | str]:
    """What is in the folder; text where a file of tokens must not be used, with the reason."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix != ".lock")
    except OSError:
        return
    for path in paths:
        try:
            data, status = read_whole(path, limit=_MAX_BYTES, follow=False)
        except OSError:
            continue
        tokens = _parse(path, data)
        if tokens is None:
            continue
        if isinstance(tokens, str):
            yield tokens
        elif not is_ours(status):
            yield f"{path} belongs to another user, so it was not taken over"
        elif open_to_others(status):
            mend = f"chmod 600 {shlex.quote(str(path))}"
            yield f"{path} can be read by others, so it was not taken over; {mend} if only you have used it"
        else:
            yield tokens


def time_of(claims: Claims, name: str) -> float | None:
    """A claim that is a time, in seconds since 1970."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LATEST:
        return None
    return float(value)


def _parse(path: Path, data: bytes) -> OldTokens | str | None:
    """None where it is none of kubelogin's files; text where its token cannot be read, with the reason."""
    try:
        record: Any = json.loads(data)
        token, refresh_token = record.get("id_token"), record.get("refresh_token")
        if not isinstance(token, str) or not _is_token(token) or token.count(".") != _DOTS_IN_A_JWT:
            return None
    except (ValueError, AttributeError, RecursionError):
        return None
    try:
        claims = read_claims(token)
    except Untrusted as error:
        return f"{path} was not taken over: {error.message}"
    return OldTokens(path, token, refresh_token if _is_token(refresh_token) else None, claims)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()
