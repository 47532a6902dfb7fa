"""A small OpenID Provider on loopback, with a login page that asks for a name and no password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import Flask, Response, jsonify, render_template_string, request
from joserfc.jwk import KeySet, RSAKey

from togetherctl.demo.oauth_server import ALGORITHM, SCOPES, DemoServer, Revocation

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

CLIENT_ID = "togetherctl-demo"

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


class DemoIssuer:
    """One issuer at `url` whose tokens live `lifetime` seconds; `app` is its WSGI application."""

    def __init__(self, url: str, *, lifetime: int, email: str) -> None:
        self.url = url
        self.email = email
        self.app = Flask("togetherctl.demo.issuer")
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        self._server = DemoServer(self.app, url=url, key=self._key, lifetime=lifetime)
        self.app.get("/.well-known/openid-configuration")(self._metadata)
        self.app.get("/keys")(self._keys)
        self.app.route("/authorize", methods=["GET", "POST"])(self._authorize)
        self.app.post("/token")(self._token)
        self.app.post("/revoke")(self._revoke)

    def jwks(self) -> dict[str, Any]:
        """The public keys, as the API server needs them."""
        return dict(KeySet([self._key]).as_dict(private=False))

    def _metadata(self) -> Response:
        return jsonify(
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
            }
        )

    def _keys(self) -> Response:
        return jsonify(self.jwks())

    def _authorize(self) -> ResponseReturnValue:
        try:
            grant = self._server.get_consent_grant(end_user=None)
        except OAuth2Error as error:
            return self._answer(self._server.handle_error_response(None, error))
        if request.method == "GET":
            return render_template_string(_LOGIN_PAGE, email=request.args.get("login_hint", self.email))
        person = None if request.form.get("answer") == "deny" else request.form.get("email")
        return self._answer(self._server.create_authorization_response(grant=grant, grant_user=person))

    def _token(self) -> ResponseReturnValue:
        return self._answer(self._server.create_token_response())

    def _revoke(self) -> ResponseReturnValue:
        return self._answer(self._server.create_endpoint_response(Revocation.ENDPOINT_NAME))

    def _answer(self, response: Any) -> Response:
        # Authlib does not say which framework's response it makes.
        assert isinstance(response, Response)  # noqa: S101 # told to the type checker
        return response
