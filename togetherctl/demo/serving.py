"""Serve a WSGI application on a free port of loopback while a block runs; it logs nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Quiet(WSGIRequestHandler):
    # Seconds, for a client that connects and says nothing.
    timeout = 10

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 # werkzeug's name
        """Says nothing."""


def listen(host: str, app: WSGIApplication, *, tls: SSLContext | None = None) -> BaseWSGIServer:
    """Take a free port of `host`; connections wait until `serving`."""
    server = make_server(host, 0, app, threaded=True, request_handler=_Quiet)
    if tls is not None:
        # The handshake belongs to the connection's own thread: a silent client must not hold up the others.
        server.ssl_context = tls
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[None]:
    """Answer on a thread while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
