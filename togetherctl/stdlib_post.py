"""One POST with the standard library alone, as each refresh sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from io import BufferedIOBase

__all__ = ["HTTPException", "connect", "post"]

_MOST_BEFORE = 8


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

    Raises OSError, and HTTPException for what is no HTTP or was cut short.
    """
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    connection.request("POST", target, body=body, headers=dict(headers))
    response = connection.getresponse()
    _skip_what_comes_before(response)
    response.fp = _Capped(response.fp, 2 * limit)  # type: ignore[assignment] # all of a file that is used of it
    data = response.read(limit + 1)
    # http.client says nothing of a body that is shorter than it was announced.
    if response.length and len(data) <= limit:
        raise IncompleteRead(data)
    return response.status, {name.lower(): value for name, value in response.getheaders()}, data


def _skip_what_comes_before(response: HTTPResponse) -> None:
    """Answers such as 103 Early Hints come before the real one (RFC 9110, 15.2); http.client knows 100 alone."""
    for _ in range(_MOST_BEFORE):
        if not 100 < response.status < 200:
            return
        response.headers = response.msg = None  # type: ignore[assignment] # as before the first line was read
        response.begin()
    raise HTTPException("the answer never came")


class _Capped:
    """What is left to read of an answer, framing included; a negative length, as a chunk may claim, is none."""

    def __init__(self, file: BufferedIOBase, left: int) -> None:
        self._file = file
        self._left = left

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            raise HTTPException("a length that is none")
        return self._count(self._file.read(min(size, self._left + 1)))

    def readline(self, size: int = -1) -> bytes:
        return self._count(self._file.readline(size))

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise HTTPException("larger than it may be")
        return data
