"""The claims of an ID token: reading them, and checking them (OpenID Connect Core 1.0, 3.1.3.7 and 12.2).

Checking claims is half of verifying a token; the signature is `id_token`'s half. Nothing here loads a JWT library.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from togetherctl.errors import Untrusted
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

Claims = dict[str, Any]

MAX_TOKEN = 64 * 1024
LEEWAY = 60.0
# The end of the year 9999, in seconds since 1970: no date that can be written lies beyond.
LATEST = 253_402_300_800


def read_claims(token: str) -> Claims:
    """The claims of a signed JWT, unverified. Raises Untrusted where it is not one."""
    claims = _part(token, 1)
    if claims is None:
        raise Untrusted("the issuer sent an ID token without claims")
    return claims


def read_header(token: str) -> dict[str, Any]:
    """The header of a signed JWT, which says how it is signed. Raises Untrusted where it is not one."""
    header = _part(token, 0)
    if header is None:
        raise Untrusted("the issuer sent an ID token without a header")
    return header


def _part(token: str, index: int) -> dict[str, Any] | None:
    """One of the two parts of a signed JWT that are JSON, None where that is no object. Raises Untrusted."""
    if len(token) > MAX_TOKEN:
        raise Untrusted(
            f"the issuer sent an ID token larger than {MAX_TOKEN // 1024} KiB",
            hint="the issuer's operator can leave claims out, such as groups that no cluster needs",
        )
    try:
        header, payload, _ = token.split(".")
        part = (header, payload)[index]
        content = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise Untrusted("the issuer sent an ID token that is not a JWT") from None
    return content if isinstance(content, dict) else None


def check_claims(claims: Claims, *, issuer: str, client_id: str, now: float, nonce: str | None = None) -> None:
    """Raises Untrusted unless the claims say: from this issuer, for this client, for this login, and for now.

    `now` in seconds since 1970. A `nonce` is compared where one is given; a refreshed token need not bear one.
    """
    _check_issuer(claims, issuer)
    _check_audience(claims, client_id)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise Untrusted("the ID token names no subject")
    _check_times(claims, now)
    if nonce is not None:
        _check_nonce(claims, nonce)


def check_same_person(claims: Claims, *, issuer: str, subject: str) -> None:
    """A refreshed ID token must be the same issuer's and the same person's (Core 12.2). Raises Untrusted."""
    if claims.get("iss") != issuer or claims.get("sub") != subject:
        raise Untrusted("the issuer answered a refresh with another person's token")


def check_account(claims: Claims, account: str) -> None:
    """Raises Untrusted unless `account` is this person's email, preferred user name or subject."""
    known = [claims.get(name) for name in ("email", "preferred_username", "sub")]
    if not any(isinstance(value, str) and value.casefold() == account.casefold() for value in known):
        raise Untrusted(
            f"you logged in as {identity(claims)}, but this profile accepts only {account}",
            hint='log in as that account; auth_params = { prompt = "select_account" } lets you choose it',
        )


def identity(claims: Mapping[str, Any]) -> str:
    """Who this is, for people: `email`, else `preferred_username`, else `sub`."""
    for name in ("email", "preferred_username", "sub"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return "unknown"


def expiry(claims: Claims) -> float:
    """`exp` of checked claims, in seconds since 1970."""
    return float(claims["exp"])


def _check_issuer(claims: Claims, issuer: str) -> None:
    named = claims.get("iss")
    if named != issuer:
        raise Untrusted(f"the ID token comes from {printable(named)}, not from {issuer}")


def _check_audience(claims: Claims, client_id: str) -> None:
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise Untrusted(f"the ID token is for {printable(audience)}, not for the client {client_id}")
    party = claims.get("azp")
    if party is None and len(audiences) > 1:
        raise Untrusted("the ID token is for several audiences and does not say which client asked for it (no azp)")
    if party is not None and party != client_id:
        raise Untrusted(f"the ID token was issued to {printable(party)} (azp), not to the client {client_id}")


def _check_nonce(claims: Claims, nonce: str) -> None:
    import hmac

    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Untrusted("the ID token answers another login (its nonce differs)")


def _check_times(claims: Claims, now: float) -> None:
    expires, issued, not_before = (_number(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise Untrusted("the ID token does not say when it was issued and when it expires")
    if "nbf" in claims and not_before is None:
        raise Untrusted("the ID token has an nbf claim that is not a time")
    if expires <= now:
        raise Untrusted(
            f"the ID token expired {now - expires:.0f} s before it arrived",
            hint="check this machine's clock against the issuer's",
        )
    ahead = max(issued, not_before or issued) - now
    if ahead > LEEWAY:
        raise Untrusted(
            f"the ID token begins {ahead:.0f} s in the future", hint="check this machine's clock against the issuer's"
        )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LATEST:
        return None
    return float(value)
