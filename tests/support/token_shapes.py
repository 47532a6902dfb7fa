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
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT_ID = "kube"
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
    extra = {"kid": name}
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
        *(Shape(f"signed with {name}", True, True, algorithm=name, by_flags=False) for name in taken),
        *(Shape(f"signed with {name}", False, False, algorithm=name) for name in ("EdDSA", "HS256")),
    ]


SHAPES = [
    Shape("nothing out of the ordinary", True, True),
    # Who it is from and for.
    Shape("another issuer", False, False, {"iss": "https://issuer.example"}),
    Shape("the issuer with a slash more", False, False, {"iss": "https://localhost/"}),
    Shape("no issuer", False, False, {"iss": ABSENT}),
    Shape("another audience", False, False, {"aud": "other"}),
    Shape("no audience", False, False, {"aud": ABSENT}),
    Shape("an audience that is an object", False, False, {"aud": {CLIENT_ID: 1}}),
    Shape("a list of audiences with a number", False, False, {"aud": [CLIENT_ID, 7]}),
    Shape("a list of one audience", True, True, {"aud": [CLIENT_ID]}),
    Shape("several audiences without azp", True, True, {"aud": [CLIENT_ID, f"{CLIENT_ID}.app"]}),
    Shape("several audiences, azp is the client", True, True, {"aud": ["other", CLIENT_ID], "azp": CLIENT_ID}),
    Shape("several audiences, azp is another client", True, False, {"aud": ["other", CLIENT_ID], "azp": "other"}),
    Shape("azp is another client", True, False, {"azp": "other"}),
    Shape("azp is null", True, True, {"azp": None}),
    Shape("azp is a list", True, True, {"azp": ["other"]}),
    # When.
    Shape("expired a second ago", False, False, {"exp": In(-1)}),
    Shape("no exp", False, False, {"exp": ABSENT}),
    Shape("exp is null", False, False, {"exp": None}),
    Shape("exp is true", False, False, {"exp": True}),
    Shape("exp is a word", False, False, {"exp": "tomorrow"}),
    Shape("exp is a number as text", True, True, {"exp": In(300, str)}),
    Shape("exp is a float", True, True, {"exp": In(300, lambda at: at + 0.5)}),
    Shape("exp is a float as text", True, True, {"exp": In(300, lambda at: f"{at}.5")}),
    Shape("exp after the year 9999", True, True, {"exp": 900_000_000_000}),
    Shape("no iat", True, True, {"iat": ABSENT}),
    Shape("iat in a day", True, True, {"iat": In(86_400)}),
    Shape("iat is a number as text", True, True, {"iat": In(0, str)}),
    Shape("iat is a word", False, False, {"iat": "now"}),
    Shape("iat is null", False, False, {"iat": None}),
    Shape("nbf now", True, True, {"nbf": In(0)}),
    Shape("nbf in 50 seconds", True, True, {"nbf": In(50)}),
    Shape("nbf in 90 seconds", False, False, {"nbf": In(90)}),
    Shape("nbf is a number as text", True, True, {"nbf": In(0, str)}),
    Shape("nbf is null", True, True, {"nbf": None}),
    Shape("nbf is a word", False, False, {"nbf": "later"}),
    # Who it names.
    Shape("no sub", True, False, {"sub": ABSENT}),
    Shape("sub is empty", True, False, {"sub": ""}),
    Shape("sub is a number", False, False, {"sub": 7}),
    Shape("no email", False, True, {"email": ABSENT}),
    Shape("email is a list", False, True, {"email": ["me@acme.com"]}),
    Shape("email_verified is true", True, True, {"email_verified": True}),
    Shape("email_verified is false", False, True, {"email_verified": False}),
    Shape("email_verified is a text", False, True, {"email_verified": "true"}),
    Shape("email_verified is null", False, True, {"email_verified": None}),
    Shape("groups is a list of texts", True, True, {"groups": ["a", "b"]}),
    Shape("groups is one text", True, True, {"groups": "a"}),
    Shape("groups is an empty list", True, True, {"groups": []}),
    Shape("groups is null", True, True, {"groups": None}),
    Shape("groups is a list with a number", False, True, {"groups": ["a", 7]}),
    Shape("groups is an object", False, True, {"groups": {"a": True}}),
    # What else there may be.
    Shape("jti is a text", True, True, {"jti": "4f1c"}),
    Shape("jti is a number", True, True, {"jti": 7}),
    Shape("at_hash is a number", False, True, {"at_hash": 7}),
    Shape("nonce is a number", False, True, {"nonce": 7}),
    Shape("claims of 30 KiB", True, True, {"more": "x" * 30_000}),
    Shape("claims of 70 KiB", True, False, {"more": "x" * 70_000}),
    # How it is signed.
    *_other_algorithms(),
    Shape("no kid", True, True, header={"kid": ABSENT}),
    Shape("an empty kid", True, True, header={"kid": ""}),
    Shape("a kid that the issuer does not know", False, False, signer="unknown", refresh=True),
    Shape("another typ", True, True, header={"typ": "at+jwt"}),
    Shape("a header that no RFC knows", True, True, header={"vendor": "acme"}),
    Shape("a header of 4 KiB", True, True, header={"vendor": "x" * 3000}),
    Shape("a header with the key's certificate (x5c)", True, True, header={"x5c": [_certificate()]}),
    Shape("crit with a name", False, False, header={"crit": ["exp"]}),
    Shape("crit with no name", True, False, header={"crit": []}),
    Shape("a key for encryption", True, False, signer="for encryption", refresh=True),
    Shape("a key for another algorithm", True, False, signer="for RS512", refresh=True),
    # How it is written.
    Shape("parts padded with =", False, False, made=_padded),
    Shape("a space at its end", True, False, made=lambda token: f"{token} "),
    Shape("a space at its start", False, False, made=lambda token: f" {token}"),
]
