"""One request to the loopback listener: what it asks, and the answer as bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.page import security_headers, stray

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_QUERY = 16 * 1024
_NOT_AWAITED = "This is not the login that is being waited for. Start again from your terminal."


@dataclass(frozen=True)
class Request:
    """What was asked. `refusal` answers what cannot be the awaited response; else `parameters` may be one."""

    parameters: Mapping[str, str]
    refusal: bytes | None


def read_request(request: bytes, redirect_uri: str) -> Request:
    """One whole request as http.server reads it; what it cannot read is refused."""
    reader = _Reader(request, redirect_uri)
    # An address that cannot be taken apart is a ValueError.
    with suppress(ValueError):
        reader.handle_one_request()
    return Request(reader.parameters, reader.refusal)


class _Reader(BaseHTTPRequestHandler):
    """Nothing is logged: the request line holds the code."""

    protocol_version = "HTTP/1.1"

    def __init__(self, request: bytes, redirect_uri: str) -> None:
        # There is no server and no connection behind it, which is what the class it is made from would set up.
        self._redirect_uri = redirect_uri
        self.rfile, self.wfile = BytesIO(request), BytesIO()
        self.client_address = ("", 0)
        self.command = ""
        self.parameters: Mapping[str, str] = {}
        self.refusal: bytes | None = refused(400, "This is not a request.")

    def do_GET(self) -> None:  # http.server's name
        parts = urlsplit(self.path)
        if not self._is_for_us():
            self.refusal = refused(421, "This address is not served here.")
        elif parts.path != (urlsplit(self._redirect_uri).path or "/"):
            self.refusal = refused(404, "There is nothing here.")
        else:
            self.parameters = _parameters(parts.query)
            self.refusal = None

    def do_HEAD(self) -> None:  # http.server's name
        self.refusal = refused(405, "", body=self.command != "HEAD")

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_HEAD  # noqa: N815 # http.server's names

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses."""
        self.refusal = refused(code, "This is not a request.")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""

    def _is_for_us(self) -> bool:
        expected = urlsplit(self._redirect_uri).netloc.lower()
        return (self.headers.get("Host") or "").lower() == expected


def refused(status: int, message: str = _NOT_AWAITED, *, body: bool = True) -> bytes:
    """The answer to a request that changes nothing."""
    return response(status, stray(message), body=body)


def response(status: int, page: str, *, body: bool = True) -> bytes:
    """A whole HTTP answer; without `body` it has the head alone."""
    text = page.encode("utf-8")
    headers = {
        "Server": "togetherctl",
        "Date": formatdate(usegmt=True),
        **security_headers(),
        "Content-Type": "text/html; charset=utf-8",
        "Content-Length": str(len(text)),
    }
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = "GET"
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("ascii")
    return head + text if body else head


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query[:_MAX_QUERY], keep_blank_values=True, max_num_fields=50)
    except ValueError:
        pairs = []
    parameters = dict(pairs)
    if len(query) > _MAX_QUERY or len(parameters) != len(pairs):
        # A parameter given twice (RFC 6749, 3.1) or without end: nobody's answer.
        return {}
    return parameters
