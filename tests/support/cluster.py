"""A scripted API server: honest about SelfSubjectReview until a test tells it not to be."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from tests.support.issuer import Reply

if TYPE_CHECKING:
    import ssl

REVIEW = "/apis/authentication.k8s.io/{version}/selfsubjectreviews"
INFO = {"username": "me@acme.com", "uid": "7", "groups": ["devs", "system:authenticated"]}


class ScriptedCluster:
    """Runs on a thread. `replies` are by path; `bearers` holds what the Authorization header of each request was."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, versions: tuple[str, ...] = ("v1",)) -> None:
        self.info: Any = dict(INFO)
        self.versions = versions
        self.always: Reply | None = None
        # What it answers to the one who waits and asks again.
        self.later: Reply | None = None
        self.seconds = 0.0
        self.asked: Counter[str] = Counter()
        self.bodies: list[Any] = []
        self.bearers: list[str | None] = []
        self.at_once = self.most_at_once = 0
        self.guard = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"home": self}))
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client that breaks off is no event
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> Reply:
        if self.always is not None:
            return self.always
        for version in self.versions:
            if path.endswith(REVIEW.format(version=version)):
                review = {"kind": "SelfSubjectReview", "apiVersion": f"authentication.k8s.io/{version}"}
                return Reply(201, {**review, "metadata": {}, "status": {"userInfo": self.info}})
        return Reply(404, {"kind": "Status", "message": "the server could not find the requested resource"})


class _Handler(BaseHTTPRequestHandler):
    home: ScriptedCluster
    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        home = self.home
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with home.guard:
            home.at_once += 1
            home.most_at_once = max(home.most_at_once, home.at_once)
            home.asked[self.path] += 1
            # kubectl sends protobuf.
            home.bodies.append(json.loads(body) if body.startswith(b"{") else body)
            home.bearers.append(self.headers.get("Authorization"))
        time.sleep(home.seconds)
        reply = home.answer(self.path)
        with home.guard:
            home.at_once -= 1
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        self.home.asked[self.path] += 1
        self.home.bearers.append(self.headers.get("Authorization"))
        self._send(self.home.always or Reply(405, {"kind": "Status", "reason": "MethodNotAllowed"}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""
