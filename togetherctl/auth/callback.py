"""The callback listener on loopback, which gets the authorization response (RFC 8252, 7.3).

It answers one path of one host, on 127.0.0.1 and ::1 at once so that no other program can own the other half of
`localhost`; everything that is not the awaited response gets an error and changes nothing.
"""

from __future__ import annotations

import errno
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.authorization_request import fill_in_port
from togetherctl.auth.callback_page import failure_page, security_headers, stray_page
from togetherctl.auth.callback_visitors import CONNECTION_SECONDS, Visitors, hang_up
from togetherctl.auth.port_holder import TABLES, PortHolder, find_port_holder
from togetherctl.config.profile import Loopback
from togetherctl.config.profile_hints import ProfileHints
from togetherctl.errors import ConfigError, TogetherctlError
from togetherctl.printable import printable

_RETRIES_FOR_A_FREE_PORT = 20
_LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)


class PortsTaken(TogetherctlError):
    """None of the profile's redirect URIs can be listened on."""

    code = "ports_taken"


@dataclass
class Arrival:
    """The awaited response, in a browser that waits for its last page; a pasted one came without a connection."""

    parameters: Mapping[str, str]
    _connection: socket.socket | None
    _shown: threading.Lock = field(default_factory=threading.Lock)

    def show(self, page: str) -> None:
        """Send the last page; once, whatever is said later."""
        if self._connection is None or not self._shown.acquire(blocking=False):
            return
        # The browser may be gone by now.
        with suppress(OSError, ValueError):
            self._connection.settimeout(CONNECTION_SECONDS)
            self._connection.sendall(response(200, page))
        hang_up(self._connection)


class Listener:
    """Listens for one authorization response. `redirect_uri` is what to register in the request."""

    def __init__(self, redirect_uri: str, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
        self.redirect_uri = redirect_uri
        self._sockets = list(sockets)
        self._tls = tls
        self._visitors: Visitors | None = None
        self._expects: Callable[[Mapping[str, str]], bool] = lambda _parameters: False
        self._arrived: Arrival | None = None
        self._arriving = threading.Lock()
        self._is_here = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, expects: Callable[[Mapping[str, str]], bool]) -> None:
        """Accept connections; `expects` tells the awaited response from strays by its parameters."""
        self._expects = expects
        self._visitors = Visitors(self._sockets, self._tls, self._hear)
        self._thread = threading.Thread(target=self._visitors.run, name="togetherctl-callback", daemon=True)
        self._thread.start()

    def take(self, parameters: Mapping[str, str], connection: socket.socket | None = None) -> bool:
        """Whether this is the awaited response, which `wait` then gives; the same one once more is a stray.

        It comes by a browser's `connection`, or was pasted.
        """
        with self._arriving:
            if self._arrived is not None or not self._expects(parameters):
                return False
            self._arrived = Arrival(parameters, connection)
        self._is_here.set()
        return True

    def wait(self, seconds: float) -> Arrival | None:
        """The response, once, or None after `seconds`."""
        if not self._is_here.wait(max(seconds, 0)):
            return None
        self._is_here.clear()
        return self._arrived

    def close(self) -> None:
        """Stop listening; a browser that still waits is told that this login has ended."""
        if self._visitors is not None and self._thread is not None:
            self._visitors.close()
            self._thread.join(CONNECTION_SECONDS)
        for listening in self._sockets:
            listening.close()
        self._sockets.clear()
        if self._arrived is not None:
            self._arrived.show(failure_page("togetherctl did not finish this login."))

    def _hear(self, connection: socket.socket, asked: bytes) -> None:
        """Answer one request, unless it is the awaited response."""
        request = Request(asked, self.redirect_uri)
        refusal = request.refusal
        if refusal is None:
            if self.take(request.parameters, connection):
                return
            refusal = refused(400)
        # It is small enough to be taken whole by a connection that was sent nothing before.
        with suppress(OSError, ValueError):
            connection.sendall(refusal)
        hang_up(connection)


def listen(
    loopbacks: Sequence[Loopback], certificate: tuple[Path, Path] | None = None, ways: ProfileHints | None = None
) -> Listener:
    """Bind the first of `loopbacks` that is free; errors name settings by `ways`. Raises PortsTaken and ConfigError."""
    ways = ways or ProfileHints()
    taken: list[str] = []
    for loopback in loopbacks:
        url = urlsplit(loopback.redirect_uri)
        tls = _server_tls(certificate, ways) if url.scheme == "https" and certificate else None
        try:
            sockets, port = _bind(loopback, url.hostname or "", _port_of(url.port, tls=tls is not None))
        except OSError as error:
            port = _port_of(url.port, tls=tls is not None)
            port = int(loopback.listen.rpartition(":")[2]) if loopback.listen else port
            holder = find_port_holder(port) if error.errno == errno.EADDRINUSE else None
            taken.append(f"{loopback.listen or f'port {port}'}: {_reason(error, holder)}")
            continue
        return Listener(fill_in_port(loopback.redirect_uri, port), sockets, tls)
    raise PortsTaken(f"no redirect URI of this login can be listened on ({'; '.join(taken)})")


@dataclass(frozen=True)
class TakenAddress:
    """An address of a redirect URI on which nothing of ours can listen, and why.

    `in_use`: something else does, which is `holder` where that is known.
    """

    address: str
    why: str
    in_use: bool = True
    holder: PortHolder | None = None


def try_addresses(loopback: Loopback, *, https: bool) -> list[TakenAddress]:
    """Listen for a moment on each address of a redirect URI; those on which that fails."""
    url = urlsplit(loopback.redirect_uri)
    host, port = url.hostname or "", _port_of(url.port, tls=https)
    if not loopback.listen and host in _LOOPBACK_HOSTS:
        tries = [(f"127.0.0.1:{port}", TABLES), (f"[::1]:{port}", TABLES[1:])]
    else:
        tries = [(loopback.listen or f"{host}:{port}", TABLES)]
    taken = []
    for address, tables in tries:
        try:
            sockets, _ = _bind_address(address)
        except OSError as error:
            # A machine without IPv6 listens on 127.0.0.1 alone.
            if error.errno in _NO_IPV6 and address.startswith("[::1]"):
                continue
            number = int(address.rpartition(":")[2])
            in_use = error.errno == errno.EADDRINUSE
            holder = find_port_holder(number, tables) if in_use else None
            taken.append(TakenAddress(address, _reason(error, holder), in_use, holder))
        else:
            for listening in sockets:
                listening.close()
    return taken


def _bind(loopback: Loopback, host: str, port: int) -> tuple[list[socket.socket], int]:
    """Listen where the profile says, else where the redirect URI's host is; gives the port, too."""
    if loopback.listen:
        return _bind_address(loopback.listen)
    if host in _LOOPBACK_HOSTS:
        return _bind_loopback(port)
    return _bind_address(f"{host}:{port}")


def _bind_loopback(port: int) -> tuple[list[socket.socket], int]:
    """Listen on `port` (0: any free one) of 127.0.0.1 and ::1; of 127.0.0.1 alone on a machine without IPv6."""
    for _ in range(_RETRIES_FOR_A_FREE_PORT if port == 0 else 1):
        first = _bind_socket(socket.AF_INET, "127.0.0.1", port)
        bound = int(first.getsockname()[1])
        try:
            return [first, _bind_socket(socket.AF_INET6, "::1", bound)], bound
        except OSError as error:
            if error.errno in _NO_IPV6:
                return [first], bound
            first.close()
            if port != 0 or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on both 127.0.0.1 and ::1")


def _bind_address(address: str) -> tuple[list[socket.socket], int]:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family, _, _, _, target = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = _bind_socket(family, str(target[0]), int(port))
    return [bound], int(bound.getsockname()[1])


def _bind_socket(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There, reuse would let another program take the same port beside us.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(socket.SOMAXCONN)
    except BaseException:
        listening.close()
        raise
    return listening


def _server_tls(certificate: tuple[Path, Path], ways: ProfileHints) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(*certificate)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{ways.setting('listen_cert_file')} {certificate[0]} and "
            f"{ways.setting('listen_key_file')} {certificate[1]} cannot be used: "
            f"{printable(getattr(error, 'strerror', None) or 'not a certificate and its key')}"
        ) from None
    return context


def _port_of(port: int | None, *, tls: bool) -> int:
    return port if port is not None else (443 if tls else 80)


def _reason(error: OSError, holder: PortHolder | None) -> str:
    if error.errno != errno.EADDRINUSE:
        return printable(error.strerror or error)
    return f"in use by {holder}" if holder else "in use"


_MAX_QUERY = 16 * 1024
_NOT_AWAITED = "This is not the login that is being waited for. Start again from your terminal."


class Request(BaseHTTPRequestHandler):
    """One whole request as http.server reads it: `parameters` may be those of the awaited response unless `refusal`.

    `refusal` is the answer to what cannot be that response. Nothing is logged: the request line holds the code.
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, request: bytes, redirect_uri: str) -> None:
        # There is no server and no connection behind it, which is what the class it is made from would set up.
        self._redirect_uri = redirect_uri
        self.rfile, self.wfile = BytesIO(request), BytesIO()
        self.client_address = ("", 0)
        self.command = ""
        self.parameters: Mapping[str, str] = {}
        self.refusal: bytes | None = refused(400, "This is not a request.")
        # An address that cannot be taken apart is a ValueError.
        with suppress(ValueError):
            self.handle_one_request()

    def do_GET(self) -> None:  # http.server's name
        parts, expected = urlsplit(self.path), urlsplit(self._redirect_uri)
        if (self.headers.get("Host") or "").lower() != expected.netloc.lower():
            self.refusal = refused(421, "This address is not served here.")
        elif parts.path != (expected.path or "/"):
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


def refused(status: int, message: str = _NOT_AWAITED, *, body: bool = True) -> bytes:
    """The answer to a request that changes nothing."""
    return response(status, stray_page(message), body=body)


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
        # A parameter given twice (RFC 6749, 3.1) or without end: no issuer's answer.
        return {}
    return parameters
