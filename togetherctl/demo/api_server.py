"""A small Kubernetes API server on loopback: TLS, bearer tokens checked against the issuer's keys, a few objects.

Enough for `kubectl get pods`, `kubectl auth whoami` and `kubectl version`, and for the official client libraries.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from togetherctl.auth.claims import Claims
from togetherctl.auth.id_token import Keys, verify
from togetherctl.demo.serving import Request, Response, json_response, listen, serving
from togetherctl.errors import TogetherctlError

_NAMESPACE = "default"
_PODS = ("llm-train-0", "llm-train-1", "notebook")


class ApiServer:
    """Listens at `url`; `seen` holds the path and user of every request with a good token."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        keys: Keys,
        certificate: tuple[Path, Path],
        clock: Callable[[], float] = time.time,
    ) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        self._server = listen("127.0.0.1", self._answer, tls=context)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
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

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        """Serve on a thread while the block runs."""
        with serving(self._server):
            yield self

    def _answer(self, request: Request) -> Response:
        claims = self.authenticate(request.headers.get("Authorization", ""))
        if claims is None:
            return json_response(401, _failure(401, "Unauthorized", "Unauthorized"))
        self.seen.append((request.path, str(claims.get("email", claims["sub"]))))
        found = _OBJECTS.get((request.method, request.path))
        if found is None:
            return json_response(404, _failure(404, "NotFound", "the server could not find the requested resource"))
        value = found(claims, request.headers.get("Accept", "")) if callable(found) else found
        return json_response(201 if request.method == "POST" else 200, value)


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
