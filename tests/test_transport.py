"""Every request: its proxy, its certificates, its headers, its deadline, and the words for why there is no answer."""

from __future__ import annotations

import base64
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.browser import ScriptedBrowser
from tests.support.issuer import Reply, ScriptedIssuer, signing_key
from tests.support.proxy import ForwardProxy
from togetherctl import transport
from togetherctl.auth.engine import Policy
from togetherctl.errors import ConfigError, Refused, TogetherctlError, Unreachable, Untrusted
from togetherctl.proxies import proxy_for
from togetherctl.transport import HTTP, Connection

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered


def get(url: str, connection: Connection | None = None, **environ: str) -> int:
    with HTTP(connection or Connection(), environ) as http:
        return http.get(url).status


def test_an_extra_authority_is_trusted_by_file_and_by_data(
    tls_issuer: ScriptedIssuer, ca_file: Path, tmp_path: Path
) -> None:
    url = f"{tls_issuer.url}/keys"
    with pytest.raises(Unreachable, match="certificate of localhost:[0-9]+ cannot be verified") as error:
        get(url)
    assert error.value.remedy is not None
    assert "ca_file" in str(error.value.remedy)
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(Unreachable):
        get(url, Connection(ca_files=(other,)))
    assert get(url, Connection(ca_files=(other, ca_file))) == 200
    assert get(url, Connection(ca_data=base64.b64encode(ca_file.read_bytes()).decode())) == 200
    assert get(url, Connection(insecure=True)) == 200


def test_a_certificate_for_another_name_is_refused(tls_issuer: ScriptedIssuer, ca_file: Path) -> None:
    with pytest.raises(Unreachable, match="cannot be verified") as error:
        get(tls_issuer.url.replace("localhost", "127.0.0.1") + "/keys", Connection(ca_files=(ca_file,)))
    assert str(error.value.remedy) == "the certificate is for another name; check the address"


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        (Connection(ca_data=base64.b64encode(b"hello").decode()), "ca_data of the issuer holds no PEM"),
        (Connection(proxy="ftp://proxy:1"), "^the key proxy or proxy_url names no proxy that can be used"),
    ],
)
def test_a_connection_that_cannot_be_made_is_said(connection: Connection, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        get("https://localhost:1/", connection)


def test_a_ca_file_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        get("https://localhost:1/", Connection(ca_files=(tmp_path / "none.pem",)))
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    with pytest.raises(ConfigError, match="holds no PEM certificate"):
        get("https://localhost:1/", Connection(ca_files=(empty,)))


def test_the_profiles_proxy_carries_every_request(
    tls_issuer: ScriptedIssuer,
    ca_file: Path,
    config_at: MakeConfig,
    make_world: MakeWorld,
    clock: StoppedClock,
) -> None:
    """The issuer's name means nothing here but to the proxy, so whatever passed it by would have failed."""
    port = tls_issuer.url.rpartition(":")[2]
    tls_issuer.url = f"https://issuer.test:{port}"
    browser = ScriptedBrowser(tls_issuer)
    with ForwardProxy() as proxy:
        config_at(tls_issuer, f'ca_file = "{ca_file}"\nproxy = "{proxy.url}"\nrequest_headers = {{ X-Access = "yes" }}')
        world = make_world(browser=browser, NO_PROXY="*")
        profile = world.config.profile("acme")
        session, _ = world.engine.login(profile, Policy())
        clock.advance(1000)
        world.engine.credential(profile, Policy(ask=False))
        assert world.issuers.revoke(profile, session)
        assert set(proxy.seen) == {f"CONNECT issuer.test:{port}"}
    asked = {request.path for request in tls_issuer.asked}
    assert asked == {"/.well-known/openid-configuration", "/token", "/keys", "/revoke"}
    assert all(request.headers.get("x-access") == "yes" for request in tls_issuer.asked)


def test_the_environments_proxy_carries_what_no_proxy_does_not_except() -> None:
    with ForwardProxy() as proxy:
        assert get("http://issuer.test/keys", HTTP_PROXY=proxy.url) == 200
        assert proxy.seen == ["GET http://issuer.test/keys"]
        with pytest.raises(Unreachable, match="cannot be looked up"):
            get("http://issuer.test/keys", HTTP_PROXY=proxy.url, NO_PROXY=".test")
        assert len(proxy.seen) == 1


def test_a_proxy_that_refuses_is_named_as_the_one(ca_file: Path) -> None:
    with ForwardProxy(refuses=True) as proxy, pytest.raises(Unreachable, match="the proxy to issuer.test:8443 refused"):
        get("https://issuer.test:8443/", Connection(ca_files=(ca_file,), proxy=proxy.url))


@pytest.mark.parametrize(
    ("no_proxy", "url", "proxied"),
    [
        ("", "https://a.example.com/", True),
        ("*", "https://a.example.com/", False),
        ("example.com", "https://a.example.com/", False),
        ("example.com", "https://example.com/", False),
        ("example.com", "https://notexample.com/", True),
        (".example.com", "https://example.com/", True),
        ("*.example.com", "https://a.example.com/", False),
        ("other.com, A.example.com", "https://a.example.com/", False),
        ("example.com:8443", "https://example.com/", True),
        ("example.com:443", "https://example.com/", False),
        ("10.0.0.0/8", "https://10.1.2.3/", False),
        ("10.0.0.0/8", "https://11.1.2.3/", True),
        ("fd00::/8", "https://[fd00::1]/", False),
        ("10.1.2.3", "https://10.1.2.3:6443/", False),
        ("", "https://localhost/", False),
        ("", "https://127.0.0.1/", False),
        ("", "https://[::1]/", False),
    ],
)
def test_no_proxy_means_what_it_means_to_kubectl(no_proxy: str, url: str, proxied: bool) -> None:  # noqa: FBT001
    environ = {"HTTPS_PROXY": "proxy.example:3128", "NO_PROXY": no_proxy}
    assert proxy_for(url, environ) == ("http://proxy.example:3128" if proxied else None)
    assert proxy_for("http://a.example.org/", environ) is None
    lower = {name.lower(): value for name, value in environ.items()}
    assert proxy_for(url, lower) == proxy_for(url, environ)


def _read_request(connection: socket.socket) -> None:
    """All of it: closing a connection with something left to read would cut the answer off."""
    request = connection.recv(65536)
    if not request.startswith((b"GET", b"POST")):
        return
    while b"\r\n\r\n" not in request:
        more = connection.recv(65536)
        if not more:
            return
        request += more
    head, _, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)


@contextmanager
def server(answer: bytes | None, *, after: float = 0, drip: float = 0) -> Iterator[str]:
    """A server that sends `answer` byte by byte every `drip` seconds, or nothing at all."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            _read_request(connection)
            stop.wait(after)
            try:
                for byte in (answer or b"") if drip else [answer or b""]:
                    connection.sendall(bytes([byte]) if isinstance(byte, int) else byte)
                    stop.wait(drip)
                if answer is None:
                    stop.wait(30)
            except OSError:
                return

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        stop.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize(
    ("answer", "drip"),
    [
        (None, 0.0),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, 0.1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nxxxxxxxxx", 0.1),
    ],
    ids=["silence", "dripping headers", "dripping body"],
)
def test_one_request_has_one_deadline(answer: bytes | None, drip: float) -> None:
    with server(answer, drip=drip) as url, HTTP(Connection(), {}) as http:
        started = monotonic()
        with pytest.raises(Unreachable, match="did not answer in time"):
            http.get(url, seconds=0.5)
        # Not how fast it is, but that it ends at all: the dripping alone would take a hundred times as long.
        assert monotonic() - started < 8


def test_a_name_lookup_that_hangs_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()

    def lookup(*_: object, **__: object) -> None:
        hang.wait(20)
        raise socket.gaierror(-3, "later")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with HTTP(Connection(), {}) as http, pytest.raises(Unreachable, match="did not answer in time"):
        http.get("https://issuer.test/", seconds=0.2)
    hang.set()


def test_everything_through_one_client_can_have_one_deadline() -> None:
    with server(None) as url, HTTP(Connection(), {}, total_seconds=0.3) as http:
        with pytest.raises(Unreachable):
            http.get(url)
        with pytest.raises(Unreachable):
            http.get(url)


@pytest.mark.parametrize(
    ("url", "said", "kind"),
    [
        ("http://127.0.0.1:1/", "127.0.0.1:1 refused the connection", Unreachable),
        ("http://issuer.test/", "the name issuer.test cannot be looked up", Unreachable),
        ("ftp://127.0.0.1/", "not a URL that can be asked", Refused),
        ("https://acme..com/", "https://acme..com/ is not a URL that can be asked", Refused),
        (f"https://{'a' * 64}.acme.com/", "is not a URL that can be asked", Refused),
    ],
)
def test_why_there_is_no_answer(url: str, said: str, kind: type[TogetherctlError]) -> None:
    with pytest.raises(kind, match=said):
        get(url)


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "broke off or does not speak HTTP"), (b"SSH-2.0-OpenSSH\r\n\r\n", "broke off or does not speak HTTP")],
)
def test_what_is_not_http_is_said(answer: bytes, said: str) -> None:
    with server(answer) as url, pytest.raises(Unreachable, match=said):
        get(url)


def test_tls_to_what_speaks_none_is_said() -> None:
    with server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url, pytest.raises(Unreachable, match="TLS with .* failed"):
        get(url.replace("http:", "https:"))


def test_no_route_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def unreachable(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(Unreachable, match="there is no route to 127.0.0.1:9; is this machine offline"):
        get("http://127.0.0.1:9/")


def test_a_get_follows_redirects_and_leaves_headers_behind(
    issuer: ScriptedIssuer, clock: StoppedClock, canary: Canary
) -> None:
    with ScriptedIssuer(clock=clock, canary=canary) as other:
        issuer.always["/here"] = Reply(302, b"", {"Location": "/keys"})
        issuer.always["/away"] = Reply(307, b"", {"Location": f"{other.url}/keys"})
        connection = Connection(headers={"X-Access": "yes"})
        assert get(f"{issuer.url}/here", connection) == 200
        assert [asked.headers.get("x-access") for asked in issuer.asked] == ["yes", "yes"]
        assert get(f"{issuer.url}/away", connection) == 200
        assert other.asked[0].headers.get("x-access") is None


@pytest.mark.parametrize("location", ["https://[::1", "https://x:99999/", "http://example.com/", "file:///etc/passwd"])
def test_a_redirect_to_nowhere_safe_is_refused(location: str, issuer: ScriptedIssuer) -> None:
    issuer.always["/here"] = Reply(302, b"", {"Location": location})
    with pytest.raises(Untrusted, match="is not https"):
        get(f"{issuer.url}/here")


@pytest.mark.parametrize("location", ["http://me:XYZZY@example.com/x?sig=XYZZY", "https://[::1?sig=XYZZY"])
def test_where_a_redirect_leads_is_said_without_what_may_be_a_key(location: str, issuer: ScriptedIssuer) -> None:
    issuer.always["/here"] = Reply(302, b"", {"Location": location})
    with pytest.raises(Untrusted, match="is not https") as refused:
        get(f"{issuer.url}/here")
    assert "XYZZY" not in refused.value.sentence()


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("path", ["http://acme..test/", "http://127.0.0.1:{port}/\u00fc?sig=XYZZY"])
def test_a_post_to_what_is_no_url_is_refused(path: str, proxied: bool, issuer: ScriptedIssuer) -> None:  # noqa: FBT001
    url = path.format(port=issuer.url.rpartition(":")[2])
    with ForwardProxy() as proxy, HTTP(Connection(proxy=proxy.url if proxied else None), {}) as http:
        said = ""
        try:
            said = str(http.post_json(url, {}).status)
        except TogetherctlError as error:
            said = error.sentence()
        assert said
        assert "XYZZY" not in said


def test_a_post_looks_up_names_as_a_get_does(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def look_up(host: object, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    url = "https://gro\u00df.example/"
    with HTTP(Connection(), {}) as http:
        with pytest.raises(Unreachable, match="cannot be looked up"):
            http.get(url)
        with pytest.raises(Unreachable, match="cannot be looked up"):
            http.post_json(url, {})
    assert asked == ["xn--gro-7ka.example"] * 2


def test_a_post_follows_none(issuer: ScriptedIssuer) -> None:
    issuer.always["/token"] = Reply(308, b"", {"Location": "/elsewhere"})
    with HTTP(Connection(), {}) as http:
        assert http.post_form(f"{issuer.url}/token", {"refresh_token": "x"}).status == 308
        with pytest.raises(Refused, match="redirect"):
            http.post_json(f"{issuer.url}/token", {})
    assert issuer.counts == {"/token": 2}


def test_a_body_without_end_is_cut(issuer: ScriptedIssuer) -> None:
    issuer.always["/keys"] = Reply(200, b"x" * (transport.MAX_BODY + 1))
    with pytest.raises(Untrusted, match="larger than 1024 KiB"):
        get(f"{issuer.url}/keys")


def test_a_log_line_has_neither_query_nor_body(issuer: ScriptedIssuer) -> None:
    lines: list[str] = []
    with HTTP(Connection(), {}, log=lines.append) as http:
        http.get(f"{issuer.url}/keys?secret=in-the-query")
        http.post_form(f"{issuer.url}/token", {"refresh_token": "in-the-body"})
    assert [line.split(" in ")[0] for line in lines] == [
        f"GET {issuer.url}/keys -> 200",
        f"POST {issuer.url}/token -> 401",
    ]


def test_insecure_is_said_at_every_use(
    tls_issuer: ScriptedIssuer,
    config_at: MakeConfig,
    make_world: MakeWorld,
    conversation: Remembered,
    clock: StoppedClock,
) -> None:
    config_at(tls_issuer, "insecure_skip_tls_verify = true")
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    clock.advance(1000)
    keys = tls_issuer.counts["/keys"]
    world.engine.credential(profile, Policy(ask=False))
    assert sum("is not verified" in warning for warning in conversation.warned) == 2
    # Nothing vouches for who answered a refresh, so its signature is checked, by keys that are known or fetched.
    assert tls_issuer.counts["/keys"] == keys
    tls_issuer.key = signing_key("elsewhere")
    clock.advance(1000)
    world.engine.credential(profile, Policy(ask=False))
    assert tls_issuer.counts["/keys"] == keys + 1


def test_a_verified_refresh_needs_no_keys(
    tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld, clock: StoppedClock
) -> None:
    config_at(tls_issuer, f'ca_file = "{ca_file}"')
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    clock.advance(1000)
    tls_issuer.key = signing_key("elsewhere")
    before = tls_issuer.counts.copy()
    world.engine.credential(profile, Policy(ask=False))
    assert tls_issuer.counts - before == {"/token": 1}
