"""A scripted OpenID Provider: honest until a test tells it not to be, and it counts what it is asked."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

if TYPE_CHECKING:
    import ssl

    from tests.support.canary import Canary


@cache
def signing_key(name: str = "first") -> ECKey:
    """A key of this run, made once."""
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig", "alg": "ES256"})


@cache
def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})


@dataclass
class Reply:
    """What a test wants an endpoint to answer instead; `body` is JSON unless it is bytes."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    form: dict[str, str]
    at: float


@dataclass
class Gate:
    """Keeps requests waiting before they have any effect, until it is opened; then they are answered or dropped."""

    drops: bool = False
    opened: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def open(self) -> None:
        self.opened.set()

    def wait_for_somebody(self) -> None:
        assert self.waiting.acquire(timeout=30), "nobody came"


@dataclass
class _Login:
    request: dict[str, str]
    claims: dict[str, Any]


class ScriptedServer:
    """HTTP on a thread at `url`: notes each request, may keep it waiting, and answers what a test wants, or `reply`."""

    def __init__(
        self, *, clock: Callable[[], float], canary: Canary, host: str = "localhost", tls: ssl.SSLContext | None = None
    ) -> None:
        self.clock = clock
        self.canary = canary
        self.replies: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self.always: dict[str, Reply] = {}
        self.gates: dict[str, Gate] = {}
        self.asked: list[Asked] = []
        self.counts: Counter[str] = Counter()
        self._address = (host, 0)
        self._tls = tls
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.start()
        self.url = f"{'https' if tls else 'http'}://{host}:{self._address[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        scripted = self

        class Handles(Handler):
            home = scripted

        self._server = ThreadingHTTPServer(self._address, Handles)
        self._server.daemon_threads = True
        if self._tls:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._address = (self._address[0], self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening: whoever asks now is refused the connection."""
        if self._server and self._thread:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def answer(self, asked: Asked) -> Reply:
        """Give what a test wants of this path, else the server's own reply."""
        if self.replies[asked.path]:
            return self.replies[asked.path].popleft()
        if asked.path in self.always:
            return self.always[asked.path]
        return self.reply(asked)

    def reply(self, asked: Asked) -> Reply:
        raise AssertionError


class Handler(BaseHTTPRequestHandler):
    """HTTP for whatever is scripted."""

    home: ScriptedServer
    protocol_version = "HTTP/1.1"
    timeout = 10
    # Head and body are two writes: the second must not wait for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle("")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""

    def _handle(self, body: str) -> None:
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path,
            {name.lower(): value for name, value in self.headers.items()},
            {name: values[0] for name, values in parse_qs(parts.query).items()},
            {name: values[0] for name, values in parse_qs(body).items()},
            self.home.clock(),
        )
        self.home.asked.append(asked)
        self.home.counts[asked.path] += 1
        gate = self.home.gates.get(asked.path)
        if gate is not None:
            gate.waiting.release()
            gate.opened.wait(60)
            if gate.drops:
                self.close_connection = True
                return
        reply = self.home.answer(asked)
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        if "Date" in reply.headers:
            self.send_response_only(reply.status)
        else:
            self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class ScriptedIssuer(ScriptedServer):
    """What it answers is made of plain attributes that a test may change."""

    def __init__(self, *, clock: Callable[[], float], canary: Canary, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(clock=clock, canary=canary, tls=tls)
        self.lifetime = 300
        self.claims: dict[str, Any] = {"sub": "user-1", "email": "me@acme.com"}
        self.client_id = "the-client"
        self.client_secret: str | None = None
        self.rotates = True
        self.key = signing_key()
        self.algorithm = "ES256"
        self.metadata_changes: dict[str, Any] = {}
        self.token_changes: dict[str, Any] = {}
        self.claim_changes: dict[str, Any] = {}
        self.device_changes: dict[str, Any] = {}
        self.passwords = {"me": "open sesame, please"}
        self.sends_issuer = False
        self.refresh_reply: Reply | None = None
        self.codes: dict[str, _Login] = {}
        self.devices: dict[str, _Login] = {}
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        self.revoked: list[tuple[str, str]] = []

    def metadata(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "revocation_endpoint": f"{self.url}/revoke",
            "end_session_endpoint": f"{self.url}/logout",
            "device_authorization_endpoint": f"{self.url}/device",
            "scopes_supported": ["openid", "email", "offline_access"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": [self.algorithm],
        }
        if self.sends_issuer:
            document["authorization_response_iss_parameter_supported"] = True
        document |= self.metadata_changes
        return {name: value for name, value in document.items() if value is not None}

    def id_token(self, claims: dict[str, Any], nonce: str | None = None) -> str:
        """A token signed with the present key; `claim_changes` win, a change to None leaves the claim out."""
        now = int(self.clock())
        body = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + self.lifetime, **claims}
        if nonce is not None:
            body["nonce"] = nonce
        body |= self.claim_changes
        body = {name: value for name, value in body.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return self.canary.watch("an ID token", jwt.encode(header, body, self.key, algorithms=[self.algorithm]))

    def tokens(self, claims: dict[str, Any], scope: str, nonce: str | None = None) -> dict[str, Any]:
        refresh_token = self.canary.watch("a refresh token", f"refresh-{secrets.token_urlsafe(24)}")
        self.refresh_tokens[refresh_token] = {"claims": claims, "scope": scope}
        answer = {
            "token_type": "Bearer",
            "access_token": self.canary.watch("an access token", f"access-{secrets.token_urlsafe(24)}"),
            "expires_in": self.lifetime,
            "id_token": self.id_token(claims, nonce),
            "refresh_token": refresh_token,
            "scope": scope,
        }
        answer |= self.token_changes
        return {name: value for name, value in answer.items() if value is not None}

    def client_tokens(self, scope: str) -> dict[str, Any]:
        """What a client gets for itself: an access token alone (RFC 6749, 4.4.3), unless `token_changes` add to it."""
        answer = {
            "token_type": "Bearer",
            "access_token": self.canary.watch("an access token", f"access-{secrets.token_urlsafe(24)}"),
            "expires_in": self.lifetime,
            "scope": scope,
        }
        return {name: value for name, value in {**answer, **self.token_changes}.items() if value is not None}

    def log_in(self, request: dict[str, str], *, claims: dict[str, Any] | None = None) -> str:
        """Answer an authorization request: the URL the browser is sent back to."""
        code = self.canary.watch("an authorization code", f"code-{secrets.token_urlsafe(24)}")
        self.codes[code] = _Login(request, claims or self.claims)
        answer = {"code": code, "state": request["state"]}
        if self.sends_issuer:
            answer["iss"] = self.url
        return f"{request['redirect_uri']}?{urlencode(answer)}"

    def reply(self, asked: Asked) -> Reply:
        if asked.path == urlsplit(str(self.metadata().get("token_endpoint", ""))).path:
            return self._token(asked)
        match asked.path:
            case "/.well-known/openid-configuration":
                return Reply(body=self.metadata())
            case "/keys":
                return Reply(body=dict(KeySet([self.key]).as_dict(private=False)))
            case "/revoke":
                self.revoked.append((asked.form.get("token_type_hint", ""), asked.form.get("token", "")))
                self.refresh_tokens.pop(asked.form.get("token", ""), None)
                return Reply(body=b"")
            case "/device":
                return self._device(asked)
            case "/authorize":
                return Reply(302, b"", {"Location": self.log_in(asked.query)})
        return Reply(404, {"error": "not_found"})

    def _device(self, asked: Asked) -> Reply:
        """Answers as if the person had already agreed; `replies` of `/token` let them take their time."""
        if not self._is_the_client(asked):
            return Reply(401, {"error": "invalid_client"})
        code = self.canary.watch("a device code", f"device-{secrets.token_urlsafe(24)}")
        self.devices[code] = _Login(asked.form, self.claims)
        answer = {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.url}/activate",
            "verification_uri_complete": f"{self.url}/activate?user_code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 5,
        }
        answer |= self.device_changes
        return Reply(body={name: value for name, value in answer.items() if value is not None})

    def _token(self, asked: Asked) -> Reply:
        form = asked.form
        if not self._is_the_client(asked):
            return Reply(401, {"error": "invalid_client"})
        match form.get("grant_type"):
            case "authorization_code":
                login = self.codes.pop(form.get("code", ""), None)
                if login is None or login.request["redirect_uri"] != form.get("redirect_uri"):
                    return Reply(400, {"error": "invalid_grant"})
                return self._proven(login, form)
            case "urn:ietf:params:oauth:grant-type:device_code":
                login = self.devices.pop(form.get("device_code", ""), None)
                return self._proven(login, form) if login else Reply(400, {"error": "invalid_grant"})
            case "password":
                if self.passwords.get(form.get("username", "")) != form.get("password"):
                    return Reply(400, {"error": "invalid_grant"})
                return Reply(body=self.tokens(self.claims, form["scope"]))
            case "client_credentials":
                return Reply(body=self.client_tokens(form.get("scope", "")))
            case "urn:ietf:params:oauth:grant-type:token-exchange":
                return Reply(body=self.tokens(self.claims, form["scope"]))
            case "refresh_token":
                return self._refreshed(form["refresh_token"])
        return Reply(400, {"error": "unsupported_grant_type"})

    def _proven(self, login: _Login, form: dict[str, str]) -> Reply:
        verifier = self.canary.watch("a PKCE verifier", form.get("code_verifier", ""))
        if login.request.get("code_challenge") not in (None, _challenge(verifier)):
            return Reply(400, {"error": "invalid_grant", "error_description": "PKCE"})
        return Reply(body=self.tokens(login.claims, login.request["scope"], login.request.get("nonce")))

    def _refreshed(self, refresh_token: str) -> Reply:
        if self.refresh_reply is not None:
            return self.refresh_reply
        grant = self.refresh_tokens.get(refresh_token)
        if grant is None:
            return Reply(400, {"error": "invalid_grant", "error_description": "unknown or used before"})
        if self.rotates:
            del self.refresh_tokens[refresh_token]
        return Reply(body=self.tokens(grant["claims"], grant["scope"]))

    def _is_the_client(self, asked: Asked) -> bool:
        if self.client_secret is None:
            return asked.form.get("client_id") == self.client_id and "authorization" not in asked.headers
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        by_header = asked.headers.get("authorization") == f"Basic {basic}"
        return by_header or asked.form.get("client_secret") == self.client_secret


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
