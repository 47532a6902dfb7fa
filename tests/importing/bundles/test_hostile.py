"""Bundles that mean harm by how they are written: hosts that look like others, tricks of TOML, and sheer size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.importing.bundles.conftest import BUNDLE, Took
from togetherctl.config.models import ConfigTable
from togetherctl.config.toml_text import TomlText
from togetherctl.errors import ConfigError
from togetherctl.importing.bundle import read
from togetherctl.importing.bundle_plan import plan_bundle
from togetherctl.importing.trusted_hosts import agree, new_hosts, to_be_named, trusted_host

if TYPE_CHECKING:
    from tests.conftest import Run

EAST = 'server = "https://east.acme.com:6443"'
ISSUER = 'url = "https://acme.okta.com/oauth2/default"'
KNOWN = read(BUNDLE.encode(), origin="team.toml").config


def at(server: str) -> bytes:
    return BUNDLE.replace(EAST, f"server = '{server}'").encode()


@pytest.mark.parametrize(
    "server",
    [
        "https://east.acme.com@evil.example",
        "https://east.acme.com:x@evil.example",
        "https://@evil.example",
        "https://east.acme.com\\@evil.example",
        "https://evil.example\\.east.acme.com",
        "https://%65ast.acme.com",
        "https://east.acme.com%2eevil.example",
        "https://east.acme.com;evil.example",
        "https://east.acme.com,evil.example",
        "https://east.acme.com|evil.example",
        "https://*.acme.com",
        "https://east.acme..com",
        "https://east.acme.com\u3002evil.example",
        "https://\u24d4ast.acme.com",
        "https://e\u200bast.acme.com",
        "https://east.acme.com:99999",
        "https:east.acme.com",
        "https:///east.acme.com",
        "http://east.acme.com",
        "http://2130706433",
        "http://localhost.",
        "http://127.0.0.1.evil.example",
        "ftp://east.acme.com",
    ],
)
@pytest.mark.parametrize("kind", ["cluster", "issuer"])
def test_a_host_that_programs_may_read_differently_is_refused(kind: str, server: str) -> None:
    text = at(server) if kind == "cluster" else BUNDLE.replace(ISSUER, f"url = '{server}'").encode()
    with pytest.raises(ConfigError, match=r"team.toml:\d+: (clusters.east.server|issuers.acme.url): "):
        read(text, origin="team.toml")


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("https://EAST.acme.com", None),
        ("HTTPS://east.acme.com:443/path", None),
        ("https://east.acme.com:8443", None),
        ("https://east.acme.com.", "east.acme.com."),
        ("https://xn--est-5ra.acme.com", "xn--est-5ra.acme.com"),
        ("https://\u0435ast.acme.com", "xn--ast-qdd.acme.com"),
        ("https://[::FFFF:1.2.3.4]:6443", "::ffff:102:304"),
        ("https://evil.example/#east.acme.com", "evil.example"),
    ],
)
def test_a_host_is_known_by_what_is_looked_up(server: str, host: str | None) -> None:
    found = new_hosts(KNOWN, read(at(server), origin="team.toml").config)
    assert [stranger.host for stranger in found] == ([host] if host else [])
    assert to_be_named(found, remote=False) == found, "a login of the configuration would be led there"


def test_trusting_a_port_trusts_no_other() -> None:
    config = read(at("https://evil.example:7443"), origin="team.toml").config
    found = new_hosts(KNOWN, config)
    for good in ("evil.example", "EVIL.example:7443", " evil.example "):
        agree(found, trusted=(good,), ask=None)
    for bad in ("evil.example:443", "evil.example.:7443", "east.acme.com"):
        with pytest.raises(Exception, match="evil.example would get tokens"):
            agree(found, trusted=(bad,), ask=None)
    assert trusted_host("[2001:DB8::1]:6443") == ("2001:db8::1", 6443)


def test_a_host_with_two_ports_needs_both() -> None:
    text = at("https://evil.example:1").decode().replace("https://west.acme.com:6443", "https://evil.example:2")
    found = new_hosts(KNOWN, read(text.encode(), origin="team.toml").config)
    with pytest.raises(Exception, match="evil.example would get"):
        agree(found, trusted=("evil.example:1",), ask=None)
    agree(found, trusted=("evil.example:1", "evil.example:2"), ask=None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[clusters.EAST]\nprofile = "acme"\nserver = "https://x.example"', "differs from east only in case"),
        ('[clusters.east]\nprofile = "acme"\nserver = "https://x.example"', "not TOML"),
        (
            '[profiles.b]\nissuer = "acme"\nclient_id = "b"\n"browser" = ["sh"]',
            "togetherctl lets no bundle run programs",
        ),
        ('[profiles.b]\nissuer = "acme"\nclient_id = "b"\nBrowser = ["sh"]', "not a known key"),
        (
            '[profiles."\\u0062"]\nissuer = "acme"\nclient_id = "b"\n"brow\\u0073er" = ["sh"]',
            "togetherctl lets no bundle run programs",
        ),
        (
            '[issuers.b]\nurl = "https://b.example"\nrequest_headers.x = "1"',
            "togetherctl takes no headers from a bundle",
        ),
        ('[issuers]\nb = { url = "https://b.example", proxy = "http://x" }', "lets no bundle choose a proxy"),
        ("[[profiles]]\nissuer = 1", "not TOML"),
        ('[clusters."\\u001b[31m"]\nprofile = "acme"\nserver = "https://x.example"', r"clusters.\\x1b\[31m"),
        ("deep = " + "[" * 3000, "not TOML"),
        ("deep = " + "{a=" * 3000, "nested too deeply"),
        ("number = " + "9" * 5000, "a number has too many digits"),
    ],
)
def test_tricks_of_the_form_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        read(f"{BUNDLE}\n{text}\n".encode(), origin="team.toml")
    assert "\x1b" not in refused.value.sentence()


def test_a_bundle_with_too_many_entries_is_refused_before_they_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look(_data: object) -> None:
        raise AssertionError("they were looked at")

    monkeypatch.setattr("togetherctl.importing.bundle.validate", look)
    many = "".join(f'[clusters.c{at}]\nprofile = "acme"\nserver = "https://c{at}.example"\n' for at in range(5000))
    with pytest.raises(ConfigError, match="at most 5000 are taken"):
        read((BUNDLE + many).encode(), origin="team.toml")


def test_more_clusters_than_can_be_taken_at_once_are_said(team_file: Path, cli: Run, home: Path) -> None:
    many = "".join(f'[clusters.c{at}]\nprofile = "acme"\nserver = "https://c{at}.example"\n' for at in range(1000))
    team_file.write_text(BUNDLE + many)
    done = cli("profile", "import", str(team_file), "--yes")
    assert (done.code, "1000 can be taken at once" in done.stderr) == (2, True), done.stderr
    done = cli("profile", "import", str(team_file), "--yes", "--clusters", "c7,east")
    assert done.code == 0, done.stderr
    assert "[clusters.c7]" in (home / "tctl" / "config.toml").read_text()


def test_an_id_of_a_cluster_of_mine_brings_no_other_server() -> None:
    """An ID is no secret: a bundle that names it does not move the cluster."""
    mine = BUNDLE.replace(EAST, f'{EAST}\ntogether_cluster_id = "0b6d"')
    theirs = BUNDLE.replace(EAST, 'server = "https://evil.example"\ntogether_cluster_id = "0b6d"').replace("east", "x")
    text = TomlText(mine)
    update = plan_bundle(text.data, None, read(theirs.encode(), origin="team.toml"))
    assert update.changes == []
    update.apply(text)
    after = ConfigTable.model_validate(text.data)
    assert after.clusters["east"].server == "https://east.acme.com:6443"
    found = to_be_named(new_hosts(ConfigTable.model_validate(TomlText(mine).data), after), remote=False)
    assert [stranger.host for stranger in found] == ["evil.example"]


def test_a_host_that_moves_after_it_was_agreed_to_is_asked_for_again(took: Took, team_file: Path, cli: Run) -> None:
    path = took(str(team_file))
    for host in ("two.example", "three.example"):
        team_file.write_text(BUNDLE.replace("https://west.acme.com:6443", f"https://{host}"))
        before = path.read_bytes()
        assert cli("profile", "update", "--yes").code == 2
        assert path.read_bytes() == before
        assert cli("profile", "update", "--yes", "--trust-host", host).code == 0
    team_file.write_text(BUNDLE)
    done = cli("profile", "update", "--yes")
    assert (done.code, "--trust-host west.acme.com" in done.stderr) == (2, True), "also back to where it was"


def test_nothing_is_strange_in_what_is_here() -> None:
    assert new_hosts(KNOWN, KNOWN) == []
    assert to_be_named(new_hosts(ConfigTable(), KNOWN), remote=False) == []
