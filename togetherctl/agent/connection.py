"""Speak HTTP/1.1 on one connection: one request at a time, within limits of size and time."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import h11

from togetherctl.agent.protocol import (
    IDLE_SECONDS,
    MAX_BODY,
    MAX_HEAD,
    REQUEST_SECONDS,
    STATUSES,
    Answer,
    Failure,
    failure,
)
from togetherctl.errors import bug_sentence
from togetherctl.printable import printable
from togetherctl.quick_json import loads
from togetherctl.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.loop import EventLoop
    from togetherctl.agent.protocol import Cancel, Document

    Handle = Callable[["Exchange"], None]

_CHUNK = 16 * 1024
# Seconds in which the rest of what a refused client sends is read, so that it gets to see the answer.
_LINGER_SECONDS = 1.0
_MOST_LINGERED = 256 * 1024


class Request(NamedTuple):
    """A request as it came: `path` without its query."""

    method: str
    path: str
    body: bytes

    def document(self) -> Document | None:
        """The JSON object in the body; None where there is none."""
        try:
            found = loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class Exchange:
    """A request that waits for its answer; `host` is where it comes from, None where that is not known."""

    def __init__(self, connection: Connection, request: Request) -> None:
        self.request = request
        self.connection = connection
        self.host = connection.host
        self._gone: list[Callable[[], None]] = []

    def answer(self, answer: Answer | Failure | Document) -> None:
        """Send it; an answer for a client that is gone, and a second one, go nowhere."""
        self._gone.clear()
        self.connection.answer(self, answer_of(answer))

    def when_gone(self, call: Callable[[], None]) -> None:
        """Call where the client goes before it has its answer."""
        self._gone.append(call)

    def end(self) -> None:
        """The client is gone."""
        while self._gone:
            self._gone.pop()()


def answer_of(answer: Answer | Failure | Document) -> Answer:
    """The HTTP status and the JSON text."""
    if isinstance(answer, Answer):
        return answer
    status = STATUSES.get(answer.code, 500) if isinstance(answer, Failure) else 200
    document = answer.document if isinstance(answer, Failure) else answer
    return Answer(status, json.dumps(document).encode("ascii") + b"\n")


class Connection:
    """One client. `handle` gets each request; `closed` is called once, at the end.

    The client has REQUEST_SECONDS to send a request and to take its answer, and IDLE_SECONDS between two requests. It
    may wait for an answer as long as `handle` takes.
    """

    def __init__(
        self,
        loop: EventLoop,
        opened: socket.socket,
        handle: Handle,
        *,
        host: str | None = None,
        closed: Callable[[Connection], None],
    ) -> None:
        self.host = host
        # A connection that something is bound to may stay without a request.
        self.is_held = False
        self.when_closed: list[Callable[[], None]] = []
        self._loop, self._socket, self._handle, self._closed = loop, opened, handle, closed
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._request: h11.Request | None = None
        self._body = b""
        self._exchange: Exchange | None = None
        self._ahead = 0
        self._out = b""
        self._ends = self._lingers = self._is_head = self._is_timed = False
        self._unwatch: Cancel = lambda: None
        self._stop_clock: Cancel = lambda: None
        opened.setblocking(False)  # noqa: FBT003 # socket's signature
        self._watch()
        self._set_clock(IDLE_SECONDS)

    def close(self) -> None:
        """End it now, whatever is under way."""
        if self._socket.fileno() == -1:
            return
        self._unwatch()
        self._stop_clock()
        self._socket.close()
        if self._exchange is not None:
            self._exchange.end()
        for call in self.when_closed:
            call()
        self._closed(self)

    def answer(self, exchange: Exchange, answer: Answer) -> None:
        """Send the answer to the request that waits."""
        if exchange is not self._exchange or self._socket.fileno() == -1:
            return
        self._exchange = None
        self._send(answer)

    def _read(self) -> None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._lingers:
            self._ahead += len(data)
            if not data or self._ahead > _MOST_LINGERED:
                self.close()
            return
        # A client that closed while it waited does not want the answer any more.
        if not data and (self._exchange is not None or self._out or self._request is None):
            self.close()
            return
        if self._exchange is not None or self._out:
            self._ahead += len(data)
            if self._ahead > MAX_HEAD:
                self.close()
                return
        try:
            self._http.receive_data(data)
        except RuntimeError:  # more after the end
            self.close()
            return
        if self._exchange is None and not self._out:
            self._go_on()

    def _go_on(self) -> None:
        """Take what is there of a request, and hand it over when it is whole."""
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    self._wait_for_more()
                    return
                if isinstance(event, h11.Request):
                    self._request, self._body = event, b""
                elif isinstance(event, h11.Data):
                    self._body += event.data
                    if len(self._body) > MAX_BODY:
                        self.refuse(failure("too_large", f"the body is longer than {MAX_BODY} bytes"))
                        return
                elif isinstance(event, h11.EndOfMessage):
                    self._hand_over()
                    return
                else:
                    self.close()
                    return
        except h11.RemoteProtocolError as error:
            code = "head_too_large" if error.error_status_hint == STATUSES["head_too_large"] else "bad_request"
            self.refuse(failure(code, f"this is no HTTP/1.1 request: {printable(str(error), limit=200)}"))

    def _wait_for_more(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._out += (
                self._http.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")) or b""
            )
            self._flush()
        begun = self._request is not None or bool(self._http.trailing_data[0])
        if begun and not self._is_timed:
            # From the first byte on: one that comes a little at a time gets no more.
            self._set_clock(REQUEST_SECONDS, timed=True)

    def _hand_over(self) -> None:
        request, self._request = self._request, None
        if request is None:  # h11 gives no end without a beginning
            return
        self._stop_clock()
        self._ahead = len(self._http.trailing_data[0])
        path = request.target.partition(b"?")[0].decode("ascii", "replace")
        self._exchange = exchange = Exchange(self, Request(request.method.decode("ascii"), path, self._body))
        self._body = b""
        self._is_head = request.method == b"HEAD"
        if any(name == b"origin" for name, _ in request.headers):
            exchange.answer(failure("forbidden", "web pages get nothing here"))
            return
        try:
            self._handle(exchange)
        except Exception as error:  # noqa: BLE001 # the edge: the client hears of a bug, and the agent goes on
            exchange.answer(failure("bug", bug_sentence(error), 70))

    def refuse(self, refused: Failure) -> None:
        """Answer something else than a request that was understood, and close."""
        self._ends = True
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(answer_of(refused))
        else:
            self.close()

    def _send(self, answer: Answer) -> None:
        headers = [
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"%d" % len(answer.body)),
            (b"Cache-Control", b"no-store"),
        ]
        if self._ends:
            headers.append((b"Connection", b"close"))
        reason = _REASONS.get(answer.status, b"")
        self._out += self._http.send(h11.Response(status_code=answer.status, headers=headers, reason=reason)) or b""
        if not self._is_head:
            self._out += self._http.send(h11.Data(data=answer.body)) or b""
        self._out += self._http.send(h11.EndOfMessage()) or b""
        self._set_clock(REQUEST_SECONDS)
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                self._out = self._out[self._socket.send(self._out) :]
        except BlockingIOError:
            self._watch(writing=True)
            return
        except OSError:
            self.close()
            return
        self._watch()
        if self._http.our_state is h11.MUST_CLOSE or self._ends:
            self._linger()
        elif self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._ahead = 0
            self._set_clock(IDLE_SECONDS)
            self._go_on()

    def _linger(self) -> None:
        """Say that this is all, and read what still comes: unread data would take the answer away."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._lingers, self._ahead = True, 0
        self._set_clock(_LINGER_SECONDS)

    def _watch(self, *, writing: bool = False) -> None:
        self._unwatch()
        self._unwatch = self._loop.watch(self._socket.fileno(), self._read, self._flush if writing else None)

    def _set_clock(self, seconds: float, *, timed: bool = False) -> None:
        self._stop_clock()
        self._is_timed = timed
        self._stop_clock = self._loop.after(seconds, self._run_out)

    def _run_out(self) -> None:
        if self._is_timed:
            self._is_timed = False
            self.refuse(failure("timeout", f"the request was not here within {REQUEST_SECONDS:.0f} seconds"))
        elif not self.is_held or self._out:
            self.close()


_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}
