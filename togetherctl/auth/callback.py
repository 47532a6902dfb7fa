"""The loopback listener an authorization response comes back to (RFC 8252, 7.3).

It answers one path of one host, on 127.0.0.1 and ::1 at once so that nobody else can own the other half of
`localhost`; everything that is not the awaited response gets an error and changes nothing.
"""

from __future__ import annotations

import errno
import queue
import socket
import ssl
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from time import sleep
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.page import failed, security_headers, stray
from togetherctl.errors import ConfigError, TogetherctlError
from togetherctl.printable import printable
from togetherctl.store.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from togetherctl.store.profile import Loopback

_CONNECTION_SECONDS = 5.0
_PAGE_SECONDS = 60.0
_MAX_CONNECTIONS = 32
_PAUSE_AFTER_ERROR = 0.1
_MAX_QUERY = 16 * 1024
_RETRIES_FOR_A_FREE_PORT = 20


class PortsTaken(TogetherctlError):
    """None of the profile's redirect URIs can be listened on."""

    code = "ports_taken"


@dataclass
class Arrival:
    """The awaited response, in a browser that waits for its last page."""

    parameters: Mapping[str, str]
    _page: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    shown: threading.Event = field(default_factory=threading.Event)

    def show(self, page: str) -> None:
        """Send the last page, and give the browser a moment to take it."""
        self._page.put(page)
        self.shown.wait(_CONNECTION_SECONDS)


class Listener:
    """Listens for one authorization response. `redirect_uri` is what to register in the request."""

    def __init__(self, redirect_uri: str, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None) -> None:
        self.redirect_uri = redirect_uri
        self._sockets = list(sockets)
        self._tls = tls
        self._expects: Callable[[Mapping[str, str]], bool] = lambda _parameters: False
        self._arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._taken = threading.Lock()
        self._room = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, expects: Callable[[Mapping[str, str]], bool]) -> None:
        """Accept connections; `expects` tells the awaited response from strays by its parameters."""
        self._expects = expects
        for listening in self._sockets:
            threading.Thread(target=self._accept, args=(listening,), name="togetherctl-callback", daemon=True).start()

    def wait(self, seconds: float) -> Arrival | None:
        """The response, or None after `seconds`."""
        try:
            return self._arrivals.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None

    def close(self) -> None:
        self._closed.set()
        for listening in self._sockets:
            # Closing alone does not wake a thread that waits in accept().
            _hang_up(listening)
            listening.close()
        self._sockets.clear()

    def take(self, parameters: Mapping[str, str]) -> Arrival | None:
        """The arrival for the awaited parameters; None for strays, and for the same response once more."""
        if not self._expects(parameters) or not self._taken.acquire(blocking=False):
            return None
        arrival = Arrival(parameters)
        self._arrivals.put(arrival)
        return arrival

    def _accept(self, listening: socket.socket) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                if self._closed.is_set():
                    return
                sleep(_PAUSE_AFTER_ERROR)
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="togetherctl-callback", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The socket's own timeout begins anew with every byte; this one does not.
        too_slow = threading.Timer(_CONNECTION_SECONDS, _hang_up, [connection])
        too_slow.daemon = True
        too_slow.start()
        try:
            connection.settimeout(_CONNECTION_SECONDS)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            _Handler(connection, self, too_slow.cancel)
        # A browser may break off at any point; the login goes on.
        except (OSError, ValueError):
            pass
        finally:
            too_slow.cancel()
            _hang_up(connection)
            connection.close()
            self._room.release()


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request. Nothing is logged: the request line bears the code."""

    server_version = "togetherctl"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = _CONNECTION_SECONDS

    def __init__(self, connection: socket.socket, listener: Listener, in_time: Callable[[], None]) -> None:
        self._listener = listener
        self._in_time = in_time
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type] # there is no server behind it

    def handle(self) -> None:
        self.close_connection = True
        self.handle_one_request()

    def parse_request(self) -> bool:
        """The whole request is read: from here on it is we who take time."""
        understood = super().parse_request()
        self._in_time()
        return understood

    def do_GET(self) -> None:  # http.server's name
        parts = urlsplit(self.path)
        if not self._is_for_us():
            self._refuse(421, "This address is not served here.")
        elif parts.path != (urlsplit(self._listener.redirect_uri).path or "/"):
            self._refuse(404, "There is nothing here.")
        else:
            self._answer_response(parts.query)

    def do_HEAD(self) -> None:  # http.server's name
        self._refuse(405, "")

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_HEAD  # noqa: N815 # http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""

    def _answer_response(self, query: str) -> None:
        try:
            pairs = parse_qsl(query[:_MAX_QUERY], keep_blank_values=True, max_num_fields=50)
        except ValueError:
            pairs = []
        parameters = dict(pairs)
        if len(query) > _MAX_QUERY or len(parameters) != len(pairs):
            # A parameter given twice (RFC 6749, 3.1) or without end: nobody's answer.
            parameters = {}
        arrival = self._listener.take(parameters)
        if arrival is None:
            self._refuse(400, "This is not the login that is being waited for. Start again from your terminal.")
            return
        try:
            page = arrival._page.get(timeout=_PAGE_SECONDS)  # noqa: SLF001 # the other end of one handover
        except queue.Empty:
            page = failed("togetherctl did not finish this login.")
        try:
            self._send(200, page)
        finally:
            arrival.shown.set()

    def _is_for_us(self) -> bool:
        expected = urlsplit(self._listener.redirect_uri).netloc.lower()
        host = (self.headers.get("Host") or "").lower()
        return host == expected

    def _refuse(self, status: int, message: str) -> None:
        self._send(status, stray(message))

    def _send(self, status: int, page: str) -> None:
        body = page.encode("utf-8")
        self.send_response(status)
        for name, value in security_headers().items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if status == 405:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def listen(
    loopbacks: Sequence[Loopback], certificate: tuple[Path, Path] | None = None, ways: Ways | None = None
) -> Listener:
    """Bind the first of `loopbacks` that is free; hints name `ways`. Raises PortsTaken and ConfigError."""
    ways = ways or Ways()
    taken: list[str] = []
    for loopback in loopbacks:
        url = urlsplit(loopback.redirect_uri)
        tls = _server_tls(certificate, ways) if url.scheme == "https" and certificate else None
        try:
            sockets, port = _bind(loopback, url.hostname or "", _port_of(url.port, tls))
        except OSError as error:
            taken.append(f"{loopback.listen or f'port {_port_of(url.port, tls)}'}: {_reason(error)}")
            continue
        redirect_uri = loopback.redirect_uri
        if url.port == 0:
            redirect_uri = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{port}").geturl()
        return Listener(redirect_uri, sockets, tls)
    raise PortsTaken(
        f"no redirect URI of this login can be listened on ({'; '.join(taken)})",
        hint="end the program that holds the port, or register another redirect URI and add it to "
        + ways.setting("redirect_uris"),
    )


def _bind(loopback: Loopback, host: str, port: int) -> tuple[list[socket.socket], int]:
    """Listen where the profile says, else where the redirect URI's host is; gives the port, too."""
    if loopback.listen:
        return _bind_address(loopback.listen)
    if host in ("localhost", "127.0.0.1", "::1"):
        return _bind_loopback(port)
    return _bind_address(f"{host}:{port}")


def _bind_loopback(port: int) -> tuple[list[socket.socket], int]:
    """Listen on `port` (0: any free one) of 127.0.0.1 and ::1; of 127.0.0.1 alone on a machine without IPv6."""
    for _ in range(_RETRIES_FOR_A_FREE_PORT if port == 0 else 1):
        first = _bound(socket.AF_INET, "127.0.0.1", port)
        bound = int(first.getsockname()[1])
        try:
            return [first, _bound(socket.AF_INET6, "::1", bound)], bound
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT):
                return [first], bound
            first.close()
            if port != 0 or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on both 127.0.0.1 and ::1")


def _bind_address(address: str) -> tuple[list[socket.socket], int]:
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family, _, _, _, target = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = _bound(family, str(target[0]), int(port))
    return [bound], int(bound.getsockname()[1])


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
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
        listening.listen(16)
    except BaseException:
        listening.close()
        raise
    return listening


def _server_tls(certificate: tuple[Path, Path], ways: Ways) -> ssl.SSLContext:
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


def _port_of(port: int | None, tls: ssl.SSLContext | None) -> int:
    return port if port is not None else (443 if tls else 80)


def _reason(error: OSError) -> str:
    return "in use" if error.errno == errno.EADDRINUSE else printable(error.strerror or error)
