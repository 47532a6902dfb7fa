"""The demo's issuer: a small OpenID Provider on loopback, with a login page that asks for a name and no password.

Authlib's authorization server, with everything in memory: public clients, the code flow with PKCE (RFC 7636), refresh
tokens that work once, revocation (RFC 7009). `serving.py` carries it, so it needs nothing that togetherctl lacks.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    InvalidGrantError,
    OAuth2Error,
    OAuth2Payload,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from joserfc.jwk import KeySet, RSAKey

from togetherctl.demo.serving import Request, Response, json_response

CLIENT_ID = "togetherctl-demo"
ALGORITHM = "RS256"
SCOPES = "openid email profile groups offline_access"
GROUPS = ("gpu-users",)
_LOOPBACK = ("http://localhost:", "http://127.0.0.1:", "http://[::1]:")
_LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo issuer</title><style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; }
form { max-width: 24rem; padding: 2rem; } h1 { font-size: 1.375rem; margin: 0 0 .5rem; }
label { display: block; margin-top: 1rem; }
input { font: inherit; width: 100%; padding: .4rem; box-sizing: border-box; }
button { font: inherit; margin: 1rem .5rem 0 0; padding: .4rem 1rem; }
</style></head><body><form method="post"><h1>Demo issuer</h1>
<p>It runs on this machine for <code>togetherctl demo</code> and believes whatever you say.</p>
<label>Email <input name="email" type="email" value="{{ email }}" autofocus required></label>
<button name="answer" value="allow">Log in</button><button name="answer" value="deny" formnovalidate>Deny</button>
</form></body></html>"""


@dataclass
class Client(ClientMixin):
    """Any public client whose redirect URIs are on loopback."""

    client_id: str

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(name for name in (scope or "").split() if name in SCOPES.split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith(_LOOPBACK)

    def check_client_secret(self, client_secret: str) -> bool:
        return not client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code(AuthorizationCodeMixin):
    """One authorization code: whose it is, and what it was asked with."""

    code: str
    email: str
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    auth_time: int = field(default_factory=lambda: int(time.time()))

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


@dataclass
class Grant(TokenMixin):
    """The grant behind one refresh token."""

    email: str
    client_id: str
    scope: str

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


class _Parameters(OAuth2Payload):
    """The parameters of a request, in its address and in its form."""

    def __init__(self, request: Request) -> None:
        self._all: defaultdict[str, list[str]] = defaultdict(list)
        for part in (request.query, request.form):
            for name, values in part.items():
                self._all[name] += values

    @property
    def data(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._all.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._all


class _OAuth2Request(OAuth2Request):
    """A request as Authlib asks about it."""

    def __init__(self, base: str, request: Request) -> None:
        super().__init__(request.method, base + request.target, headers=dict(request.headers.items()))
        self.payload = _Parameters(request)
        self._request = request

    @property
    def args(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._request.query.items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in self._request.form.items()}


class DemoServer(AuthorizationServer):
    """The server and its memory. `lifetime` is that of every token, in seconds."""

    def __init__(self, *, url: str, key: RSAKey, lifetime: int) -> None:
        super().__init__()
        self.url, self.key, self.lifetime = url, key, lifetime
        self.codes: dict[str, Code] = {}
        self.refresh_tokens: dict[str, Grant] = {}
        self.register_token_generator("default", BearerTokenGenerator(_make_token, _make_token, lifetime))
        self.register_grant(CodeGrant, [CodeChallenge(required=True), IDToken(self)])
        self.register_grant(RefreshGrant, [IDToken(self)])
        self.register_endpoint(Revocation)

    def query_client(self, client_id: str) -> Client:
        return Client(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        if "refresh_token" in token:
            grant = Grant(request.user, request.client.client_id, token["scope"])
            self.refresh_tokens[token["refresh_token"]] = grant

    def create_oauth2_request(self, request: Request) -> OAuth2Request:
        return _OAuth2Request(self.url, request)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        others = [(name, value) for name, value in headers if name.lower() != "content-type"]
        if isinstance(body, dict):
            body = json_response(status, body)
            return Response(status, body.body, body.content_type, others)
        return Response(status, str(body or ""), headers=others)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """No part of the demo waits for one."""


def _make_token(**_asked: Any) -> str:
    return secrets.token_urlsafe(32)


class CodeGrant(grants.AuthorizationCodeGrant):
    """RFC 6749, 4.1."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    server: DemoServer

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        asked = request.payload.data
        self.server.codes[code] = Code(
            code,
            request.user,
            request.client.client_id,
            request.payload.redirect_uri,
            request.payload.scope,
            asked.get("nonce"),
            asked.get("code_challenge"),
            asked.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.codes.get(code)
        return found if found and found.client_id == client.client_id else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        self.server.codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: Code) -> str:
        return authorization_code.email


class RefreshGrant(grants.RefreshTokenGrant):
    """RFC 6749, 6, with rotation."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: DemoServer

    def authenticate_refresh_token(self, refresh_token: str) -> Grant:
        # Taken out at once: a refresh token works once.
        found = self.server.refresh_tokens.pop(refresh_token, None)
        if found is None:
            raise InvalidGrantError("the refresh token is unknown or was used before")
        return found

    def authenticate_user(self, refresh_token: Grant) -> str:
        return refresh_token.email

    def revoke_old_credential(self, refresh_token: Grant) -> None:
        """It is gone already."""


class IDToken(OpenIDCode):
    """OpenID Connect Core 1.0, 2; a refresh gives one too (12.2)."""

    def __init__(self, server: DemoServer) -> None:
        super().__init__(require_nonce=False)
        self._server = server

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return any(code.nonce == nonce for code in self._server.codes.values())

    def resolve_client_private_key(self, client: Client) -> RSAKey:
        return self._server.key

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {
            "iss": self._server.url,
            "aud": client.client_id,
            "exp": int(time.time()) + self._server.lifetime,
        }

    def get_client_algorithm(self, client: Client) -> str:
        return ALGORITHM

    def get_encode_header(self, client: Client) -> dict[str, Any]:
        return {"alg": self.get_client_algorithm(client), "kid": self._server.key.kid}

    def generate_user_info(self, user: str, scope: str) -> UserInfo:
        claims: dict[str, Any] = {"sub": f"demo|{user}", "groups": list(GROUPS)}
        return UserInfo(claims | ({"email": user} if "email" in scope else {}))


class Revocation(RevocationEndpoint):
    """RFC 7009."""

    CLIENT_AUTH_METHODS = ("none",)
    server: DemoServer

    def query_token(self, token_string: str, token_type_hint: str) -> Grant | None:
        return self.server.refresh_tokens.get(token_string) if token_type_hint != "access_token" else None  # noqa: S105 # a kind of token

    def revoke_token(self, token: Grant, request: OAuth2Request) -> None:
        self.server.refresh_tokens = {
            value: grant for value, grant in self.server.refresh_tokens.items() if grant is not token
        }


class DemoIssuer:
    """One issuer at `url` whose tokens live `lifetime` seconds; `answer` answers its requests."""

    def __init__(self, url: str, *, lifetime: int, email: str) -> None:
        self.url = url
        self.email = email
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        self._server = DemoServer(url=url, key=self._key, lifetime=lifetime)
        self._routes = {
            ("GET", "/.well-known/openid-configuration"): self._metadata,
            ("GET", "/keys"): self._keys,
            ("GET", "/authorize"): self._authorize,
            ("POST", "/authorize"): self._authorize,
            ("POST", "/token"): self._server.create_token_response,
            ("POST", "/revoke"): self._revoke,
        }

    def jwks(self) -> dict[str, Any]:
        """The public keys, as the API server needs them."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def answer(self, request: Request) -> Response:
        """What the issuer answers; 404 where it has nothing."""
        route = self._routes.get((request.method, request.path))
        return self._respond(route(request)) if route else Response(404, "there is no such page\n")

    def _metadata(self, _request: Request) -> Response:
        return json_response(
            200,
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "revocation_endpoint": f"{self.url}/revoke",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "scopes_supported": SCOPES.split(),
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none"],
            },
        )

    def _keys(self, _request: Request) -> Response:
        return json_response(200, self.jwks())

    def _authorize(self, request: Request) -> Any:
        try:
            grant = self._server.get_consent_grant(request)
        except OAuth2Error as error:
            return self._server.handle_error_response(request, error)
        if request.method == "GET":
            email = grant.request.args.get("login_hint", self.email)
            return Response(200, _LOGIN_PAGE.replace("{{ email }}", escape(email)), "text/html; charset=utf-8")
        form = grant.request.form
        person = None if form.get("answer") == "deny" else form.get("email")
        return self._server.create_authorization_response(request, grant=grant, grant_user=person)

    def _revoke(self, request: Request) -> Any:
        return self._server.create_endpoint_response(Revocation.ENDPOINT_NAME, request)

    def _respond(self, response: Any) -> Response:
        # Authlib does not say that its responses are those of `handle_response`.
        assert isinstance(response, Response)  # noqa: S101 # told to the type checker
        return response
