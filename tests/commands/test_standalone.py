"""Standalone mode: users of a kubeconfig with `auth-provider: oidc`, at a scripted issuer."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import NoBrowser, ScriptedBrowser
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.kube.yaml_text import load
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

ANYWHERE = "--listen-address=127.0.0.1:0"


@pytest.fixture
def folder(home: Path) -> Path:
    """Kubeconfigs that may hold tokens lie here."""
    path = home / "secrets"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def config(folder: Path, issuer: ScriptedIssuer, environ: dict[str, str]) -> Path:
    path = folder / "config"
    path.write_text(
        f"""\
# mine, by hand
apiVersion: v1
kind: Config
current-context: east  # where I work
contexts:
- name: east
  context: {{cluster: east, user: me}}
- context:
    cluster: east
    user: robot
  name: plugin
- context: {{cluster: east, user: "{"old"}"}}
  name: gcp
clusters:
- cluster:
    server: https://127.0.0.1:6443 # no API server
  name: east
users:
- name: robot
  user:
    exec: {{apiVersion: client.authentication.k8s.io/v1, command: togetherctl}}
- name: me
  user:
    auth-provider:
      # ask the admin
      config:
        idp-issuer-url: {issuer.url}
        client-id: the-client # public
        extra-scopes: email,groups
      name: oidc
- name: old
  user:
    auth-provider: {{name: gcp}}
preferences: {{}}
""",
        encoding="utf-8",
    )
    path.chmod(0o640)
    environ["KUBECONFIG"] = str(path)
    return path


@pytest.fixture
def run_with(cli_in: CliIn, clock: StoppedClock) -> Callable[..., Run]:
    def make(browser: object) -> Run:
        return cli_in(program=PLUGIN, clock=clock, sleep=clock.sleep, open_browser=browser)

    return make


@pytest.fixture
def plugin(run_with: Callable[..., Run], browser: ScriptedBrowser) -> Run:
    return run_with(browser)


@pytest.fixture
def quiet(run_with: Callable[..., Run]) -> Run:
    """As `plugin`, where no browser may open."""
    return run_with(NoBrowser())


def tokens(path: Path, user: str = "me") -> dict[str, str]:
    entry = next(entry for entry in load(path.read_text())["users"] if entry["name"] == user)
    config: dict[str, str] = entry["user"]["auth-provider"]["config"]
    return config


def without_tokens(text: str) -> list[str]:
    return [
        line for line in text.splitlines(keepends=True) if not line.strip().startswith(("id-token", "refresh-token"))
    ]


def test_a_login_writes_tokens_and_nothing_else(
    config: Path, plugin: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    before = config.read_text()
    done = plugin(ANYWHERE)
    assert (done.code, done.stdout) == (0, ""), done.stderr
    assert f"Updated {config.relative_to(config.parents[1])}" in done.stderr.replace("~/", "")
    assert "You got a valid token until 20" in done.stderr
    assert "is open to others (mode 0640)" in done.stderr
    assert done.stderr.count("exec plugin") == 1
    kept = tokens(config)
    assert kept["refresh-token"] in issuer.refresh_tokens
    assert "".join(without_tokens(config.read_text())) == before
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert sorted(path.name for path in config.parent.iterdir()) == ["config"]
    [asked] = browser.opened
    assert "scope=openid+email+groups" in asked


def test_a_valid_token_is_left_alone(config: Path, plugin: Run, quiet: Run, issuer: ScriptedIssuer) -> None:
    plugin(ANYWHERE)
    before, asked = config.read_bytes(), len(issuer.asked)
    done = quiet()
    assert (done.code, "You already have a valid token until 20" in done.stderr) == (0, True)
    assert "exec plugin" not in done.stderr
    assert (config.read_bytes(), len(issuer.asked)) == (before, asked)


def test_an_expired_token_is_refreshed_and_the_rotated_one_is_kept(
    config: Path, plugin: Run, quiet: Run, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    plugin(ANYWHERE)
    first, text = tokens(config), config.read_text()
    clock.now += 400
    done = quiet()
    assert done.code == 0, done.stderr
    second = tokens(config)
    assert second["id-token"] != first["id-token"]
    assert second["refresh-token"] != first["refresh-token"]
    assert second["refresh-token"] in issuer.refresh_tokens
    assert without_tokens(config.read_text()) == without_tokens(text)
    assert "exec plugin" not in done.stderr


@pytest.mark.usefixtures("config")
def test_a_refused_refresh_token_means_a_login(
    plugin: Run, issuer: ScriptedIssuer, clock: StoppedClock, browser: ScriptedBrowser
) -> None:
    plugin(ANYWHERE)
    clock.now += 400
    issuer.refresh_tokens.clear()
    assert plugin(ANYWHERE).code == 0
    assert len(browser.opened) == 2


@pytest.mark.xdist_group("ports 8000 and 18000")
def test_an_issuer_that_cannot_be_reached_costs_no_token(
    config: Path, plugin: Run, quiet: Run, issuer: ScriptedIssuer, clock: StoppedClock, browser: ScriptedBrowser
) -> None:
    plugin(ANYWHERE)
    clock.now += 400
    before = config.read_bytes()
    # A person runs this, so it goes on to a login after a refresh that did not get through.
    issuer.always["/token"] = Reply(503)
    assert plugin(ANYWHERE).code == 4
    assert len(browser.opened) == 2
    issuer.stop()
    assert quiet().code == 4
    assert config.read_bytes() == before


@pytest.mark.parametrize(
    "spoilt", ["not-a-token", "a.b.c", "e30.e30.x", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL290aGVyIn0.x"]
)
def test_a_token_that_makes_no_sense_counts_as_none(
    config: Path, plugin: Run, browser: ScriptedBrowser, spoilt: str
) -> None:
    config.write_text(config.read_text().replace("extra-scopes:", f"id-token: {spoilt}\n        extra-scopes:"))
    assert plugin(ANYWHERE).code == 0
    assert len(browser.opened) == 1
    assert tokens(config)["id-token"] != spoilt


def test_a_token_of_another_client_is_not_used(config: Path, plugin: Run, browser: ScriptedBrowser) -> None:
    plugin(ANYWHERE)
    mine = tokens(config)["id-token"]
    config.write_text(config.read_text().replace("client-id: the-client", "client-id: another"))
    assert plugin(ANYWHERE).code == 5  # the issuer knows no such client, but it was asked
    assert len(browser.opened) == 2
    assert tokens(config)["id-token"] == mine


def test_the_file_that_holds_the_user_is_written(config: Path, folder: Path, plugin: Run) -> None:
    contexts = folder / "contexts"
    contexts.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: mine\ncontexts: [{name: mine, context: {user: me}}]\n"
    )
    second = folder / "second"
    second.write_text(config.read_text().replace("client-id: the-client # public", "client-id: never-asked"))
    before = contexts.read_bytes(), second.read_bytes()
    files = os.pathsep.join(map(str, (folder / "absent", contexts, config, second)))
    done = plugin(ANYWHERE, KUBECONFIG=files)
    assert done.code == 0, done.stderr
    assert "id-token" in tokens(config)
    assert (contexts.read_bytes(), second.read_bytes()) == before
    assert not (folder / "absent").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--context=plugin"], "runs a plugin, so kubectl logs in by itself"),
        (["--context", "gcp"], "is not oidc"),
        (["--context=nope"], "there is no context nope"),
        (["--user=nope"], "there is no user nope"),
        (["--user=robot", "--context=east"], "runs a plugin"),
    ],
)
def test_who_cannot_log_in_this_way(config: Path, quiet: Run, arguments: list[str], said: str) -> None:
    before = config.read_bytes()
    done = quiet(*arguments)
    assert (done.code, said in done.stderr) == (7, True), done.stderr
    assert config.read_bytes() == before


def test_user_goes_before_context(config: Path, plugin: Run) -> None:
    assert plugin("--context=plugin", "--user", "me", ANYWHERE).code == 0
    assert "id-token" in tokens(config)


def test_a_kubeconfig_that_is_named(config: Path, folder: Path, plugin: Run) -> None:
    named = folder / "named"
    named.write_bytes(config.read_bytes())
    before = config.read_bytes()
    assert plugin("--kubeconfig=~/secrets/named", ANYWHERE).code == 0
    assert "id-token" in tokens(named)
    assert config.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("        client-id: the-client # public\n", "", "has no client-id"),
        ("idp-issuer-url:", "idp-issuer:", "has no idp-issuer-url"),
        ("current-context: east", "x: y", "no current context"),
        ("user: me}", "x: me}", "names no user"),
        (
            "extra-scopes: email,groups",
            "idp-certificate-authority-data: '!'",
            "idp-certificate-authority-data of the user me",
        ),
        ("idp-issuer-url: http", "idp-issuer-url: ftp", "idp-issuer-url of the user me"),
        ("apiVersion: v1", "apiVersion: [", "cannot be understood"),
    ],
)
def test_what_is_wrong_with_the_kubeconfig(config: Path, quiet: Run, old: str, new: str, said: str) -> None:
    config.write_text(config.read_text().replace(old, new, 1))
    before = config.read_bytes()
    done = quiet()
    assert (done.code, said in done.stderr) == (7, True), done.stderr
    assert config.read_bytes() == before


def test_without_any_kubeconfig(quiet: Run) -> None:
    done = quiet()
    assert done.code == 7
    assert "there is no kubeconfig at" in done.stderr
    assert "kubectl together-login setup" in done.stderr


def test_nobody_logs_in_for_a_file_that_cannot_be_written(
    config: Path, quiet: Run, issuer: ScriptedIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != config and allowed(path, mode))
    done = quiet(ANYWHERE)
    assert (done.code, "is read-only" in done.stderr) == (7, True)
    assert issuer.asked == []


def test_nobody_logs_in_for_a_file_that_cannot_be_edited(config: Path, quiet: Run, issuer: ScriptedIssuer) -> None:
    config.write_text(f"x: .nan\n{config.read_text()}")
    done = quiet(ANYWHERE)
    assert (done.code, issuer.asked) == (7, []), done.stderr
    assert f"kubectl cannot read {config}: line 1: a number that JSON cannot hold" in done.stderr


def test_an_entry_behind_an_alias_keeps_its_tokens(config: Path, plugin: Run) -> None:
    text = config.read_text()
    start, end = text.index("- name: me\n"), text.index("- name: old\n")
    entry = text[start:end].replace("- name: me\n", "- &me\n  name: me\n")
    before = f"x:\n{entry}"
    config.write_text(f"{before}{text[:start]}- *me\n{text[end:]}")
    done = plugin(ANYWHERE)
    assert done.code == 0, done.stderr
    # What others call by the anchor says what it said.
    assert config.read_text().startswith(before)
    data = load(config.read_text())
    assert "id-token" in next(u for u in data["users"] if u["name"] == "me")["user"]["auth-provider"]["config"]


def test_a_client_secret_stays_where_it_is(config: Path, plugin: Run, issuer: ScriptedIssuer, canary: Canary) -> None:
    issuer.client_secret = canary.watch("a client secret", "a-secret-of-the-client")
    config.write_text(
        config.read_text().replace("extra-scopes:", f"client-secret: {issuer.client_secret}\n        extra-scopes:")
    )
    before = config.read_text()
    done = plugin(ANYWHERE)
    assert done.code == 0, done.stderr
    assert "".join(without_tokens(config.read_text())) == before


def test_a_certificate_authority_beside_the_kubeconfig(
    config: Path, folder: Path, cli_in: CliIn, clock: StoppedClock, tls_issuer: ScriptedIssuer, ca_file: Path
) -> None:
    (folder / "ca.pem").write_bytes(ca_file.read_bytes())
    text = config.read_text()
    start = text.index("idp-issuer-url: ") + len("idp-issuer-url: ")
    url = text[start : text.index("\n", start)]
    config.write_text(text.replace(url, f"{tls_issuer.url}\n        idp-certificate-authority: ca.pem"))
    plugin = cli_in(program=PLUGIN, clock=clock, sleep=clock.sleep, open_browser=ScriptedBrowser(tls_issuer))
    done = plugin(ANYWHERE)
    assert done.code == 0, done.stderr


def test_the_help_text_shows_its_flags(quiet: Run) -> None:
    done = quiet("--help")
    assert done.code == 0
    for flag in ("--kubeconfig", "--context", "--user", "--grant-type", "--certificate-authority"):
        assert flag in done.stdout
    assert quiet("--contxt=a").code == 2
