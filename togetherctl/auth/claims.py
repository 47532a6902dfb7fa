"""Read and check the claims of an ID token (OpenID Connect Core 1.0, 3.1.3.7 and 12.2).

Checking claims is half of verifying a token; the signature is `id_token`'s half. Nothing here loads a JWT library.
What kube-apiserver takes is taken here too, unless `docs/tokens.md` says why not.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping

from togetherctl.auth.session import LATEST
from togetherctl.errors import Untrusted
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.config.profile import Profile

    Claims = dict[str, Any]
else:
    Claims = dict


# What an API server accepts too; symmetric algorithms and "none" would let the client forge its own identity.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
MAX_TOKEN = 64 * 1024
LEEWAY = 60.0
# A JWS in its compact form (RFC 7515, 2 and 7.1): base64url without padding or white space.
_COMPACT = re.compile(r"([\w-]+)\.([\w-]+)\.[\w-]*", re.ASCII)
# RFC 8259, 6; some issuers write numbers as texts.
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,20})(?:\.\d{1,20})?", re.ASCII)
# Google's two names for itself, of which a token may have either.
_GOOGLE = ("https://accounts.google.com", "accounts.google.com")


def read_claims(token: str) -> Claims:
    """The claims of a signed JWT, unverified. Raises Untrusted where it is not one."""
    return _read_part(token, 1, "claims")


def read_header(token: str) -> dict[str, Any]:
    """The header of a signed JWT, which says how it is signed. Raises Untrusted where it is not one."""
    return _read_part(token, 0, "a header")


def _read_part(token: str, index: int, what: str) -> dict[str, Any]:
    """One of the two parts of a signed JWT that are JSON. Raises Untrusted, also without `what` should be there."""
    if len(token) > MAX_TOKEN:
        raise Untrusted(
            f"the issuer sent an ID token larger than {MAX_TOKEN // 1024} KiB",
            hint="the issuer's operator can leave claims out, such as groups that no cluster needs",
        )
    if "=" in token and _COMPACT.fullmatch(token.replace("=", "")):
        raise Untrusted(
            "the issuer sent an ID token whose parts are padded with =, which those of a JWT are not (RFC 7515, 2)",
            hint="its operator has to mend that: API servers refuse such a token too",
        )
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise Untrusted("the issuer sent an ID token that is not a JWT")
    part = parts.groups()[index]
    try:
        # As text, because json would take UTF-16 and UTF-32 as well, which no API server reads (RFC 7519, 7.2).
        content = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("utf-8"))
    except UnicodeDecodeError:
        raise Untrusted("the issuer sent an ID token that is not UTF-8 text") from None
    except (ValueError, binascii.Error, RecursionError):
        raise Untrusted("the issuer sent an ID token that is not a JWT") from None
    if not isinstance(content, dict):
        raise Untrusted(f"the issuer sent an ID token without {what}")
    return content


def check_header(header: Mapping[str, Any]) -> None:
    """Raises Untrusted unless the token is signed in a way that an API server takes (RFC 7515, 4.1)."""
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Untrusted(f"the ID token is signed with {printable(algorithm)}, which is not accepted")
    if "crit" in header:
        raise Untrusted("the ID token asks for extensions that are not understood (crit)")


def check_refreshed(token: str, *, issuer: str, client_id: str, now: float) -> Claims:
    """The claims of an ID token that came straight from the issuer over verified TLS, whose signature need not hold.

    All else is as at a login (Core 3.1.3.7, item 6). Raises Untrusted.
    """
    claims = read_claims(token)
    check_header(read_header(token))
    check_claims(claims, issuer=issuer, client_id=client_id, now=now)
    return claims


def check_claims(claims: Claims, *, issuer: str, client_id: str, now: float, nonce: str | None = None) -> None:
    """Raises Untrusted unless the claims say: from this issuer, for this client, for this login, and for now.

    `now` in seconds since 1970. A `nonce` is compared where one is given; a refreshed token need not have one.
    """
    if not _is_from(claims, issuer):
        raise Untrusted(f"the ID token comes from {printable(claims.get('iss'))}, not from {issuer}")
    _check_audience(claims, client_id)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise Untrusted("the ID token names no subject")
    _check_times(claims, now)
    if nonce is not None:
        _check_nonce(claims, nonce)


def check_same_person(claims: Claims, *, issuer: str, subject: str) -> None:
    """A refreshed ID token must be the same issuer's and the same person's (Core 12.2). Raises Untrusted."""
    if not _is_from(claims, issuer) or claims.get("sub") != subject:
        raise Untrusted("the issuer answered a refresh with another person's token")


def is_account(claims: Mapping[str, Any], account: str) -> bool:
    """Whether `account` is this person's email, preferred user name or subject, whatever its case."""
    known = [claims.get(name) for name in ("email", "preferred_username", "sub")]
    return any(isinstance(value, str) and value.casefold() == account.casefold() for value in known)


class WrongAccount(Untrusted):
    """The login was one of another account than the profile accepts."""


def check_account(claims: Claims, profile: Profile) -> None:
    """Raises WrongAccount unless these claims are of the account that the profile accepts, if it names one."""
    if profile.account and not is_account(claims, profile.account):
        raise WrongAccount(
            f"you logged in as {identity(claims)}, but only {profile.account} is accepted here",
            hint=profile.ways.choose_account(profile.auth_params.get("prompt", "")),
        )


def identity(claims: Mapping[str, Any]) -> str:
    """Who this is, for people: `email`, else `preferred_username`, else `sub`."""
    for name in ("email", "preferred_username", "sub"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return value
    return "unknown"


def expiry(claims: Claims) -> float:
    """`exp` of checked claims, in seconds since 1970; never later than a date can be written."""
    return min(_parse_number(claims["exp"]) or 0.0, LATEST - 1.0)


def _is_from(claims: Claims, issuer: str) -> bool:
    named = claims.get("iss")
    return named == issuer or (issuer == _GOOGLE[0] and named == _GOOGLE[1])


def _check_audience(claims: Claims, client_id: str) -> None:
    """The client is among the audiences; `azp` names no other, if it names one (Core 3.1.3.7, items 3 to 5)."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if (
        not isinstance(audiences, list)
        or client_id not in audiences
        or not all(isinstance(each, str) for each in audiences)
    ):
        raise Untrusted(f"the ID token is for {printable(audience)}, not for the client {client_id}")
    party = claims.get("azp")
    if isinstance(party, str) and party not in ("", client_id):
        raise Untrusted(f"the ID token was issued to {printable(party)} (azp), not to the client {client_id}")


def _check_nonce(claims: Claims, nonce: str) -> None:
    import hmac

    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Untrusted("the ID token answers another login (its nonce differs)")


def _check_times(claims: Claims, now: float) -> None:
    """`exp` without leeway, `nbf` with some; `iat` is the issuer's clock, which need not be this machine's."""
    expires, not_before = _parse_number(claims.get("exp")), _parse_number(claims.get("nbf"))
    if expires is None:
        raise Untrusted("the ID token does not say when it expires")
    if "iat" in claims and _parse_number(claims["iat"]) is None:
        raise Untrusted("the ID token has an iat claim that is not a time")
    if claims.get("nbf") is not None and not_before is None:
        raise Untrusted("the ID token has an nbf claim that is not a time")
    if expires <= now:
        raise Untrusted(
            f"the ID token expired {now - expires:.0f} s before it arrived",
            hint="check this machine's clock against the issuer's",
        )
    ahead = (not_before or 0.0) - now
    if ahead > LEEWAY:
        raise Untrusted(
            f"the ID token begins {ahead:.0f} s in the future", hint="check this machine's clock against the issuer's"
        )


def _parse_number(value: object) -> float | None:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
