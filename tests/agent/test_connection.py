"""One connection of the agent: limits of time and size, on real sockets with a loop of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from togetherctl.agent import connection as connections
from togetherctl.agent.connection import Connection, Exchange
from togetherctl.agent.loop import EventLoop
from togetherctl.agent.protocol import MAX_BODY, MAX_HEAD, failure

_SECONDS = 10.0
GET = b"GET /v1/profiles HTTP/1.1\r\nHost: agent\r\n\r\n"


class Rig:
    """A loop in a thread; `client` gives the other end of a connection to it."""

    def __init__(self) -> None:
        self.broken: list[Exception] = []
        self.loop = EventLoop(self.broken.append)
        self.waiting: list[Exchange] = []
        self.gone: list[Exchange] = []
        self.closed = threading.Semaphore(0)
        self._woken, self._wakes = socket.socketpair()
        self.loop.watch(self._woken.fileno(), self._begin)
        self._begun: list[socket.socket] = []
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()

    def client(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.settimeout(_SECONDS)
        self._begun.append(ours)
        self._wakes.send(b"+")
        return theirs

    def _begin(self) -> None:
        if self._woken.recv(1) == b"+":
            Connection(self.loop, self._begun.pop(0), self._handle, closed=lambda _connection: self.closed.release())
        elif self.waiting:
            self.waiting.pop(0).answer({"late": True})
        else:
            self.loop.end()

    def _handle(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path == "/wait":
            self.waiting.append(exchange)
            exchange.when_gone(lambda: self.gone.append(exchange))
        elif path == "/break":
            raise RuntimeError("a bug")
        elif path == "/no":
            exchange.answer(failure("forbidden", "not here", 5, "ask there"))
        else:
            exchange.answer({"method": exchange.request.method, "path": path, "body": len(exchange.request.body)})

    def poke(self) -> None:
        """Answer what waits, or end."""
        self._wakes.send(b".")

    def end(self) -> None:
        self.poke()
        self._thread.join(_SECONDS)
        assert not self._thread.is_alive()
        self._woken.close()
        self._wakes.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    running = Rig()
    yield running
    running.waiting.clear()
    running.end()
    assert running.broken == []


def read_answer(client: socket.socket) -> tuple[int, dict[str, Any]]:
    """The next answer on this connection, and no byte more."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(1)
        assert more, data
        data += more
    head = data.decode("ascii").split("\r\n")
    length = next(int(line.partition(":")[2]) for line in head if line.lower().startswith("content-length:"))
    body = b""
    while len(body) < length:
        body += client.recv(length - len(body))
    return int(head[0].split(" ")[1]), json.loads(body)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_one_connection_takes_several_requests_also_at_once(rig: Rig) -> None:
    with closing(rig.client()) as client:
        client.sendall(GET)
        assert read_answer(client) == (200, {"method": "GET", "path": "/v1/profiles", "body": 0})
        client.sendall(GET + b"POST /other?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        assert read_answer(client)[1]["path"] == "/v1/profiles"
        assert read_answer(client) == (200, {"method": "POST", "path": "/other", "body": 2})


def test_a_failure_has_its_status_and_the_envelope_of_json_output(rig: Rig) -> None:
    with closing(rig.client()) as client:
        client.sendall(b"GET /no HTTP/1.1\r\nHost: a\r\n\r\n")
        status, document = read_answer(client)
    assert status == 403
    error = {"code": "forbidden", "exit": 5, "message": "not here", "hint": "ask there", "hint_command": None}
    assert document == {"version": 1, "error": error}


GARBAGE = {
    "nothing of HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n", 400),
    "an old version": (b"GET /\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    "a head without end": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (MAX_HEAD + 10), 431),
    "a body that is too long": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1),
        413,
    ),
    "a web page": (b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://example.com\r\n\r\n", 403),
}


@pytest.mark.parametrize(("sent", "status"), GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_answered_with_an_error(rig: Rig, sent: bytes, status: int) -> None:
    with closing(rig.client()) as client:
        client.sendall(sent)
        found, document = read_answer(client)
        assert found == status
        assert document["error"]["message"]
        if status != 403:
            assert is_closed(client)


def test_a_bug_in_one_request_is_said_to_its_client(rig: Rig) -> None:
    with closing(rig.client()) as client:
        client.sendall(b"GET /break HTTP/1.1\r\nHost: a\r\n\r\n")
        status, document = read_answer(client)
        assert (status, document["error"]["code"]) == (500, "bug")
        client.sendall(GET)
        assert read_answer(client)[0] == 200


def test_head_gets_no_body(rig: Rig) -> None:
    with closing(rig.client()) as client:
        client.sendall(b"HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        while more := client.recv(4096):
            data += more
    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\n")


def test_a_slow_request_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.4)
    with closing(rig.client()) as client:
        # One that sends a little all the time gets no more time than one that sends nothing.
        client.settimeout(0.1)
        for byte in GET * 10:
            try:
                client.send(bytes([byte]))
                if client.recv(1):
                    break
            except TimeoutError:
                continue
        client.settimeout(_SECONDS)
        data = b"H"
        while more := client.recv(4096):
            data += more
    assert data.startswith(b"HTTP/1.1 408 ")
    assert b"timeout" in data


def use(client: socket.socket, rig: Rig) -> None:
    """A request, and one of another client, at whose answer the server has turned away from the first."""
    with closing(rig.client()) as other:
        for one in (client, other):
            one.sendall(GET)
            assert read_answer(one)[0] == 200


def test_a_silent_connection_is_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(rig.client()) as used:
        use(used, rig)
        # From the next answer on; the first request may come late on a busy machine.
        monkeypatch.setattr(connections, "IDLE_SECONDS", 0.2)
        with closing(rig.client()) as silent:
            assert is_closed(silent)
        used.sendall(GET)
        assert read_answer(used)[0] == 200
        assert is_closed(used)


def test_a_connection_that_waits_for_its_answer_is_not_closed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(rig.client()) as client:
        use(client, rig)
        monkeypatch.setattr(connections, "IDLE_SECONDS", 0.1)
        monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.1)
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(0.5)
        monkeypatch.undo()
        rig.poke()
        assert read_answer(client) == (200, {"late": True})


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half closed"])
def test_a_client_that_leaves_calls_its_request_off(rig: Rig, *, half: bool) -> None:
    with closing(rig.client()) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        while not rig.waiting:
            time.sleep(0.01)
        if half:
            client.shutdown(socket.SHUT_WR)
            assert is_closed(client)
    assert rig.closed.acquire(timeout=_SECONDS)
    assert rig.gone == rig.waiting


def test_a_client_that_sends_on_while_it_waits_is_closed(rig: Rig) -> None:
    with closing(rig.client()) as client:
        client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(b"x" * MAX_HEAD * 100)
        assert rig.closed.acquire(timeout=_SECONDS)
    assert rig.gone == rig.waiting
