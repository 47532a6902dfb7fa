"""Verify the signature of an ID token (OpenID Connect Core 1.0, 3.1.3.7)."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import JWKRegistry

from togetherctl.auth.claims import MAX_TOKEN, Claims, check_claims, check_header, read_claims, read_header
from togetherctl.errors import Untrusted
from togetherctl.printable import printable


class Keys(Protocol):
    """Gives the issuer's JWK Set (RFC 7517, 5); `refetch` asks the issuer again."""

    def __call__(self, *, refetch: bool) -> dict[str, Any]: ...


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
    header = read_header(token)
    check_header(header)
    algorithm = header["alg"]
    # An empty name is none, as API servers read it.
    key_id = header.get("kid") or None
    fitting = _find_fitting(keys(refetch=False), algorithm, key_id) or _find_fitting(
        keys(refetch=True), algorithm, key_id
    )
    if not fitting:
        raise Untrusted(f"none of the issuer's keys fits the ID token ({algorithm}, key {printable(key_id)})")
    if not any(_verify_signature(token, key, algorithm) for key in fitting):
        raise Untrusted("the signature of the ID token does not hold")
    check_claims(claims, issuer=issuer, client_id=client_id, now=now, nonce=nonce)
    return claims


def _find_fitting(jwks: dict[str, Any], algorithm: str, key_id: object) -> list[dict[str, Any]]:
    keys = jwks.get("keys")
    return [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and key.get("kty") == _KEY_TYPES[algorithm[0]]
        and (key_id is None or key.get("kid") == key_id)
    ]


def _verify_signature(token: str, key: dict[str, Any], algorithm: str) -> bool:
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        with warnings.catch_warnings():
            # A short key is the issuer's affair; the warning would go to stderr in the library's own words.
            warnings.simplefilter("ignore", SecurityWarning)
            jws.deserialize_compact(token, JWKRegistry.import_key(key), registry=registry)
    except (JoseError, ValueError, TypeError, LookupError):
        return False
    return True


class _Registry(jws.JWSRegistry):
    """Headers of any length and with any names: issuers add certificates and words of their own (RFC 7515, 4)."""

    max_header_length = max_signature_length = MAX_TOKEN
