"""Issuers behind a SOCKS5 proxy: by the configuration, by a variable, and taken over from kubelogin's stanzas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kubelogin.test_convert import written
from tests.support.browser import ScriptedBrowser
from tests.support.socks import SocksProxy
from togetherctl.auth.engine import Policy
from togetherctl.config.config import Config
from togetherctl.errors import ConfigError, Unreachable
from togetherctl.proxies import proxy_named
from togetherctl.transport import HTTP, Connection

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer


def at_the_proxy(issuer: ScriptedIssuer) -> str:
    """Give the issuer a name that means nothing here but to the proxy; its host and port."""
    port = issuer.url.rpartition(":")[2]
    issuer.url = f"https://issuer.test:{port}"
    return f"issuer.test:{port}"


def get(url: str, connection: Connection, **environ: str) -> int:
    with HTTP(connection, environ) as http:
        return http.get(url).status


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("by", ["key", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_whole_session_goes_through_it(
    scheme: str,
    by: str,
    tls_issuer: ScriptedIssuer,
    ca_file: Path,
    config_at: MakeConfig,
    make_world: MakeWorld,
    clock: StoppedClock,
) -> None:
    place = at_the_proxy(tls_issuer)
    with SocksProxy() as proxy:
        url = f"{scheme}://{proxy.place}"
        config_at(tls_issuer, f'ca_file = "{ca_file}"\n' + (f'proxy = "{url}"' if by == "key" else ""))
        world = make_world(browser=ScriptedBrowser(tls_issuer), **({} if by == "key" else {by: url}))
        profile = world.config.profile("acme")
        session, _ = world.engine.login(profile, Policy())
        before = len(proxy.seen)
        tls_issuer.asked.clear()
        clock.advance(1000)
        # The lean way of a refresh knows no proxy, so this one goes by the client that does: one request, as ever.
        world.engine.credential(profile, Policy(ask=False))
        assert [request.path for request in tls_issuer.asked] == ["/token"]
        assert len(proxy.seen) == before + 1
        assert world.issuers.revoke(profile, session)
        assert set(proxy.seen) == {f"name {place}"}


def test_an_address_goes_as_one(tls_issuer: ScriptedIssuer) -> None:
    port = tls_issuer.url.rpartition(":")[2]
    with SocksProxy() as proxy:
        connection = Connection(insecure=True, proxy=f"socks5://{proxy.place}")
        assert get(f"https://203.0.113.9:{port}/keys", connection) == 200
        assert proxy.seen == [f"address 203.0.113.9:{port}"]


def test_a_password_goes_to_the_proxy_and_nowhere_else(
    tls_issuer: ScriptedIssuer, ca_file: Path, canary: Canary
) -> None:
    password = canary.watch("a proxy's password", "made-up-socks-password")
    place = at_the_proxy(tls_issuer)
    with SocksProxy(user="me", password=password) as proxy:
        good = Connection(ca_files=(ca_file,), proxy=f"socks5://me:{password}@{proxy.place}")
        assert get(f"{tls_issuer.url}/keys", good) == 200
        assert proxy.seen == [f"name {place}"]
        assert password not in repr(good)
        for wrong in (f"me:no-{password}@", ""):
            bad = Connection(ca_files=(ca_file,), proxy=f"socks5://{wrong}{proxy.place}")
            with pytest.raises(Unreachable, match=f"the proxy to {place} refused") as refused:
                get(f"{tls_issuer.url}/keys", bad)
            assert str(refused.value.remedy) == "it is named by the key proxy or proxy_url"
            canary.saw("the error", f"{refused.value.message} {refused.value.remedy!s}")


def test_who_named_a_proxy_is_said(tls_issuer: ScriptedIssuer) -> None:
    at_the_proxy(tls_issuer)
    with SocksProxy(refuses=True) as proxy, pytest.raises(Unreachable, match="refused: .*not allowed") as refused:
        get(f"{tls_issuer.url}/keys", Connection(), HTTPS_PROXY=f"socks5://{proxy.place}")
    assert str(refused.value.remedy) == "it is named by HTTPS_PROXY"
    with pytest.raises(Unreachable, match="cannot be reached: 127.0.0.1:[0-9]+ refused the connection") as gone:
        get(f"{tls_issuer.url}/keys", Connection(), ALL_PROXY=f"socks5://{proxy.place}")
    assert str(gone.value.remedy) == "it is named by ALL_PROXY"
    for wrong in ("socks4://127.0.0.1:1", "ftp://127.0.0.1:1"):
        with pytest.raises(ConfigError, match="^https_proxy names no proxy that can be used; .* socks5://"):
            get(f"{tls_issuer.url}/keys", Connection(), https_proxy=wrong)


def test_a_certificate_behind_a_proxy_is_still_the_issuers(tls_issuer: ScriptedIssuer) -> None:
    place = at_the_proxy(tls_issuer)
    with SocksProxy() as proxy, pytest.raises(Unreachable, match=f"certificate of {place} cannot be verified"):
        get(f"{tls_issuer.url}/keys", Connection(proxy=f"socks5h://{proxy.place}"))


def test_of_several_variables_the_closest_counts() -> None:
    environ = {"ALL_PROXY": "socks5://all:1", "HTTPS_PROXY": "secure:2", "NO_PROXY": "off.example"}
    assert proxy_named("https://a.example/", environ) == ("http://secure:2", "HTTPS_PROXY")
    assert proxy_named("http://a.example/", environ) == ("socks5://all:1", "ALL_PROXY")
    assert proxy_named("https://off.example/", environ) is None
    assert proxy_named("https://localhost/", environ) is None


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_converting_takes_it_along(scheme: str, home: Path, cli: Run) -> None:
    config_file = home / "config"
    words = ["get-token", "--oidc-issuer-url=https://id.acme.com", "--oidc-client-id=k8s"]
    variables = [{"name": "HTTPS_PROXY", "value": f"{scheme}://127.0.0.1:1080"}]
    config_file.write_text(written(a=json.dumps({"exec": {"command": "kubelogin", "args": words, "env": variables}})))
    assert cli("kubeconfig", "convert", "--all", "--portable", "--kubeconfig", str(config_file)).code == 0
    config = Config.load(home / "tctl" / "config.toml", {"HOME": str(home)})
    assert config.profile("acme").issuer.connection.proxy == f"{scheme}://127.0.0.1:1080"
    assert "HTTPS_PROXY" not in config_file.read_text()


def test_a_clusters_proxy_is_written_as_kubectl_knows_it(home: Path, cli: Run, acme: Path) -> None:
    """client-go has no socks5h, and looks names up at the proxy for socks5."""
    assert cli("cluster", "set", "east", "proxy_url=socks5h://127.0.0.1:1080").code == 0
    assert "socks5h" in acme.read_text()
    assert cli("kubeconfig", "write", "--portable").code == 0
    assert "proxy-url: socks5://127.0.0.1:1080\n" in (home / ".kube" / "config").read_text()
