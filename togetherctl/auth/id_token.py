"""The signature of an ID token (OpenID Connect Core 1.0, 3.1.3.7): asymmetric algorithms and the issuer's keys only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from togetherctl.auth.claims import check_claims, read_claims
from togetherctl.errors import Untrusted
from togetherctl.printable import printable

if TYPE_CHECKING:
    from typing import Protocol

    from togetherctl.auth.claims import Claims

    class Keys(Protocol):
        """Gives the issuer's JWK Set (RFC 7517, 5); `refetch` asks the issuer again."""

        def __call__(self, *, refetch: bool) -> dict[str, Any]: ...


# What the API server accepts too; symmetric algorithms and "none" would let the client forge its own identity.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_KEY_TYPES = {"R": "RSA", "P": "RSA", "E": "EC"}


def verify(
    token: str,
    *,
    keys: Keys,
    issuer: str,
    client_id: str,
    now: float,
    nonce: str | None = None,
) -> Claims:
    """The claims of `token`, whose signature and claims hold. Raises Untrusted.

    `keys` is asked again, once, for keys fresh from the issuer where none that is known fits: issuers rotate keys.
    """
    claims = read_claims(token)
    header = _header(token)
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Untrusted(f"the ID token is signed with {printable(algorithm)}, which is not accepted")
    if "crit" in header:
        raise Untrusted("the ID token asks for extensions that are not understood (crit)")
    key_id = header.get("kid")
    fitting = _fitting(keys(refetch=False), algorithm, key_id) or _fitting(keys(refetch=True), algorithm, key_id)
    if not fitting:
        raise Untrusted(f"none of the issuer's keys fits the ID token ({algorithm}, key {printable(key_id)})")
    if not any(_holds(token, key, algorithm) for key in fitting):
        raise Untrusted("the signature of the ID token does not hold")
    check_claims(claims, issuer=issuer, client_id=client_id, now=now, nonce=nonce)
    return claims


def _header(token: str) -> dict[str, Any]:
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError):
        raise Untrusted("the issuer sent an ID token that is not a JWT") from None
    return dict(header)


def _fitting(jwks: dict[str, Any], algorithm: str, key_id: object) -> list[dict[str, Any]]:
    keys = jwks.get("keys")
    return [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and _type_fits(key.get("kty"), algorithm)
        and (key_id is None or key.get("kid") == key_id)
    ]


def _type_fits(key_type: object, algorithm: str) -> bool:
    return key_type == _KEY_TYPES[algorithm[0]]


def _holds(token: str, key: dict[str, Any], algorithm: str) -> bool:
    try:
        jws.deserialize_compact(token, KeySet.import_key_set({"keys": [key]}), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, LookupError):
        return False
    return True
