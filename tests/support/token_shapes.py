"""ID tokens of every shape: how each is made, and what kube-apiserver 1.37 and a login here say to it.

A shape is one deviation from a token that everybody takes. `tests/real/test_token_shapes.py` holds the table against
kube-apiserver's own code, `tests/auth/test_token_shapes.py` against ours, and both against `docs/tokens.md`.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trustme
from joserfc.jwk import ECKey, KeyParameters, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT_ID = "kube"
TAKEN, REFUSED = True, False
Key = ECKey | OctKey | OKPKey | RSAKey
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


class _Absent:
    """The claim is left out."""


ABSENT = _Absent()


@dataclass(frozen=True)
class In:
    """A moment `seconds` from now, as the number `of` makes of it."""

    seconds: float
    of: Callable[[int], object] = int


@dataclass(frozen=True)
class Shape:
    """One kind of token.

    `by_file` and `by_flags` are whether an API server takes it that is told of the issuer by an
    AuthenticationConfiguration and by flags (the same unless said); `login` whether a login here takes it, `refresh`
    the same of a refresh over verified TLS, which looks at no signature.
    """

    name: str
    by_file: bool
    login: bool
    claims: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    signer: str = ""
    by_flags: bool | None = None
    refresh: bool | None = None
    made: Callable[[str], str] = lambda token: token

    @property
    def takes(self) -> bool:
        """Whether some API server takes it, however it was told of the issuer."""
        return self.by_file or self.flags

    @property
    def flags(self) -> bool:
        return self.by_file if self.by_flags is None else self.by_flags

    @property
    def refreshes(self) -> bool:
        return self.login if self.refresh is None else self.refresh

    def token(self, issuer: str, now: float) -> str:
        """A token of this shape, signed by a real key."""
        body: dict[str, Any] = {
            "iss": issuer,
            "aud": CLIENT_ID,
            "sub": "user-1",
            "email": "me@acme.com",
            "iat": int(now),
            "exp": int(now) + 300,
        }
        body |= {name: _value(value, now) for name, value in self.claims.items()}
        body = {name: value for name, value in body.items() if value is not ABSENT}
        header = {"alg": self.algorithm, "kid": self.signer or self.algorithm, **self.header}
        header = {name: value for name, value in header.items() if value is not ABSENT}
        return self.made(signed(header, body, key(self.algorithm, self.signer or self.algorithm)))


def _value(value: object, now: float) -> object:
    return value.of(int(now) + int(value.seconds)) if isinstance(value, In) else value


def signed(header: Mapping[str, Any], body: Mapping[str, Any], by: Key) -> str:
    """A JWS in its compact form (RFC 7515, 7.1), whatever its header says."""
    text = f"{_segment(json.dumps(header).encode())}.{_segment(json.dumps(body).encode())}"
    return f"{text}.{_segment(JWSRegistry.algorithms[str(header['alg'])].sign(text.encode(), by))}"


def _segment(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


@cache
def key(algorithm: str, name: str) -> Key:
    """A key of this run for the algorithm."""
    extra: KeyParameters = {"kid": name}
    if algorithm == "EdDSA":
        return OKPKey.generate_key("Ed25519", extra)
    if algorithm.startswith("HS"):
        return OctKey.generate_key(512, extra)
    if algorithm in _CURVES:
        return ECKey.generate_key(_CURVES[algorithm], extra)
    return RSAKey.generate_key(2048, extra)


def jwks() -> dict[str, Any]:
    """The issuer's JWK Set (RFC 7517): every public key that signs a shape, and some that say more of themselves."""
    more: dict[str, dict[str, Any]] = {"for encryption": {"use": "enc"}, "for RS512": {"alg": "RS512"}}
    keys = []
    for algorithm, name in sorted({(shape.algorithm, shape.signer or shape.algorithm) for shape in SHAPES}):
        if algorithm.startswith("HS") or name == "unknown":
            continue
        public = dict(key(algorithm, name).as_dict(private=False))
        keys.append({**public, **more.get(name, {})})
    return {"keys": keys}


@cache
def _certificate() -> str:
    return "".join(trustme.CA().cert_pem.bytes().decode().split("\n")[1:-2])


def _padded(token: str) -> str:
    return ".".join(part + "=" * (-len(part) % 4) for part in token.split("."))


def _other_algorithms() -> list[Shape]:
    taken = ("RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
    return [
        *(Shape(f"signed with {name}", TAKEN, TAKEN, algorithm=name, by_flags=False) for name in taken),
        *(Shape(f"signed with {name}", REFUSED, REFUSED, algorithm=name) for name in ("EdDSA", "HS256")),
    ]


SHAPES = [
    Shape("nothing out of the ordinary", TAKEN, TAKEN),
    # Who it is from and for.
    Shape("another issuer", REFUSED, REFUSED, {"iss": "https://issuer.example"}),
    Shape("the issuer with a slash more", REFUSED, REFUSED, {"iss": "https://localhost/"}),
    Shape("no issuer", REFUSED, REFUSED, {"iss": ABSENT}),
    Shape("another audience", REFUSED, REFUSED, {"aud": "other"}),
    Shape("no audience", REFUSED, REFUSED, {"aud": ABSENT}),
    Shape("an audience that is an object", REFUSED, REFUSED, {"aud": {CLIENT_ID: 1}}),
    Shape("a list of audiences with a number", REFUSED, REFUSED, {"aud": [CLIENT_ID, 7]}),
    Shape("a list of one audience", TAKEN, TAKEN, {"aud": [CLIENT_ID]}),
    Shape("several audiences without azp", TAKEN, TAKEN, {"aud": [CLIENT_ID, f"{CLIENT_ID}.app"]}),
    Shape("several audiences, azp is the client", TAKEN, TAKEN, {"aud": ["other", CLIENT_ID], "azp": CLIENT_ID}),
    Shape("several audiences, azp is another client", TAKEN, REFUSED, {"aud": ["other", CLIENT_ID], "azp": "other"}),
    Shape("azp is another client", TAKEN, REFUSED, {"azp": "other"}),
    Shape("azp is null", TAKEN, TAKEN, {"azp": None}),
    Shape("azp is a list", TAKEN, TAKEN, {"azp": ["other"]}),
    # When.
    Shape("expired a second ago", REFUSED, REFUSED, {"exp": In(-1)}),
    Shape("no exp", REFUSED, REFUSED, {"exp": ABSENT}),
    Shape("exp is null", REFUSED, REFUSED, {"exp": None}),
    Shape("exp is true", REFUSED, REFUSED, {"exp": True}),
    Shape("exp is a word", REFUSED, REFUSED, {"exp": "tomorrow"}),
    Shape("exp is a number as text", TAKEN, TAKEN, {"exp": In(300, str)}),
    Shape("exp is a float", TAKEN, TAKEN, {"exp": In(300, lambda at: at + 0.5)}),
    Shape("exp is a float as text", TAKEN, TAKEN, {"exp": In(300, lambda at: f"{at}.5")}),
    Shape("exp after the year 9999", TAKEN, TAKEN, {"exp": 900_000_000_000}),
    Shape("no iat", TAKEN, TAKEN, {"iat": ABSENT}),
    Shape("iat in a day", TAKEN, TAKEN, {"iat": In(86_400)}),
    Shape("iat is a number as text", TAKEN, TAKEN, {"iat": In(0, str)}),
    Shape("iat is a word", REFUSED, REFUSED, {"iat": "now"}),
    Shape("iat is null", REFUSED, REFUSED, {"iat": None}),
    Shape("nbf now", TAKEN, TAKEN, {"nbf": In(0)}),
    Shape("nbf in 50 seconds", TAKEN, TAKEN, {"nbf": In(50)}),
    Shape("nbf in 90 seconds", REFUSED, REFUSED, {"nbf": In(90)}),
    Shape("nbf is a number as text", TAKEN, TAKEN, {"nbf": In(0, str)}),
    Shape("nbf is null", TAKEN, TAKEN, {"nbf": None}),
    Shape("nbf is a word", REFUSED, REFUSED, {"nbf": "later"}),
    # Who it names.
    Shape("no sub", TAKEN, REFUSED, {"sub": ABSENT}),
    Shape("sub is empty", TAKEN, REFUSED, {"sub": ""}),
    Shape("sub is a number", REFUSED, REFUSED, {"sub": 7}),
    Shape("no email", REFUSED, TAKEN, {"email": ABSENT}),
    Shape("email is a list", REFUSED, TAKEN, {"email": ["me@acme.com"]}),
    Shape("email_verified is true", TAKEN, TAKEN, {"email_verified": True}),
    Shape("email_verified is false", REFUSED, TAKEN, {"email_verified": False}),
    Shape("email_verified is a text", REFUSED, TAKEN, {"email_verified": "true"}),
    Shape("email_verified is null", REFUSED, TAKEN, {"email_verified": None}),
    Shape("groups is a list of texts", TAKEN, TAKEN, {"groups": ["a", "b"]}),
    Shape("groups is one text", TAKEN, TAKEN, {"groups": "a"}),
    Shape("groups is an empty list", TAKEN, TAKEN, {"groups": []}),
    Shape("groups is null", TAKEN, TAKEN, {"groups": None}),
    Shape("groups is a list with a number", REFUSED, TAKEN, {"groups": ["a", 7]}),
    Shape("groups is an object", REFUSED, TAKEN, {"groups": {"a": True}}),
    Shape(
        "groups are elsewhere",
        REFUSED,
        TAKEN,
        {"_claim_names": {"groups": "a"}, "_claim_sources": {"a": {"endpoint": "https://127.0.0.1:1/"}}},
    ),
    # What else there may be.
    Shape("jti is a text", TAKEN, TAKEN, {"jti": "4f1c"}),
    Shape("jti is a number", TAKEN, TAKEN, {"jti": 7}),
    Shape("at_hash is a number", REFUSED, TAKEN, {"at_hash": 7}),
    Shape("nonce is a number", REFUSED, TAKEN, {"nonce": 7}),
    Shape("claims of 30 KiB", TAKEN, TAKEN, {"more": "x" * 30_000}),
    Shape("claims of 70 KiB", TAKEN, REFUSED, {"more": "x" * 70_000}),
    # How it is signed.
    *_other_algorithms(),
    Shape("no kid", TAKEN, TAKEN, header={"kid": ABSENT}),
    Shape("an empty kid", TAKEN, TAKEN, header={"kid": ""}),
    Shape("a kid that the issuer does not know", REFUSED, REFUSED, signer="unknown", refresh=True),
    Shape("another typ", TAKEN, TAKEN, header={"typ": "at+jwt"}),
    Shape("a header that no RFC knows", TAKEN, TAKEN, header={"vendor": "acme"}),
    Shape("a header of 4 KiB", TAKEN, TAKEN, header={"vendor": "x" * 3000}),
    Shape("a header with the key's certificate (x5c)", TAKEN, TAKEN, header={"x5c": [_certificate()]}),
    Shape("crit with a name", REFUSED, REFUSED, header={"crit": ["exp"]}),
    Shape("crit with no name", TAKEN, REFUSED, header={"crit": []}),
    Shape("a key for encryption", TAKEN, REFUSED, signer="for encryption", refresh=True),
    Shape("a key for another algorithm", TAKEN, REFUSED, signer="for RS512", refresh=True),
    # How it is written.
    Shape("parts padded with =", REFUSED, REFUSED, made=_padded),
    Shape("a space at its end", TAKEN, REFUSED, made=lambda token: f"{token} "),
    Shape("a space at its start", REFUSED, REFUSED, made=lambda token: f" {token}"),
]
