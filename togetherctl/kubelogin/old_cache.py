"""Tokens in kubelogin's cache: one file for each identity, JSON with an ID token and a refresh token."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.auth.claims import LATEST, Claims, read_claims
from togetherctl.disk import is_ours, open_to_others, read_whole
from togetherctl.errors import Untrusted
from togetherctl.paths import in_a_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_BYTES = 256 * 1024
_DOTS_IN_A_JWT = 2


@dataclass(frozen=True)
class OldTokens:
    """One file of the cache; the claims are not verified. With `--oidc-use-access-token` its `token` is that one."""

    path: Path
    token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    claims: Claims = field(repr=False)

    @property
    def issued_at(self) -> float:
        """`iat`, in seconds since 1970; 0 where it is no time."""
        return time_of(self.claims, "iat") or 0.0

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
        tokens = _parsed(path, data)
        if tokens is None:
            continue
        if isinstance(tokens, str):
            yield tokens
        elif not is_ours(status):
            yield f"{path} belongs to another user, so it was not taken over"
        elif open_to_others(status):
            mend = f"chmod 600 {in_a_command(path)}"
            yield f"{path} can be read by others, so it was not taken over; {mend} if only you have used it"
        else:
            yield tokens


def time_of(claims: Claims, name: str) -> float | None:
    """A claim that is a time, in seconds since 1970."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LATEST:
        return None
    return float(value)


def _parsed(path: Path, data: bytes) -> OldTokens | str | None:
    """None where it is none of kubelogin's files; text where its token cannot be read, with the reason."""
    try:
        record: Any = json.loads(data)
        token, refresh_token = record.get("id_token"), record.get("refresh_token")
        if not isinstance(token, str) or not _is_token(token):
            return None
    except (ValueError, AttributeError, RecursionError):
        return None
    if token.count(".") != _DOTS_IN_A_JWT:
        return None
    try:
        claims = read_claims(token)
    except Untrusted as error:
        return f"{path} was not taken over: {error.message}"
    return OldTokens(path, token, refresh_token if _is_token(refresh_token) else None, claims)


def _is_token(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()
