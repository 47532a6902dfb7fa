"""The loopback listener: it answers the one response it waits for, and nothing else changes anything."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest

from tests.support.browser import fetch
from togetherctl.auth import callback, callback_visitors
from togetherctl.auth.callback import Arrival, Listener, PortsTaken, listen
from togetherctl.config.profile import Loopback
from togetherctl.errors import ConfigError

ANY_PORT = (Loopback("http://localhost:0"),)


def awaited(parameters: Mapping[str, str]) -> bool:
    return parameters.get("state") == "right"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listen(ANY_PORT) as listening:
        listening.start(awaited)
        yield listening


def port_of(listener: Listener) -> int:
    port = urlsplit(listener.redirect_uri).port
    assert port is not None
    return port


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@contextmanager
def finishing(listener: Listener, page: str = "<p>the end</p>") -> Iterator[list[Arrival]]:
    """Somebody who takes the arrival and shows the last page."""
    arrivals: list[Arrival] = []

    def run() -> None:
        arrival = listener.wait(10)
        if arrival is not None:
            arrivals.append(arrival)
            arrival.show(page)

    thread = threading.Thread(target=run)
    thread.start()
    yield arrivals
    thread.join(15)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", pytest.param("[::1]", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))]
)
def test_the_response_arrives_on_either_family(listener: Listener, host: str) -> None:
    with finishing(listener) as arrivals:
        page = fetch(
            f"http://{host}:{port_of(listener)}/?state=right&code=abc",
            headers={"Host": f"localhost:{port_of(listener)}"},
        )
    assert arrivals[0].parameters == {"state": "right", "code": "abc"}
    assert (page.status, page.text) == (200, "<p>the end</p>")


def test_every_answer_is_fenced_in(listener: Listener) -> None:
    headers = fetch(f"{listener.redirect_uri}/?state=wrong").headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/favicon.ico", 404),
        ("GET", "/callback?state=right&code=x", 404),
        ("GET", "//evil?state=right&code=x", 404),
        ("GET", "/", 400),
        ("GET", "/?state=wrong&code=x", 400),
        ("GET", "/?error=access_denied", 400),
        ("GET", "/?state=wrong&error=access_denied", 400),
        ("GET", "/?state=right&state=right&code=x", 400),
        ("GET", "/?state=right&code=x&code=y", 400),
        ("GET", f"/?state=right&code={'x' * 20_000}", 400),
        ("GET", "/?" + "&".join(f"a{n}=1" for n in range(100)) + "&state=right", 400),
        ("HEAD", "/?state=right&code=x", 405),
        ("POST", "/?state=right&code=x", 405),
        ("OPTIONS", "/?state=right&code=x", 405),
        ("DELETE", "/?state=right&code=x", 405),
    ],
)
def test_strays_are_refused_and_the_login_goes_on(listener: Listener, method: str, path: str, status: int) -> None:
    assert fetch(f"http://localhost:{port_of(listener)}{path}", method=method).status == status
    assert listener.wait(0) is None
    with finishing(listener) as arrivals:
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 200
    assert len(arrivals) == 1


@pytest.mark.parametrize("host", ["evil.example", "localhost:1", "localhost", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_is_refused(listener: Listener, host: str) -> None:
    page = fetch(f"{listener.redirect_uri}/?state=right&code=abc", headers={"Host": host})
    assert page.status == 421
    assert listener.wait(0) is None


def test_the_same_response_counts_once(listener: Listener) -> None:
    with finishing(listener) as arrivals:
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 200
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 400
    assert len(arrivals) == 1
    assert listener.wait(0) is None


def test_connections_that_say_nothing_hold_nobody_up(listener: Listener) -> None:
    started = monotonic()
    silent = [socket.create_connection(("127.0.0.1", port_of(listener))) for _ in range(5)]
    silent[0].sendall(b"GET /?state=right")
    with finishing(listener) as arrivals:
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 200
    for connection in silent:
        connection.close()
    assert len(arrivals) == 1
    # The deadline of a half-open connection, which nobody waited for.
    assert monotonic() - started < callback_visitors.CONNECTION_SECONDS


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GARBAGE\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"x" * 70_000,
        b"\r\n",
        b"",
    ],
    ids=["TLS", "garbage", "half an address", "a later HTTP", "without end", "a newline", "nothing"],
)
def test_what_is_not_http_is_survived(listener: Listener, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port_of(listener))) as connection:
        connection.sendall(data)
    with finishing(listener) as arrivals:
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 200
    assert len(arrivals) == 1


def _drip(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"G")
        sleep(0.1)


def test_a_connection_that_drips_is_cut(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback_visitors, "CONNECTION_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", port_of(listener)), timeout=10) as connection:
        started = monotonic()
        with pytest.raises(OSError, match="Broken pipe|reset"):
            _drip(connection)
        assert monotonic() - started < 9
    with finishing(listener) as arrivals:
        assert fetch(f"{listener.redirect_uri}/?state=right&code=abc").status == 200
    assert len(arrivals) == 1


def test_the_last_page_may_take_longer_than_a_request(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback_visitors, "CONNECTION_SECONDS", 0.3)
    pages = []
    visitor = threading.Thread(target=lambda: pages.append(fetch(f"{listener.redirect_uri}/?state=right&code=abc")))
    visitor.start()
    arrival = listener.wait(5)
    assert arrival is not None
    sleep(1)
    arrival.show("<p>late</p>")
    visitor.join(10)
    assert pages[0].text == "<p>late</p>"


def test_another_loopback_address_is_listened_on_itself() -> None:
    with listen((Loopback("http://127.0.0.2:0"),)) as listening:
        assert [bound.getsockname()[0] for bound in listening._sockets] == ["127.0.0.2"]
        assert listening.redirect_uri == f"http://127.0.0.2:{listening._sockets[0].getsockname()[1]}"


def test_it_stops_listening_when_it_is_done() -> None:
    with listen(ANY_PORT) as listening:
        listening.start(awaited)
        port = port_of(listening)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2).close()


@pytest.mark.parametrize(
    "family",
    [socket.AF_INET, pytest.param(socket.AF_INET6, marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here"))],
)
def test_a_port_taken_on_either_family_means_the_next_one(family: socket.AddressFamily) -> None:
    with closing(socket.socket(family)) as taken:
        taken.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with listen((Loopback(f"http://localhost:{port}"), *ANY_PORT)) as listening:
            assert port_of(listening) not in (0, port)
        with pytest.raises(PortsTaken, match=f"port {port}: in use"):
            listen((Loopback(f"http://localhost:{port}"),))


def test_a_machine_without_ipv6_listens_on_ipv4_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    real = callback._bind_socket

    def without(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(family, host, port)

    monkeypatch.setattr(callback, "_bind_socket", without)
    with listen(ANY_PORT) as listening:
        listening.start(awaited)
        with finishing(listening):
            url = f"http://127.0.0.1:{port_of(listening)}/?state=right"
            assert fetch(url, headers={"Host": f"localhost:{port_of(listening)}"}).status == 200


def test_the_redirect_uri_is_sent_as_written() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for written in (f"http://localhost:{port}", f"http://localhost:{port}/", f"http://127.0.0.1:{port}/cb"):
        with listen((Loopback(written),)) as listening:
            assert listening.redirect_uri == written


def test_an_address_of_its_own_is_listened_on() -> None:
    with listen((Loopback("https://proxy.example/cb", "127.0.0.1:0"),)) as listening:
        assert listening.redirect_uri == "https://proxy.example/cb"
        assert [bound.getsockname()[0] for bound in listening._sockets] == ["127.0.0.1"]


def test_https_redirect_uris_use_the_profiles_certificate(tmp_path: Path) -> None:
    from togetherctl.demo.certificate import make_certificate

    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate = make_certificate(folder)
    with listen((Loopback("https://127.0.0.1:0/cb"),), certificate) as listening:
        listening.start(awaited)
        trust = ssl.create_default_context(cafile=certificate[0])
        with (
            finishing(listening) as arrivals,
            socket.create_connection(("127.0.0.1", port_of(listening))) as plain,
            trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            host = f"127.0.0.1:{port_of(listening)}"
            connection.sendall(f"GET /cb?state=right HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert b"200" in connection.recv(100)
    assert len(arrivals) == 1


def test_a_certificate_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    missing = (tmp_path / "a", tmp_path / "b")
    with pytest.raises(ConfigError, match="listen_cert_file"):
        listen((Loopback("https://127.0.0.1:0/cb"),), missing)
