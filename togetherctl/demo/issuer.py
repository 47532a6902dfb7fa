"""A small OpenID Provider on loopback: Authlib's server half under Flask, everything in memory.

Code flow with PKCE, rotating refresh tokens, revocation, and a login page that asks for a name and no password.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import (
    AuthorizationCodeMixin,
    ClientMixin,
    InvalidGrantError,
    OAuth2Error,
    TokenMixin,
    grants,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from flask import Flask, Response, jsonify, render_template_string, request
from joserfc.jwk import KeySet, RSAKey

if TYPE_CHECKING:
    from authlib.oauth2 import OAuth2Request

CLIENT_ID = "togetherctl-demo"
SCOPES = "openid email profile groups offline_access"
GROUPS = ["gpu-users"]

_LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo issuer</title><style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0; }
form { max-width: 24rem; padding: 2rem; } h1 { font-size: 1.375rem; margin: 0 0 .5rem; }
label { display: block; margin-top: 1rem; } input { font: inherit; width: 100%; padding: .4rem; box-sizing: border-box; }
button { font: inherit; margin: 1rem .5rem 0 0; padding: .4rem 1rem; }
</style></head><body><form method="post"><h1>Demo issuer</h1>
<p>It runs on this machine for <code>togetherctl demo</code> and believes whatever you say.</p>
<label>Email <input name="email" type="email" value="{{ email }}" autofocus required></label>
<button name="answer" value="allow">Log in</button><button name="answer" value="deny" formnovalidate>Deny</button>
</form></body></html>"""


@dataclass
class _Client(ClientMixin):  # type: ignore[misc] # Authlib's server half has no types
    """Any public client with loopback redirect URIs."""

    client_id: str

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str | None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(name for name in (scope or "").split() if name in SCOPES.split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri.startswith(("http://localhost:", "http://127.0.0.1:"))

    def check_client_secret(self, _client_secret: str) -> bool:
        return False

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "none"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class _Code(AuthorizationCodeMixin):  # type: ignore[misc] # as above
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
class _Grant(TokenMixin):  # type: ignore[misc] # as above
    """One refresh token and who it was given to."""

    email: str
    client_id: str
    scope: str

    def check_client(self, client: _Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


class DemoIssuer:
    """One issuer at `url` whose tokens live `lifetime` seconds; `app` is its WSGI application."""

    def __init__(self, url: str, *, lifetime: int, email: str) -> None:
        self.url = url
        self.lifetime = lifetime
        self.email = email
        self.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self.codes: dict[str, _Code] = {}
        self.refresh_tokens: dict[str, _Grant] = {}
        self.app = Flask("togetherctl.demo.issuer")
        self.app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = lambda *_args, **_kwargs: secrets.token_urlsafe(32)
        self.app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": lifetime, "refresh_token": lifetime}
        self._server = AuthorizationServer(self.app, query_client=_Client, save_token=self._save)
        self._register_grants()
        self._register_pages()

    def metadata(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0, 3."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "revocation_endpoint": f"{self.url}/revoke",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": SCOPES.split(),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def claims(self, email: str) -> dict[str, Any]:
        return {"sub": f"demo|{email}", "email": email, "groups": GROUPS}

    def _save(self, token: dict[str, Any], asked: OAuth2Request) -> None:
        if "refresh_token" in token:
            self.refresh_tokens[token["refresh_token"]] = _Grant(asked.user, asked.client.client_id, token["scope"])

    def _register_pages(self) -> None:
        app = self.app

        @app.get("/.well-known/openid-configuration")
        def configuration() -> Response:
            return jsonify(self.metadata())

        @app.get("/keys")
        def keys() -> Response:
            return jsonify(KeySet([self.key]).as_dict(private=False))

        @app.route("/authorize", methods=["GET", "POST"])
        def authorize() -> Any:
            try:
                grant = self._server.get_consent_grant(end_user=None)
            except OAuth2Error as error:
                return self._server.handle_error_response(None, error)
            if request.method == "GET":
                return render_template_string(_LOGIN_PAGE, email=request.args.get("login_hint", self.email))
            allowed = request.form.get("answer") != "deny"
            person = request.form.get("email") if allowed else None
            return self._server.create_authorization_response(grant=grant, grant_user=person)

        @app.post("/token")
        def token() -> Any:
            return self._server.create_token_response()

        @app.post("/revoke")
        def revoke() -> Any:
            return self._server.create_endpoint_response(RevocationEndpoint.ENDPOINT_NAME)

    def _register_grants(self) -> None:
        issuer = self

        class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc] # Authlib asks for subclasses
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

            def save_authorization_code(self, code: str, asked: OAuth2Request) -> None:
                data = asked.payload.data
                issuer.codes[code] = _Code(
                    code,
                    asked.user,
                    asked.client.client_id,
                    asked.payload.redirect_uri,
                    asked.payload.scope,
                    data.get("nonce"),
                    data.get("code_challenge"),
                    data.get("code_challenge_method"),
                )

            def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
                found = issuer.codes.get(code)
                return found if found and found.client_id == client.client_id else None

            def delete_authorization_code(self, authorization_code: _Code) -> None:
                issuer.codes.pop(authorization_code.code, None)

            def authenticate_user(self, authorization_code: _Code) -> str:
                return authorization_code.email

        class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc] # as above
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token: str) -> _Grant:
                # Taken out at once: a rotated token works once.
                found = issuer.refresh_tokens.pop(refresh_token, None)
                if found is None:
                    raise InvalidGrantError("the refresh token is unknown or was used before")
                return found

            def authenticate_user(self, refresh_token: _Grant) -> str:
                return refresh_token.email

            def revoke_old_credential(self, refresh_token: _Grant) -> None:
                """It is gone already."""

        class IDToken(OpenIDCode):  # type: ignore[misc] # as above
            def exists_nonce(self, _nonce: str, _asked: OAuth2Request) -> bool:
                return False

            def resolve_client_private_key(self, _client: _Client) -> Any:
                return issuer.key

            def get_client_claims(self, _client: _Client) -> dict[str, Any]:
                return {"iss": issuer.url, "exp": int(time.time()) + issuer.lifetime}

            def get_client_algorithm(self, _client: _Client) -> str:
                return "RS256"

            def get_encode_header(self, client: _Client) -> dict[str, Any]:
                return {"alg": self.get_client_algorithm(client), "kid": issuer.key.kid}

            def generate_user_info(self, user: str, _scope: str) -> dict[str, Any]:
                return issuer.claims(user)

        class Revocation(RevocationEndpoint):  # type: ignore[misc] # as above
            CLIENT_AUTH_METHODS = ("none",)

            def query_token(self, token_string: str, _token_type_hint: str) -> _Grant | None:
                return issuer.refresh_tokens.get(token_string)

            def revoke_token(self, _token: _Grant, asked: OAuth2Request) -> None:
                issuer.refresh_tokens.pop(asked.form["token"], None)

        id_token = IDToken(require_nonce=False)
        self._server.register_grant(CodeGrant, [CodeChallenge(required=True), id_token])
        self._server.register_grant(RefreshGrant, [id_token])
        self._server.register_endpoint(Revocation)
