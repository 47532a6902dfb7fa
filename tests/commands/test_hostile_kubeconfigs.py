"""A kubeconfig from another person means harm: nothing runs, nothing leaks, and no login goes to a host unasked.

Two API servers stand for the person's own host (127.0.0.1) and another one (localhost).
"""

from __future__ import annotations

import json
import ssl
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.terminal import terminal
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    import trustme

    from tests.conftest import CliIn, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

Sent = Callable[..., Path]


@pytest.fixture
def cli(cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def theirs(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with ScriptedCluster(context) as server:
        yield server


@pytest.fixture
def sent(home: Path, issuer: ScriptedIssuer, ca_file: Path, environ: dict[str, str]) -> Sent:
    """Write the kubeconfig that was sent, with more `words` and `env` of the stanza, and keys of the cluster."""
    environ["KUBECONFIG"] = str(home / "kubeconfig")

    def write(
        server: str, *words: str, env: dict[str, str] | None = None, client: str | None = None, **cluster: Any
    ) -> Path:
        at = ["--oidc-issuer-url=" + issuer.url, f"--oidc-client-id={client or issuer.client_id}"]
        ours = {"server": server, "certificate-authority": str(ca_file), **cluster}
        variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
        user = {"exec": {"command": "kubectl-together_login", "args": ["get-token", *at, *words], "env": variables}}
        text = {
            "clusters": [{"name": "theirs", "cluster": ours}],
            "contexts": [{"name": "theirs", "context": {"cluster": "theirs", "user": "me"}}],
            "users": [{"name": "me", "user": user}],
        }
        path = home / "secrets" / "oidc.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(text), encoding="utf-8")
        return path

    return write


def elsewhere(server: ScriptedCluster) -> str:
    """The same port by another host's name."""
    return f"https://localhost:{server.port}"


def config_of(home: Path) -> Path:
    return home / "tctl" / "config.toml"


@pytest.mark.parametrize("how", ["file", "folder", "import", "another scope", "another account's parameters"])
def test_no_live_token_goes_to_a_host_that_was_not_agreed_to(
    how: str, acme: Path, cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    assert cli("login", "acme").code == 0
    words = {"another scope": ("--oidc-extra-scope=groups",)}.get(how, ())
    if how == "another account's parameters":
        words = ("--oidc-auth-request-extra-params=prompt=login",)
    path = sent(elsewhere(theirs), *words)
    command = {
        "folder": ["init", str(path.parent)],
        "import": ["profile", "import", str(path)],
    }.get(how, ["init", str(path)])
    before = acme.read_bytes()
    done = cli(*command, "--yes")
    assert done.code == 2, done.stderr
    assert "localhost would get tokens of client" in done.stderr
    assert "add --trust-host localhost" in done.stderr
    assert (theirs.bearers, acme.read_bytes()) == ([], before)
    assert not (home / "kubeconfig").exists()
    wrong = cli(*command, "--yes", "--trust-host", f"localhost:{theirs.port + 1}", "--trust-host", "127.0.0.1")
    assert (wrong.code, theirs.bearers) == (2, [])
    dry = cli(*command, "--dry-run")
    assert (dry.code, "--trust-host localhost agrees to that" in dry.stderr) == (0, True), dry.stderr
    assert theirs.bearers == []
    if how == "file":
        done = cli(*command, "--yes", "--trust-host", f"LOCALHOST:{theirs.port}")
        assert done.code == 0, done.stderr
        assert len(theirs.bearers) == 1


def test_nor_by_standard_input(acme: Path, process: Run, sent: Sent, theirs: ScriptedCluster) -> None:
    text = sent(elsewhere(theirs)).read_text()
    done = process("init", "-", "--yes", "--no-login", stdin=text)
    assert (done.code, "add --trust-host localhost" in done.stderr) == (2, True), done.stderr
    assert "localhost" not in acme.read_text().partition("[clusters")[2]


def test_a_cluster_of_the_config_does_not_follow_its_file_to_another_host(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    assert cli("init", str(sent(theirs.url)), "--yes", "--no-login").code == 0
    path = sent(elsewhere(theirs))
    done = cli("init", str(path), "--yes", "--no-login")
    assert (done.code, "add --trust-host localhost" in done.stderr) == (2, True), done.stderr
    assert cli("init", str(path), "--yes", "--no-login", "--trust-host", "localhost").code == 0
    assert tomllib.loads(config_of(home).read_text())["clusters"]["theirs"]["server"] == elsewhere(theirs)


@pytest.mark.parametrize("how", ["as it was", "another scope", "another folder", "what a killed writer left"])
def test_a_session_counts_though_the_config_has_lost_its_profile(
    how: str, cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    """The file's profile would be served from the session that is still there, or a later login would lead there."""
    path = sent(theirs.url)
    assert cli("init", str(path), "--yes", "--no-login").code == 0
    config = config_of(home)
    assert cli("profile", "set", "localhost", "redirect_uris=http://localhost:0").code == 0
    assert cli("login", "localhost").code == 0
    config.write_text("version = 1\n")
    (home / "tctl" / "state" / "taken.json").unlink()
    if how == "what a killed writer left":
        [session] = (home / "tctl" / "state" / "sessions").glob("*.json")
        session.rename(session.with_name(f".{session.name}.999999.deadbeef.{this_machine()}.tmp"))
    more = {"another scope": "--oidc-extra-scope=groups", "another folder": "--token-cache-dir=/x"}.get(how)
    path = sent(theirs.url, *[more] * bool(more))
    done = cli("init", str(path), "--yes")
    assert (done.code, "--trust-host 127.0.0.1" in done.stderr) == (2, True), done.stderr
    assert theirs.bearers == []
    assert config.read_text() == "version = 1\n"


def test_a_new_identity_is_agreed_to_with_the_write_that_names_its_hosts(
    cli: Run, sent: Sent, theirs: ScriptedCluster
) -> None:
    done = cli("init", str(sent(theirs.url)), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    lines = done.stderr.splitlines()
    hosts = [line for line in lines if line.startswith("New host: ")]
    assert [line.split()[2] for line in hosts] == ["localhost", "127.0.0.1"]
    assert "would get your login, as the issuer" in hosts[0]
    assert "would get tokens of client" in hosts[1]


def test_nothing_of_the_file_runs_reads_weakens_or_is_sent(
    cli: Run,
    sent: Sent,
    theirs: ScriptedCluster,
    home: Path,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    canary: Canary,
) -> None:
    mark, script = home / "ran", home / "evil"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o700)
    header = canary.watch("a header of a kubeconfig", "made-up-header-value")
    path = sent(
        theirs.url,
        f"--browser-command={script}",
        "--insecure-skip-tls-verify",
        f"--oidc-request-header=X-Evil={header}",
        "--oidc-auth-request-extra-params=request_uri=https://evil.example/r",
        "--oidc-auth-request-extra-params=prompt=login",
        "--open-url-after-authentication=https://evil.example/after",
        "--oidc-pkce-method=no",
        "--listen-address=0.0.0.0:0",
        "--local-server-cert=/etc/hostname",
        "--local-server-key=/etc/hostname",
        env={"HTTPS_PROXY": "http://proxy.evil.example:1", "PATH": "/evil"},
        **{"insecure-skip-tls-verify": True, "proxy-url": "http://proxy.evil.example:1"},
    )
    done = cli("init", str(path), "--yes", "--no-login")
    assert done.code == 0, done.stderr
    config = tomllib.loads(config_of(home).read_text())
    assert config["issuers"] == {"localhost": {"url": issuer.url}}
    assert config["profiles"] == {
        "localhost": {
            "issuer": "localhost",
            "client_id": issuer.client_id,
            "scopes": ["openid"],
            "auth_params": {"prompt": "login"},
        }
    }
    assert set(config["clusters"]["theirs"]) == {"profile", "server", "ca_data"}
    assert "evil" not in (home / "kubeconfig").read_text()
    for key in (
        "browser",
        "insecure_skip_tls_verify",
        "request_headers (X-Evil)",
        "auth_params (request_uri)",
        "open_url_after",
        "pkce",
        "listen",
        "listen_cert_file",
        "listen_key_file",
        "redirect_uris",
        "proxy (proxy.evil.example)",
        "proxy_url",
    ):
        assert [line for line in done.stderr.splitlines() if line.startswith(f"{key} ")], key
    [command] = [line for line in done.stderr.splitlines() if "togetherctl profile set localhost " in line]
    assert " browser=VALUE" in command
    assert "evil" not in command
    assert "PATH" in done.stderr
    assert cli("profile", "set", "localhost", "redirect_uris=http://localhost:0").code == 0
    assert cli("login", "localhost").code == 0
    assert not mark.exists()
    assert len(browser.opened) == 1
    assert "request_uri" not in browser.opened[0]
    assert "code_challenge_method=S256" in browser.opened[0]
    again = cli("init", str(path), "--yes", "--no-login")
    assert "Your configuration and your kubeconfig have all of this already." in again.stderr


def test_what_you_set_yourself_stays_and_is_not_said_again(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    path = sent(theirs.url, **{"proxy-url": "http://proxy.acme.com:1"})
    assert (
        "proxy_url (proxy.acme.com) is left out of cluster theirs"
        in cli("init", str(path), "--yes", "--no-login").stderr
    )
    assert cli("cluster", "set", "theirs", "proxy_url=http://proxy.acme.com:1").code == 0
    again = cli("init", str(path), "--yes", "--no-login")
    assert (again.code, "left out" in again.stderr) == (0, False), again.stderr
    sent(theirs.url, **{"proxy-url": "http://proxy.acme.com:1", "tls-server-name": "127.0.0.1"})
    moved = cli("init", str(path), "--yes", "--no-login", "--trust-host", "127.0.0.1")
    assert moved.code == 0, moved.stderr
    cluster = tomllib.loads(config_of(home).read_text())["clusters"]["theirs"]
    assert (cluster["proxy_url"], cluster["tls_server_name"]) == ("http://proxy.acme.com:1", "127.0.0.1")


def test_the_client_secret_of_the_environment_goes_only_where_a_flag_says_so(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path, canary: Canary
) -> None:
    secret = canary.watch("a client secret of the environment", "made-up-own-client-secret")
    path, own = str(sent(theirs.url)), {"OIDC_CLIENT_SECRET": secret}
    done = cli("init", path, "--yes", "--no-login", **own)
    assert done.code == 0, done.stderr
    assert "does not get the client secret in OIDC_CLIENT_SECRET" in done.stderr
    assert "client_secret" not in config_of(home).read_text()
    config_of(home).unlink()
    done = cli("init", path, "--yes", "--no-login", "--secret", "env:OIDC_CLIENT_SECRET", **own)
    assert done.code == 0, done.stderr
    [profile] = tomllib.loads(config_of(home).read_text())["profiles"].values()
    assert profile["client_secret"] == {"env": "OIDC_CLIENT_SECRET"}
    again = cli("init", path, "--yes", "--no-login", **own)
    assert "have all of this already" in again.stderr, "a source that knows of no secret leaves yours alone"


def test_one_variable_is_not_the_secret_of_several_clients(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    one = sent(theirs.url)
    two = one.with_name("two.yaml")
    two.write_text(one.read_text().replace("--oidc-client-id=", "--oidc-client-id=other-").replace("theirs", "two"))
    done = cli("init", str(one), str(two), "--yes", "--no-login", "--secret", "env:ACME")
    assert (done.code, "there are 2 clients" in done.stderr) == (2, True), done.stderr
    assert not config_of(home).exists()


@pytest.mark.parametrize("word", ["https://localhost", "me@localhost", "localhost:0", "localhost:x", "", "a b"])
def test_a_host_that_is_none_is_said_before_anything_is_read(word: str, cli: Run) -> None:
    for command in (("init", "/nowhere"), ("profile", "import", "/nowhere"), ("profile", "update")):
        done = cli(*command, "--yes", "--trust-host", word)
        assert (done.code, "it takes HOST or HOST:PORT" in done.stderr) == (2, True), done.stderr


def test_certificates_of_a_path_are_those_that_the_config_has_by_a_path(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path, ca_file: Path
) -> None:
    """A configuration that was written with the path stays as it is."""
    path = str(sent(theirs.url, f"--certificate-authority={ca_file}"))
    assert cli("init", path, "--yes", "--no-login", "--offline").code == 0
    config = tomllib.loads(config_of(home).read_text())
    [issuer], [cluster] = config["issuers"].values(), config["clusters"].values()
    for table in (issuer, cluster):
        assert "ca_file" not in table
    text = config_of(home).read_text()
    for data in {issuer["ca_data"], cluster["ca_data"]}:
        text = text.replace(f'ca_data = "{data}"', f'ca_file = "{ca_file}"')
    config_of(home).write_text(text)
    again = cli("init", path, "--yes", "--no-login", "--offline")
    assert again.code == 0, again.stderr
    assert config_of(home).read_text() == text


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_the_host_is_asked_for_by_name_before_anything_is_written(
    answer: str, acme: Path, sent: Sent, theirs: ScriptedCluster, environ: dict[str, str], tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "togetherctl", "init", str(sent(elsewhere(theirs))), "--no-login"]
    bare = {name: value for name, value in environ.items() if name != "COLUMNS"}
    bare |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    before = acme.read_bytes()
    with terminal(words, bare, tmp_path, columns=160) as screen:
        screen.until("localhost would get tokens of client")
        screen.until("Is that right?")
        screen.paste(answer)
        if answer == "n":
            screen.until("localhost was not agreed to; nothing was changed")
        else:
            screen.until("the current one?")
            screen.paste("n")
            screen.until("Write this?")
            assert acme.read_bytes() == before
            screen.paste("n")
            screen.until("Nothing was changed.")
    assert (acme.read_bytes(), theirs.bearers) == (before, [])


def test_a_secret_of_the_environment_does_not_go_where_the_file_has_another(
    cli: Run, sent: Sent, theirs: ScriptedCluster, home: Path
) -> None:
    """With a secret of its own, the file would make the variable that of its own issuer."""
    path = sent(theirs.url, "--oidc-client-secret=bogus")
    words = ("init", str(path), "--yes", "--no-login", "--secret", "env:OIDC_CLIENT_SECRET")
    done = cli(*words, OIDC_CLIENT_SECRET="made-up-own-secret")
    assert (done.code, "holds another client secret than the source does" in done.stderr) == (2, True), done.stderr
    assert not config_of(home).exists()
    assert cli(*words, OIDC_CLIENT_SECRET="bogus").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--oidc-extra-scope=audience:server:client_id:k8s",), 2),
        (("--oidc-auth-request-extra-params=audience=k8s",), 2),
        ((), 0),
    ],
    ids=["a scope", "a parameter", "neither"],
)
@pytest.mark.usefixtures("acme")
def test_a_new_client_that_asks_for_tokens_of_others_is_asked_for_by_name(
    words: tuple[str, ...], code: int, cli: Run, sent: Sent, theirs: ScriptedCluster
) -> None:
    """At an issuer of the configuration:

    another client's tokens could be good for the servers of this person's own client.
    """
    done = cli("init", str(sent(theirs.url, *words, client="another")), "--yes", "--no-login")
    assert (done.code, "add --trust-host 127.0.0.1" in done.stderr) == (code, code == 2), done.stderr
