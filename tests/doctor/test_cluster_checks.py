"""Checks of the way to a cluster from real causes: names, ports, certificates, proxies; and how many requests."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.browser import ScriptedBrowser
from tests.support.cluster import ScriptedCluster
from tests.support.findings import command
from tests.support.issuer import Reply
from tests.support.proxy import ForwardProxy
from togetherctl.auth.engine import Policy
from togetherctl.doctor.check import find_checks
from togetherctl.doctor.examine import Result, examine
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode
from togetherctl.finding import Finding
from togetherctl.usecases.session_snapshot import read_snapshot

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.config.profile import Profile
    from togetherctl.usecases.session_snapshot import SessionSnapshot
    from togetherctl.wiring import World

PATH = ("cluster-name", "cluster-tcp", "cluster-tls", "cluster-access")
Look = Callable[..., list[Result]]


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def look(tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld) -> Look:
    """What is found of a cluster with these keys, by a person who is logged in."""
    path = config_at(tls_issuer, f'ca_file = "{ca_file}"')
    issuer_and_profile = path.read_text("utf-8").partition("[clusters.east]")[0]

    def call(clusters: str, *names: str, fixing: bool = False, **changes: str) -> list[Result]:
        path.write_text(issuer_and_profile + clusters, "utf-8")
        world = make_world(browser=ScriptedBrowser(tls_issuer))
        world.engine.login(world.config.profile("acme"), Policy())
        checks = [one for one in find_checks() if one.name in (names or PATH)]
        return examine(Facts(make_world(**changes), fixing=fixing), checks)

    return call


def east(server: str, *keys: str) -> str:
    return "\n".join(["[clusters.east]", 'profile = "acme"', f'server = "{server}"', *keys, ""])


def by_check(results: Sequence[Result]) -> dict[str, Finding]:
    return {one.check.name: one.finding for one in results}


def statuses(results: Sequence[Result]) -> list[str]:
    return [one.finding.status for one in results]


def test_all_is_well(look: Look, server: ScriptedCluster, ca_file: Path) -> None:
    found = look(east(server.url.replace("127.0.0.1", "localhost"), f'ca_file = "{ca_file}"'))
    assert statuses(found) == ["ok"] * 4
    name, tcp, tls, access = (one.finding.message for one in found)
    assert name.startswith("localhost is ")
    assert "127.0.0.1" in name
    assert tcp == f"localhost:{server.port} accepts connections"
    assert tls == "its certificate for 127.0.0.1, localhost is trusted, by the authorities of this cluster"
    assert access == "it knows you as me@acme.com, in 1 group"
    # One review, and no request but that.
    assert dict(server.asked) == {"/apis/authentication.k8s.io/v1/selfsubjectreviews": 1}


def test_a_name_that_is_none(look: Look) -> None:
    found = look(east("https://api.acme.invalid:6443"))
    assert statuses(found) == ["failed", "skipped", "skipped", "skipped"]
    name = by_check(found)["cluster-name"]
    assert name.message.startswith("the name api.acme.invalid cannot be looked up: ")
    assert (name.exit_code, command(name)) == (ExitCode.UNREACHABLE, "togetherctl cluster show east")
    assert [one.finding.message for one in found[1:]] == [
        "the name cannot be looked up",
        "there is no connection to it",
        "without a safe connection to it no token is sent",
    ]


def test_a_port_where_nothing_listens(look: Look) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = look(east(f"https://127.0.0.1:{port}"))
    assert statuses(found) == ["ok", "failed", "skipped", "skipped"]
    tcp = by_check(found)["cluster-tcp"]
    assert tcp.message == f"127.0.0.1:{port} refused the connection"
    assert (tcp.exit_code, command(tcp)) == (ExitCode.UNREACHABLE, "togetherctl cluster show east")


def test_what_does_not_speak_tls(look: Look) -> None:
    with ScriptedCluster() as plain:
        found = look(east(f"https://127.0.0.1:{plain.port}"))
    assert statuses(found) == ["ok", "ok", "failed", "skipped"]
    assert "TLS with 127.0.0.1" in by_check(found)["cluster-tls"].message
    assert plain.bearers == []


def test_another_authority(look: Look, server: ScriptedCluster, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA(organization_name="Another one").cert_pem.write_to_path(str(other))
    found = look(east(server.url, f'ca_file = "{other}"'))
    assert statuses(found) == ["ok", "ok", "failed", "skipped"]
    tls = by_check(found)["cluster-tls"]
    assert "cannot be verified" in tls.message
    # The authority that is missing is named, and what is there in its place.
    held = tls.message.partition("; ca_file and ca_data of the cluster hold ")[2]
    assert held.endswith("Another one")
    assert "it shows a certificate for 127.0.0.1, localhost, signed by the authority " in tls.message
    assert "trustme" in tls.message
    assert tls.exit_code == ExitCode.UNREACHABLE
    assert tls.remedy is not None
    assert tls.remedy.text == "togetherctl cluster set east ca_file=FILE"
    assert server.bearers == []


def test_another_name(look: Look, authority: trustme.CA, ca_file: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("api.internal").configure_cert(context)
    with ScriptedCluster(context) as named:
        tls = by_check(look(east(named.url, f'ca_file = "{ca_file}"'), "cluster-tls"))["cluster-tls"]
        assert (tls.status, "a certificate for api.internal, signed by" in tls.message) == ("failed", True)
        assert tls.remedy is not None
        # What an unverified certificate says is no command to run.
        assert (tls.remedy.text, tls.remedy.command) == ("togetherctl cluster set east tls_server_name=NAME", None)
        found = look(east(named.url, f'ca_file = "{ca_file}"', 'tls_server_name = "api.internal"'))
        assert statuses(found) == ["ok"] * 4


def test_a_certificate_that_ends_soon(look: Look, server: ScriptedCluster, ca_file: Path, clock: StoppedClock) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        context = ssl.create_default_context(cafile=str(ca_file))
        with context.wrap_socket(plain, server_hostname="localhost") as encrypted:
            ends = ssl.cert_time_to_seconds(str((encrypted.getpeercert() or {})["notAfter"]))
    clock.now = ends - 3 * 86400
    tls = by_check(look(east(server.url, f'ca_file = "{ca_file}"'), "cluster-tls"))["cluster-tls"]
    assert (tls.status, tls.message.startswith("its certificate ends in 3d 0h")) == ("warning", True)


def test_a_certificate_that_is_not_verified(look: Look, server: ScriptedCluster) -> None:
    found = look(east(server.url, "insecure_skip_tls_verify = true"))
    assert statuses(found) == ["ok", "ok", "warning", "ok"]
    tls = by_check(found)["cluster-tls"]
    assert "anyone between you and it can take your token" in tls.message
    assert command(tls) == "togetherctl cluster unset east insecure_skip_tls_verify"


def test_an_authority_that_cannot_be_read(look: Look, server: ScriptedCluster, tmp_path: Path) -> None:
    found = look(east(server.url, f'ca_file = "{tmp_path / "gone.pem"}"'))
    assert statuses(found) == ["ok", "ok", "skipped", "skipped"]
    # The check configuration-valid says which file, and how to name another.
    assert by_check(found)["cluster-tls"].message == "its certificate authority cannot be read"


def test_a_proxy_looks_the_name_up_and_connects(look: Look, server: ScriptedCluster, ca_file: Path) -> None:
    with ForwardProxy() as proxy:
        keys = (f'ca_file = "{ca_file}"', f'proxy_url = "http://{proxy.place}"')
        found = look(east(server.url, *keys))
        assert statuses(found) == ["skipped", "ok", "ok", "ok"]
        assert found[0].finding.message == f"the proxy {proxy.place} looks it up (proxy_url of cluster east)"
        assert f"the proxy {proxy.place} accepts connections" in found[1].finding.message
        assert set(proxy.seen) == {f"CONNECT 127.0.0.1:{server.port}"}
        # What the server answers to a stranger does not matter for its certificate.
        for stranger in (Reply(503, b""), Reply(200, b"x", {"Content-Encoding": "gzip"})):
            server.always = stranger
            assert statuses(look(east(server.url, *keys), "cluster-tls")) == ["ok"]
        found = look(east(server.url, keys[1]), "cluster-tls")
        assert (statuses(found), "cannot be verified" in found[0].finding.message) == (["failed"], True)
        assert "it shows a certificate for 127.0.0.1, localhost, signed by the authority " in found[0].finding.message
        server.always = None
    # It stopped.
    found = look(east(server.url, *keys))
    assert statuses(found) == ["skipped", "failed", "skipped", "skipped"]
    tcp = by_check(found)["cluster-tcp"]
    assert f"the proxy to 127.0.0.1:{server.port}: {proxy.place} refused the connection" in tcp.message
    assert tcp.remedy is not None
    assert tcp.remedy.text == "the proxy is named by proxy_url of cluster east"


def test_a_proxy_of_the_environment(look: Look) -> None:
    with ForwardProxy(refuses=True) as proxy:
        found = look(east("https://api.acme.invalid:6443"), HTTPS_PROXY=f"http://me:secret@{proxy.place}")
    assert statuses(found) == ["skipped", "ok", "failed", "skipped"]
    assert found[0].finding.message == f"the proxy {proxy.place} looks it up (HTTPS_PROXY)"
    assert "secret" not in "".join(one.finding.message for one in found)


def test_offline_asks_no_cluster(look: Look, server: ScriptedCluster, ca_file: Path, make_world: MakeWorld) -> None:
    look(east(server.url, f'ca_file = "{ca_file}"'), "cluster-name")
    results = examine(Facts(make_world(), offline=True), [one for one in find_checks() if one.name in PATH])
    assert [(one.finding.status, one.finding.message) for one in results] == [("skipped", "offline")] * 4
    assert server.asked.total() == 0


# Three times as many as are asked at once; more would run into time limits where the machine is busy.
MANY = 100


def test_many_clusters(look: Look, server: ScriptedCluster, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One review for each, a bounded number at the same time; the token is read once."""
    read: list[str] = []

    def reads(world: World, profile: Profile) -> SessionSnapshot:
        read.append(profile.name)
        return read_snapshot(world, profile)

    monkeypatch.setattr("togetherctl.usecases.session_snapshot.read_snapshot", reads)
    one = east(server.url, f'ca_file = "{ca_file}"')
    text = "".join(one.replace("clusters.east", f"clusters.c{number}") for number in range(MANY))
    found = look(text, "cluster-access")
    assert statuses(found) == ["ok"] * MANY
    assert [one.subject for one in found] == [f"c{number}" for number in range(MANY)]
    assert dict(server.asked) == {"/apis/authentication.k8s.io/v1/selfsubjectreviews": MANY}
    assert len(set(server.bearers)) == 1
    assert 1 < server.most_at_once <= 32
    assert read == ["acme"]
