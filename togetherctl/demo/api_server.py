"""A small Kubernetes API server on loopback: TLS, bearer tokens checked against the issuer's keys, a few objects.

Enough for `kubectl get pods`, `kubectl auth whoami` and `kubectl version`, and for the official client libraries.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from togetherctl.auth.claims import Claims
from togetherctl.auth.id_token import Keys, verify
from togetherctl.errors import TogetherctlError

_CONNECTION_SECONDS = 10.0
_MAX_BODY = 1024 * 1024
_NAMESPACE = "default"
_PODS = ("llm-train-0", "llm-train-1", "notebook")


class ApiServer(ThreadingHTTPServer):
    """Listens at `url`; `seen` holds the path and user of every request with a good token."""

    daemon_threads = True

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        keys: Keys,
        certificate: tuple[Path, Path],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        # The handshake belongs to the connection's own thread: a silent client must not hold up the others.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        self.seen: list[tuple[str, str]] = []
        self._issuer, self._client_id, self._keys, self._clock = issuer, client_id, keys, clock

    def authenticate(self, authorization: str) -> Claims | None:
        """The claims of a bearer token this server accepts, as an API server with `--oidc-…` flags would."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return verify(
                token.strip(), keys=self._keys, issuer=self._issuer, client_id=self._client_id, now=self._clock()
            )
        except TogetherctlError:
            return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing when a client ends its connection early."""

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        """Serve on a thread while the block runs."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"
    timeout = _CONNECTION_SECONDS

    def do_GET(self) -> None:  # http.server's name
        self._answer()

    def do_POST(self) -> None:  # http.server's name
        # What a client posts says nothing that its token does not.
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY))
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""

    def _answer(self) -> None:
        claims = self.server.authenticate(self.headers.get("Authorization", ""))
        if claims is None:
            self._send(401, _failure(401, "Unauthorized", "Unauthorized"))
            return
        path = urlsplit(self.path).path
        self.server.seen.append((path, str(claims.get("email", claims["sub"]))))
        found = _OBJECTS.get((self.command, path))
        if found is None:
            self._send(404, _failure(404, "NotFound", "the server could not find the requested resource"))
            return
        value = found(claims, self.headers.get("Accept", "")) if callable(found) else found
        self._send(201 if self.command == "POST" else 200, value)

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _failure(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


def _resources(group: str, **resource: Any) -> dict[str, Any]:
    return {"kind": "APIResourceList", "groupVersion": group, "resources": [resource]}


def _review(claims: Claims, _accept: str) -> dict[str, Any]:
    groups = [*claims.get("groups", []), "system:authenticated"]
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"userInfo": {"username": claims.get("email", claims["sub"]), "groups": groups}},
    }


def _pod(name: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": _NAMESPACE, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "main", "image": "demo"}]},
        "status": {"phase": "Running"},
    }


def _pods(_claims: Claims, accept: str) -> dict[str, Any]:
    if "as=Table" not in accept:
        return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [_pod(name) for name in _PODS]}
    columns = ("Name", "Ready", "Status", "Restarts")
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [
            {"name": name, "type": "string", "format": "", "description": "", "priority": 0} for name in columns
        ],
        "rows": [{"cells": [name, "1/1", "Running", "0"], "object": _pod(name)} for name in _PODS],
    }


_GROUP = "authentication.k8s.io"
_GROUP_VERSION = {"groupVersion": f"{_GROUP}/v1", "version": "v1"}
_GROUPS = {"name": _GROUP, "versions": [_GROUP_VERSION], "preferredVersion": _GROUP_VERSION}
# By method and path: an object, or what makes one of a token's claims and the Accept header.
_OBJECTS: dict[tuple[str, str], dict[str, Any] | Callable[[Claims, str], dict[str, Any]]] = {
    ("GET", "/version"): {
        "major": "1",
        "minor": "34",
        "gitVersion": "v1.34.0-togetherctl-demo",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "none",
        "platform": "demo",
    },
    ("GET", "/api"): {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    ("GET", "/apis"): {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_GROUPS]},
    ("GET", "/api/v1"): _resources(
        "v1",
        name="pods",
        singularName="pod",
        namespaced=True,
        kind="Pod",
        verbs=["get", "list"],
        shortNames=["po"],
    ),
    ("GET", f"/apis/{_GROUP}/v1"): _resources(
        f"{_GROUP}/v1",
        name="selfsubjectreviews",
        singularName="selfsubjectreview",
        namespaced=False,
        kind="SelfSubjectReview",
        verbs=["create"],
    ),
    ("GET", f"/api/v1/namespaces/{_NAMESPACE}/pods"): _pods,
    ("GET", "/api/v1/pods"): _pods,
    ("POST", f"/apis/{_GROUP}/v1/selfsubjectreviews"): _review,
}
