"""A POST takes another way than a GET, and keeps the same promises: what is odd is said, and nothing is without end."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from pathlib import Path
from time import monotonic

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from tests.test_transport import server
from togetherctl.errors import Refused, TogetherctlError, Unreachable, Untrusted
from togetherctl.transport import HTTP, MAX_BODY, Answer, Connection

OK = b"HTTP/1.1 200 OK\r\n"


def post(url: str, connection: Connection | None = None, *, seconds: float = 10) -> Answer:
    with HTTP(connection or Connection(), {}) as http:
        return http.post_form(url, {"grant_type": "refresh_token"}, seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 2\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        OK + b"\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\n{}",
    ],
    ids=["whole", "chunked", "until it closes", "after early hints"],
)
def test_an_answer(answer: bytes) -> None:
    with server(answer) as url:
        got = post(url)
    assert (got.status, got.json()) == (200, {})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        OK + b'Content-Length: 200\r\n\r\n{"access_token": "x',
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
        OK + b"X: y\r\n" * 200 + b"\r\n{}",
        OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    ],
    ids=[
        "nothing",
        "another protocol",
        "cut short",
        "a chunk cut short",
        "a negative chunk",
        "no chunk",
        "hints without end",
        "headers without end",
        "a length that Python counts no more",
    ],
)
def test_what_is_no_answer_may_have_arrived(answer: bytes) -> None:
    """The refresh token may be spent: nobody is to send it again."""
    with server(answer) as url, pytest.raises(Unreachable, match="broke off or does not speak HTTP") as failed:
        post(url)
    assert failed.value.sent


def test_a_body_without_end_is_cut() -> None:
    endless = OK + b"\r\n" + b"x" * (3 * MAX_BODY)
    with server(endless) as url, pytest.raises(Untrusted, match="is larger than 1024 KiB"):
        post(url)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3
    with server(chunked) as url, pytest.raises(Untrusted, match="is larger than 1024 KiB"):
        post(url)


def test_compression_that_was_not_asked_for(issuer: ScriptedIssuer) -> None:
    issuer.always["/x"] = Reply(200, b"{}", {"Content-Encoding": "gzip"})
    with pytest.raises(Untrusted, match="compressed answer"):
        post(f"{issuer.url}/x")


@pytest.mark.parametrize(
    ("answer", "drip"),
    [
        (None, 0.0),
        (OK + b"X: " + b"x" * 1000, 0.1),
        (OK + b"Content-Length: 99\r\n\r\nxxxxxxxxx", 0.1),
    ],
    ids=["silence", "dripping headers", "dripping body"],
)
def test_one_request_has_one_deadline(answer: bytes | None, drip: float) -> None:
    with server(answer, drip=drip) as url:
        started = monotonic()
        with pytest.raises(Unreachable, match="did not answer in time") as failed:
            post(url, seconds=0.5)
        assert monotonic() - started < 8
    assert failed.value.sent


@pytest.mark.parametrize(
    ("url", "said", "kind"),
    [
        ("http://127.0.0.1:1/", "127.0.0.1:1 refused the connection", Unreachable),
        ("http://issuer.test/", "the name issuer.test cannot be looked up", Unreachable),
        ("http://127.0.0.1:99999/", "not a URL that can be asked", Refused),
    ],
)
def test_what_was_never_sent(url: str, said: str, kind: type[TogetherctlError]) -> None:
    with pytest.raises(kind, match=said) as failed:
        post(url)
    assert getattr(failed.value, "sent", False) is False


def test_no_route_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(Unreachable, match="there is no route to 127.0.0.1:9; is this machine offline") as failed:
        post("http://127.0.0.1:9/")
    assert not failed.value.sent


def test_a_handshake_that_fails_sent_nothing(tls_issuer: ScriptedIssuer) -> None:
    with pytest.raises(Unreachable, match="the TLS certificate of .* cannot be verified") as failed:
        post(f"{tls_issuer.url}/token")
    assert not failed.value.sent
    with (
        server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url,
        pytest.raises(Unreachable, match="TLS with .* failed") as failed,
    ):
        post(url.replace("http:", "https:"))
    assert not failed.value.sent


def test_tls_that_breaks_later_may_have_arrived(authority: object, ca_file: Path) -> None:
    """A server that reads the request, and then forgets that it spoke TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)  # type: ignore[attr-defined] # a trustme.CA
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        plain = connection.dup()
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65536)
            plain.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")
            plain.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listening, pytest.raises(Unreachable) as failed:
        post(f"https://localhost:{listening.getsockname()[1]}/token", Connection(ca_files=(ca_file,)))
    thread.join(5)
    assert failed.value.sent
