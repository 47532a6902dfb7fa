"""The loopback listener in a crowd: other connections never keep the awaited response out."""

from __future__ import annotations

import json
import shlex
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.auth.test_callback import ANY_PORT, awaited, finishing, has_ipv6, port_of
from tests.conftest import ROOT, MakeConfig, Run
from tests.support.browser import fetch
from togetherctl.auth.callback import Listener, listen
from togetherctl.config.profile import Loopback

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer

HOSTS = ["127.0.0.1", pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))]
CROWD = 300

# Keeps opening connections to HOST PORT and closing the oldest; says once that it has begun. Bounded in count and time.
FLOOD = """
import collections, socket, sys, time
host, port, said = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
ends, held = time.monotonic() + 20, collections.deque()
for count in range(40_000):
    if time.monotonic() > ends:
        break
    try:
        connection = socket.create_connection((host, port), timeout=5)
        connection.sendall(said)
    except OSError:
        continue
    held.append(connection)
    if len(held) > 100:
        held.popleft().close()
    if count == 500:
        print("begun", flush=True)
"""


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen(ANY_PORT) as listening:
        listening.start(awaited)
        yield listening


@contextmanager
def flood(host: str, port: int, said: str = "") -> Iterator[None]:
    words = [sys.executable, "-I", "-c", FLOOD, host, str(port), said]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            yield
            assert process.poll() is None, "the flood ended before the response was there"
        finally:
            process.kill()


def answer(listener: Listener, host: str) -> int:
    """The status that the browser sees which brings the awaited response over `host`."""
    place = f"[{host}]" if ":" in host else host
    with finishing(listener) as arrivals:
        page = fetch(
            f"http://{place}:{port_of(listener)}/?state=right&code=abc",
            headers={"Host": f"localhost:{port_of(listener)}"},
        )
    assert [arrival.parameters["code"] for arrival in arrivals] == ["abc"]
    return page.status


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("said", [b"", b"GET /?state=right&code=abc HTTP/1.1\r\nHost: local"], ids=["silent", "half"])
def test_a_crowd_that_holds_its_connections_gives_way(listener: Listener, host: str, said: bytes) -> None:
    with ExitStack() as crowd:
        for _ in range(CROWD):
            connection = crowd.enter_context(socket.create_connection((host, port_of(listener)), timeout=10))
            connection.sendall(said)
        assert answer(listener, host) == 200


def test_a_crowd_on_one_family_does_not_close_the_other(listener: Listener) -> None:
    with ExitStack() as crowd:
        for _ in range(CROWD):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10))
        assert answer(listener, "::1" if has_ipv6() else "127.0.0.1") == 200


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("said", ["", "G", "GET / HTTP/1.1\r\n"], ids=["silent", "one letter", "half"])
def test_the_response_gets_in_through_a_flood_of_new_connections(listener: Listener, host: str, said: str) -> None:
    with flood(host, port_of(listener), said):
        assert answer(listener, host) == 200


def test_the_second_redirect_uri_is_as_open_as_the_first() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = Loopback(f"http://localhost:{taken.getsockname()[1]}")
        with listen((first, *ANY_PORT)) as listener:
            listener.start(awaited)
            with flood("127.0.0.1", port_of(listener)):
                assert answer(listener, "127.0.0.1") == 200


def test_slow_senders_do_not_displace_a_newcomer(listener: Listener) -> None:
    """They are never silent for long, and still the one that has said nothing yet keeps its place."""
    stop = threading.Event()
    with ExitStack() as crowd:
        slow = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10))
            for _ in range(CROWD)
        ]

        def drip() -> None:
            while not stop.wait(0.01):
                for connection in slow:
                    try:
                        connection.sendall(b"G")
                    except OSError:
                        continue

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            newcomer = crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10))
            stop.wait(0.5)
            with finishing(listener) as arrivals:
                host = f"localhost:{port_of(listener)}"
                newcomer.sendall(f"GET /?state=right HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert newcomer.recv(100).startswith(b"HTTP/1.1 200 ")
            assert len(arrivals) == 1
        finally:
            stop.set()
            dripping.join()


def test_the_one_that_has_sent_nothing_longest_gives_way_first(listener: Listener) -> None:
    from togetherctl.auth.callback_visitors import ROOM

    with ExitStack() as crowd:
        silent = [
            crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10))
            for _ in range(ROOM + 1)
        ]
        assert silent[0].recv(1) == b"", "the oldest is hung up on"
        for connection in silent[1:]:
            connection.setblocking(False)  # noqa: FBT003 # the socket's own parameter
            with pytest.raises(BlockingIOError):
                connection.recv(1)


def test_a_request_in_pieces_is_one_request(listener: Listener) -> None:
    with (
        finishing(listener) as arrivals,
        socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10) as connection,
    ):
        for piece in (
            b"GET /?state=right&co",
            b"de=abc HTTP/1.1\r\nHo",
            f"st: localhost:{port_of(listener)}\r\n\r".encode(),
        ):
            connection.sendall(piece)
            assert not arrivals
        connection.sendall(b"\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert arrivals[0].parameters == {"state": "right", "code": "abc"}


def test_half_a_request_is_no_response(listener: Listener) -> None:
    """The code might be cut; only a whole request is believed."""
    with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10) as connection:
        host = f"localhost:{port_of(listener)}"
        connection.sendall(f"GET /?state=right&code=ab HTTP/1.1\r\nHost: {host}\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert listener.wait(0) is None
    assert answer(listener, "127.0.0.1") == 200


def test_a_silent_crowd_gives_way_on_an_https_redirect_uri_too(tmp_path: Path) -> None:
    from togetherctl.demo.certificate import make_certificate

    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate = make_certificate(folder)
    with listen((Loopback("https://127.0.0.1:0/cb"),), certificate) as listening, ExitStack() as crowd:
        listening.start(awaited)
        for _ in range(CROWD):
            crowd.enter_context(socket.create_connection(("127.0.0.1", port_of(listening)), timeout=10))
        trust = ssl.create_default_context(cafile=certificate[0])
        with (
            finishing(listening) as arrivals,
            socket.create_connection(("127.0.0.1", port_of(listening)), timeout=10) as plain,
            trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            host = f"127.0.0.1:{port_of(listening)}"
            connection.sendall(f"GET /cb?state=right HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert len(arrivals) == 1


FEW_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
from togetherctl.auth.callback import listen
from togetherctl.config.profile import Loopback
with listen((Loopback("http://127.0.0.1:0"),)) as listener:
    listener.start(lambda parameters: parameters.get("state") == "right")
    print(listener.redirect_uri, flush=True)
    arrival = listener.wait(20)
    arrival.show("<p>the end</p>")
    print(arrival.parameters["code"], flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_process_that_may_open_few_files_lets_the_response_in_too() -> None:
    with (
        subprocess.Popen([sys.executable, "-c", FEW_FILES], stdout=subprocess.PIPE, text=True) as process,
        ExitStack() as crowd,
    ):
        try:
            assert process.stdout is not None
            redirect_uri = process.stdout.readline().strip()
            port = int(redirect_uri.rpartition(":")[2])
            for _ in range(100):
                crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            assert fetch(f"{redirect_uri}/?state=right&code=abc").text == "<p>the end</p>"
            assert process.stdout.readline() == "abc\n"
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="the browser is a shell script")
def test_a_whole_login_goes_through_though_a_process_keeps_reopening_connections(
    config_at: MakeConfig, issuer: ScriptedIssuer, process: Run, tmp_path: Path
) -> None:
    """The flood begins before the browser comes back, and goes on until the listener is gone."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    browser = tmp_path / "browser"
    flooding = shlex.join([sys.executable, "-I", "-c", FLOOD, "127.0.0.1", str(port), ""])
    visit = shlex.join([sys.executable, "-m", "tests.support.visit", "log-in", str(tmp_path / "visited")])
    browser.write_text(f'#!/bin/sh\n{flooding} &\nsleep 1\n{visit} "$1"\nkill $!\n')
    browser.chmod(0o700)
    path = config_at(issuer, profile_keys=f"browser = [{json.dumps(str(browser))}]\nlogin_timeout = 30")
    path.write_text(path.read_text().replace("http://localhost:0", f"http://localhost:{port}"))
    done = process("login", "acme", PYTHONPATH=str(ROOT))
    assert done.code == 0, done.stderr
    assert issuer.counts["/token"] == 1
