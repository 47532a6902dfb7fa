"""Look at an API server's certificate before anything is written for it: one request, without a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from togetherctl.errors import Refused, Unreachable, Untrusted
from togetherctl.kube.cluster_tls import ClusterConnection
from togetherctl.transport import HTTP

_SECONDS = 10.0


def look_at_server(
    server: str, *, ca_data: str | None, environ: Mapping[str, str], log: Callable[[str], None] = lambda _line: None
) -> None:
    """Ask `server` for its version over TLS that is verified as kubectl will verify it.

    Whatever it answers is enough, since a cluster may show its version to no stranger. Raises Unreachable, with the
    reason where its certificate is refused, and ConfigError where `ca_data` holds no certificate.
    """
    connection = ClusterConnection(ca_data=ca_data, cluster=server)
    with HTTP(connection, environ, log=log, total_seconds=_SECONDS) as http, suppress(Refused, Untrusted):
        try:
            http.get(f"{server.rstrip('/')}/version", follow=False)
        except Unreachable as error:
            # A status is an answer, too.
            if not error.status:
                raise
