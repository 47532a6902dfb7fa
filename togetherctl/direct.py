"""One POST straight to a server, with nothing but the standard library: it is what every refresh waits for."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

__all__ = ["HTTPException", "connect", "post"]


def connect(url: str, tls: Callable[[], ssl.SSLContext], seconds: float) -> HTTPConnection:
    """An open connection to the server of `url`, through TLS for https. Raises OSError; then nothing was sent."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(parts.hostname or "", parts.port, timeout=seconds, context=tls())
    else:
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    connection.connect()
    return connection


def post(
    connection: HTTPConnection, url: str, body: bytes, headers: Mapping[str, str], *, limit: int
) -> tuple[int, dict[str, str], bytes]:
    """Send `body`, and give the status, the headers in lower case and at most `limit` + 1 bytes of the answer.

    Raises OSError and HTTPException.
    """
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    connection.request("POST", target, body=body, headers=dict(headers))
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read(limit + 1)
