"""Serve HTTP on a free port of loopback while a block runs, with the standard library alone; it logs nothing."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs, urlsplit

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request; `target` is the path with its query."""

    method: str
    target: str
    headers: Message
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The values of each parameter in the address."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The values of each field of a form that was posted, else nothing."""
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return {}
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)


@dataclass(frozen=True)
class Response:
    """One answer."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)


def json_response(status: int, value: Any) -> Response:
    """An answer that holds a JSON value."""
    return Response(status, json.dumps(value), "application/json")


class Server(ThreadingHTTPServer):
    """Answers each request with what `answer` makes of it, each connection on a thread of its own."""

    # A connection that stays open must not hold up the end.
    daemon_threads = True
    answer: Callable[[Request], Response]

    def __init__(self, host: str, tls: SSLContext | None) -> None:
        super().__init__((host, 0), _Handler)
        if tls is not None:
            # The handshake belongs to the connection's own thread: a silent client must not hold up the others.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        """Bind without asking for the name of the address, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away or do not trust the certificate."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Seconds, for a client that connects and says nothing.
    timeout = 10
    server: Server

    def parse_request(self) -> bool:
        """Hand every method to `_answer`."""
        if not super().parse_request():
            return False
        setattr(self, f"do_{self.command}", self._answer)
        return True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the standard library's name
        """Says nothing."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > _MAX_BYTES:
            # What follows is not known to be the next request.
            self.close_connection = True
            self._send(Response(411, "name the length of what you send\n"))
            return
        self._send(self.server.answer(Request(self.command, self.path, self.headers, self.rfile.read(int(length)))))

    def _send(self, response: Response) -> None:
        body = response.body.encode()
        self.send_response(response.status)
        for name, value in (
            ("Content-Type", response.content_type),
            *response.headers,
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def listen(host: str, answer: Callable[[Request], Response] | None = None, *, tls: SSLContext | None = None) -> Server:
    """Take a free port of `host`; connections wait until `serving`, and `answer` may be set until then."""
    server = Server(host, tls)
    if answer is not None:
        server.answer = answer
    return server


@contextmanager
def serving(server: Server) -> Iterator[None]:
    """Answer on a thread while the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
