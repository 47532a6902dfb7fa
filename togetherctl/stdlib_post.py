"""One POST over a plain socket, as each refresh sends it: `http.client` alone would double what has to be imported.

The answer is read by `http_answer`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from togetherctl.http_answer import NotHTTP, read_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

__all__ = ["NotHTTP", "connect", "post"]

_PORTS = {"http": 80, "https": 443}


def connect(url: str, tls: Callable[[], ssl.SSLContext], seconds: float) -> socket.socket:
    """An open connection to the server of `url`, through TLS for https; `seconds` hold for each wait.

    Raises OSError and, where `url` names no server, ValueError; then nothing was sent.
    """
    parts = urlsplit(url)
    # As bytes, because for text Python loads its tables of international names.
    host = (parts.hostname or "").encode("ascii")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if not host:
        raise ValueError("a URL without a host")
    # Before the connection, so that a file that cannot be read does not open one.
    context = tls() if parts.scheme == "https" else None
    plain = socket.create_connection((host, port), seconds)  # type: ignore[arg-type] # bytes are taken too
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if context is None else context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def post(
    connection: socket.socket, url: str, body: bytes, headers: Mapping[str, str], *, limit: int
) -> tuple[int, dict[str, str], bytes]:
    """Send `body`, and give the status, the headers in lower case and at most `limit` + 1 bytes of the answer.

    Raises OSError, NotHTTP, and, where a header or the URL cannot be sent, ValueError; then nothing was sent.
    """
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    lines = [f"POST {target} HTTP/1.1", f"Host: {_host(parts)}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if " " in target or any(ord(character) < 32 or ord(character) == 127 for line in lines for character in line):
        raise ValueError("a URL or a header with a character that cannot be sent")
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    with connection.makefile("rb") as file:
        return read_answer(file, limit)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return named if parts.port in (None, _PORTS[parts.scheme]) else f"{named}:{parts.port}"
