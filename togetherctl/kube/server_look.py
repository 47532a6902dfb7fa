"""Look at an API server before anything is written for it, and at its certificate: one request, without a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from togetherctl.errors import Refused, Untrusted
from togetherctl.kube.cluster_tls import ClusterConnection
from togetherctl.transport import HTTP

_SECONDS = 10.0
_NOT_WITHOUT_TOKEN = (401, 403)


@dataclass(frozen=True)
class ServerLook:
    """What answered: `kubernetes` as its API server does, `gateway` as what lets no stranger through, or `other`.

    `status` is the HTTP status; 0 where the answer could not be read.
    """

    kind: Literal["kubernetes", "gateway", "other"]
    status: int = 0


def look_at_server(
    server: str, *, ca_data: str | None, environ: Mapping[str, str], log: Callable[[str], None] = lambda _line: None
) -> ServerLook:
    """Ask `server` for its version, over TLS that is verified as kubectl will verify it.

    A refusal is an answer, since a cluster may show its version to no stranger. Raises Unreachable, with the reason
    where its certificate is refused, and ConfigError where `ca_data` holds no certificate.
    """
    connection = ClusterConnection(ca_data=ca_data, cluster=server)
    with HTTP(connection, environ, log=log, total_seconds=_SECONDS) as http:
        try:
            answer = http.get(f"{server.rstrip('/')}/version", follow=False)
        except Refused:
            return ServerLook("other")
    try:
        said = answer.json()
    except Untrusted:
        said = {}
    if isinstance(said.get("gitVersion"), str) or said.get("kind") == "Status":
        return ServerLook("kubernetes", answer.status)
    return ServerLook("gateway" if answer.status in _NOT_WITHOUT_TOKEN else "other", answer.status)
