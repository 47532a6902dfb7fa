"""Read one HTTP/1.1 answer, as it is framed (RFC 9112): by chunks, by its length, or until the server closes.

`http.client` alone would double what a refresh has to import.
"""

from __future__ import annotations

from collections.abc import Mapping

from togetherctl.records import Protocol

__all__ = ["NotHTTP", "Readable", "read_answer"]

_MOST_BEFORE = 8
_MOST_HEADERS = 100
_LONGEST_LINE = 65536
_LONGEST_LENGTH = 18
_HEX = frozenset(b"0123456789abcdefABCDEF")


class NotHTTP(Exception):
    """What came back is not HTTP, or was cut short."""


class Readable(Protocol):
    """What an answer is read from: fewer bytes than were asked for are its end."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


def read_answer(file: Readable, limit: int) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers in lower case and at most `limit` + 1 bytes of the body.

    Of the whole answer, its framing included, at most twice the `limit` is taken. Raises NotHTTP, and what `file`
    raises.
    """
    return _Answer(file, 2 * limit).read(limit)


class _Answer:
    """Reads one answer, of which at most `left` bytes are taken, its framing included."""

    def __init__(self, file: Readable, left: int) -> None:
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
