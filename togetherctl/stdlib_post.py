"""One POST over a plain socket, as each refresh sends it: `http.client` alone would double what has to be imported.

The answer is read as HTTP/1.1 frames it (RFC 9112): by chunks, by its length, or until the server closes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from io import BufferedReader

__all__ = ["NotHTTP", "connect", "post"]

_PORTS = {"http": 80, "https": 443}
_MOST_BEFORE = 8
_MOST_HEADERS = 100
_LONGEST_LINE = 65536
_LONGEST_LENGTH = 18
_HEX = frozenset(b"0123456789abcdefABCDEF")


class NotHTTP(Exception):
    """What came back is not HTTP, or was cut short."""


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
        return _Answer(file, 2 * limit).read(limit)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    named = f"[{host}]" if ":" in host else host
    return named if parts.port in (None, _PORTS[parts.scheme]) else f"{named}:{parts.port}"


class _Answer:
    """Reads one answer, of which at most `left` bytes are taken, its framing included."""

    def __init__(self, file: BufferedReader, left: int) -> None:
        self._file = file
        self._left = left

    def read(self, limit: int) -> tuple[int, dict[str, str], bytes]:
        # Answers such as 103 Early Hints come before the real one (RFC 9110, 15.2).
        for _ in range(_MOST_BEFORE):
            status, headers = self._status(), self._headers()
            if status >= 200:
                return status, headers, self._body(status, headers, limit)
        raise NotHTTP("the answer never came")

    def _status(self) -> int:
        version, _, rest = self._line().partition(b" ")
        code = rest.partition(b" ")[0]
        if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit():
            raise NotHTTP("no status line")
        return int(code)

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        name = ""
        for _ in range(_MOST_HEADERS):
            line = self._line().decode("latin-1")
            if not line:
                return headers
            if line[0] in " \t" and name:
                # A header that goes on in the next line (RFC 9112, 5.2).
                headers[name] = f"{headers[name]} {line.strip()}"
                continue
            name, colon, value = line.partition(":")
            name, value = name.lower(), value.strip()
            if not colon or not name or name != name.strip():
                raise NotHTTP("a header that is none")
            if name == "content-length" and headers.get(name, value) != value:
                raise NotHTTP("two lengths")
            headers[name] = value
        raise NotHTTP("headers without end")

    def _body(self, status: int, headers: Mapping[str, str], limit: int) -> bytes:
        if status in (204, 304):
            return b""
        encoding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if encoding is not None:
            if encoding.lower() != "chunked":
                raise NotHTTP("a transfer coding that was not asked for")
            return self._chunks(limit)
        if length is None:
            return self._count(self._file.read(limit + 1))
        # More digits than any file has bytes, and Python refuses to count them.
        if not (length.isascii() and length.isdigit()) or len(length) > _LONGEST_LENGTH:
            raise NotHTTP("a length that is none")
        return self._exactly(min(int(length), limit + 1))

    def _chunks(self, limit: int) -> bytes:
        body = bytearray()
        while len(body) <= limit:
            digits = self._line().partition(b";")[0].strip()
            if not digits or not _HEX.issuperset(digits):
                raise NotHTTP("a chunk without a length")
            size = int(digits, 16)
            if size == 0:
                # Trailers add nothing that is asked for here.
                self._headers()
                return bytes(body)
            wanted = min(size, limit + 1 - len(body))
            body += self._exactly(wanted)
            if wanted == size and self._line():
                raise NotHTTP("a chunk longer than its length")
        return bytes(body)

    def _exactly(self, size: int) -> bytes:
        data = self._count(self._file.read(size))
        if len(data) < size:
            raise NotHTTP("cut short")
        return data

    def _line(self) -> bytes:
        line = self._count(self._file.readline(_LONGEST_LINE))
        if not line.endswith(b"\n"):
            raise NotHTTP("a line that does not end")
        return line.rstrip(b"\r\n")

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise NotHTTP("larger than it may be")
        return data
