"""A test for each flag of kubelogin's `get-token`: its effect at the issuer, in the browser or on disk."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.browser import ScriptedBrowser, parameters
from tests.support.issuer import Gate, Reply
from tests.support.keyrings import InMemory
from togetherctl.auth.cache.record import decode
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.known import LOG_SWITCHES, LOG_VALUES, flags_of

if TYPE_CHECKING:
    from pathlib import Path

    import trustme

    from tests.conftest import CliIn, Done, Run, UseKeyring
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import Asked, ScriptedIssuer
    from togetherctl.auth.session import Session

V1 = '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true}}'
SECRET = "a-secret-that-is-typed"


@dataclass
class Plugin:
    """`kubectl together-login get-token` at one issuer, with the browser of a person who logs in."""

    issuer: ScriptedIssuer
    browser: ScriptedBrowser
    clock: StoppedClock
    home: Path
    cli_in: CliIn

    def at(self, issuer: ScriptedIssuer) -> Plugin:
        return replace(self, issuer=issuer, browser=ScriptedBrowser(issuer))

    def words(self, *words: str) -> list[str]:
        return [
            "get-token",
            f"--oidc-issuer-url={self.issuer.url}",
            f"--oidc-client-id={self.issuer.client_id}",
            *([] if any("--listen-address" in word for word in words) else ["--listen-address=127.0.0.1:0"]),
            *words,
        ]

    def run(self, *words: str, **environ: str) -> Done:
        run = self.cli_in(program=PLUGIN, open_browser=self.browser, clock=self.clock, sleep=self.clock.sleep)
        return run(*self.words(*words), **environ)

    def token(self, *words: str, **environ: str) -> str:
        done = self.run(*words, **environ)
        assert done.code == 0, done.stderr
        return str(json.loads(done.stdout)["status"]["token"])

    def asked(self, path: str) -> list[Asked]:
        return [asked for asked in self.issuer.asked if asked.path == path]

    @property
    def request(self) -> dict[str, str]:
        """The authorization request of the last login."""
        return parameters(self.browser.opened[-1])

    @property
    def sessions(self) -> Path:
        return self.home / "tctl" / "state" / "sessions"

    def session(self) -> Session:
        [path] = self.sessions.glob("*.json")
        return decode(path.read_bytes())


@pytest.fixture
def plugin(issuer: ScriptedIssuer, clock: StoppedClock, home: Path, cli_in: CliIn) -> Plugin:
    return Plugin(issuer, ScriptedBrowser(issuer), clock, home, cli_in)


@pytest.fixture
def tls_plugin(plugin: Plugin, tls_issuer: ScriptedIssuer) -> Plugin:
    return plugin.at(tls_issuer)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_flag_has_its_test() -> None:
    assert {f"test_{flag.field}" for flag in flags_of("get-token").values()} <= set(globals())


def test_oidc_issuer_url(plugin: Plugin) -> None:
    plugin.token()
    assert plugin.issuer.counts["/.well-known/openid-configuration"] == 1
    assert plugin.session().issuer == plugin.issuer.url


def test_oidc_client_id(plugin: Plugin) -> None:
    plugin.issuer.client_id = "another client"
    plugin.token()
    assert plugin.request["client_id"] == "another client"


def test_oidc_client_secret(plugin: Plugin) -> None:
    plugin.issuer.client_secret = SECRET
    done = plugin.run(f"--oidc-client-secret={SECRET}")
    assert (done.code, SECRET in done.stderr) == (0, False), done.stderr
    assert plugin.asked("/token")[-1].headers["authorization"].startswith("Basic ")


def test_the_secret_of_the_environment_and_its_pkce_rule(plugin: Plugin, canary: Canary) -> None:
    plugin.issuer.client_secret = canary.watch("a client secret", SECRET)
    plugin.token(OIDC_CLIENT_SECRET=SECRET)
    plugin.issuer.client_secret = None
    for word in ("--oidc-pkce-method=S256", "--oidc-use-pkce"):
        # Another session, so that it logs in once more: a public client, which must send no secret.
        plugin.token(word, f"--oidc-extra-scope={word.strip('-')}", OIDC_CLIENT_SECRET=SECRET)
        assert not {"authorization", "client_secret"} & {*plugin.asked("/token")[-1].headers}
        assert "client_secret" not in plugin.asked("/token")[-1].form


def test_oidc_extra_scope(plugin: Plugin) -> None:
    plugin.token("--oidc-extra-scope=email,profile", "--oidc-extra-scope", "groups")
    # Nothing that nobody typed, though the metadata lists offline_access.
    assert plugin.request["scope"] == "openid email profile groups"


def test_oidc_use_access_token(plugin: Plugin) -> None:
    plugin.issuer.token_changes = {"access_token": "opaque-access-token"}
    assert plugin.token("--oidc-use-access-token") == "opaque-access-token"
    # The same session serves the other token, too.
    assert plugin.token() != "opaque-access-token"
    assert len(plugin.browser.opened) == 1


def test_force_refresh(plugin: Plugin) -> None:
    first = plugin.token()
    plugin.clock.advance(1)
    assert plugin.token() == first
    second = plugin.token("--force-refresh")
    assert second != first
    assert plugin.token() == second
    assert [asked.form["grant_type"] for asked in plugin.asked("/token")] == ["authorization_code", "refresh_token"]
    assert len(plugin.browser.opened) == 1


def test_force_refresh_without_a_refresh_token_logs_in(plugin: Plugin) -> None:
    plugin.issuer.token_changes = {"refresh_token": None}
    first = plugin.token("--force-refresh")
    plugin.clock.advance(1)
    assert plugin.token("--force-refresh") != first
    assert len(plugin.browser.opened) == 2
    # Where nobody can be asked, what is still good is better than nothing.
    assert plugin.run("--force-refresh", CI="1").code == 0


def test_force_refresh_while_the_issuer_cannot_be_reached(plugin: Plugin) -> None:
    first = plugin.token()
    plugin.issuer.stop()
    done = plugin.run("--force-refresh")
    assert json.loads(done.stdout)["status"]["token"] == first
    assert "the token in hand is good for another" in done.stderr


def test_token_cache_dir(plugin: Plugin, home: Path) -> None:
    first = plugin.token("--token-cache-dir=~/state")
    assert [path.suffix for path in sorted((home / "state").iterdir())] == [".json", ".lock"]
    assert not plugin.sessions.exists()
    assert plugin.token("--token-cache-dir", str(home / "state")) == first
    assert plugin.token(KUBECACHEDIR=str(home / "state")) != first
    assert len(list((home / "state" / "oidc-login").glob("*.json"))) == 1


def test_token_cache_storage(plugin: Plugin, use_keyring: UseKeyring) -> None:
    use_keyring(InMemory())
    plain = plugin.token()
    sealed = plugin.token("--token-cache-storage=keyring")
    # The same KEY beside an unsealed session: each has its own file, and neither hurts the other.
    [path] = (plugin.sessions / "keyring").glob("*.json")
    assert sealed not in path.read_text()
    assert [path.name] == [other.name for other in plugin.sessions.glob("*.json")]
    assert (plugin.token(), plugin.token("--token-cache-storage=keyring")) == (plain, sealed)
    before = sorted(plugin.sessions.rglob("*"))
    assert plugin.token("--token-cache-storage=none") not in (plain, sealed)
    assert plugin.token("--token-cache-storage=none")
    assert len(plugin.browser.opened) == 4
    assert sorted(plugin.sessions.rglob("*")) == before


def test_a_profile_that_keeps_the_same_session_in_the_keyring(
    plugin: Plugin, use_keyring: UseKeyring, store: object, cli_in: CliIn
) -> None:
    use_keyring(InMemory())
    assert callable(store)
    store(
        f'issuers.a.url = "{plugin.issuer.url}"\n[profiles.a]\nissuer = "a"\nclient_id = "the-client"\n'
        'scopes = ["openid"]\noffline_access = "never"\nstorage = "keyring"\nredirect_uris = ["http://localhost:0"]\n'
    )
    login = cli_in(open_browser=plugin.browser, clock=plugin.clock)
    assert login("login", "a").code == 0
    done = plugin.run()
    assert done.code == 6
    assert "say --token-cache-storage=keyring here, too" in done.stderr
    assert plugin.token("--token-cache-storage=keyring")


def test_certificate_authority(tls_plugin: Plugin, ca_file: Path) -> None:
    assert tls_plugin.run().code == 4
    tls_plugin.token(f"--certificate-authority={ca_file}")
    assert len(tls_plugin.browser.opened) == 1


def test_certificate_authority_data(tls_plugin: Plugin, authority: trustme.CA) -> None:
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    tls_plugin.token(f"--certificate-authority-data={bundle}", f"--certificate-authority-data={bundle}")


def test_insecure_skip_tls_verify(tls_plugin: Plugin) -> None:
    done = tls_plugin.run("--insecure-skip-tls-verify")
    assert (done.code, "is not verified" in done.stderr) == (0, True)


@pytest.mark.parametrize("word", ["--tls-renegotiation-once", "--tls-renegotiation-freely"])
def test_tls_renegotiation_once(tls_plugin: Plugin, ca_file: Path, word: str) -> None:
    # OpenSSL lets a TLS 1.2 server renegotiate unless it is told not to.
    from togetherctl.transport import Connection

    assert not Connection().tls_context().options & ssl.OP_NO_RENEGOTIATION
    tls_plugin.token(word, f"--certificate-authority={ca_file}")


test_tls_renegotiation_freely = test_tls_renegotiation_once


def test_oidc_request_header(plugin: Plugin) -> None:
    plugin.token("--oidc-request-header=Origin=localhost", "--oidc-request-header=X-Key=a,b")
    assert {(asked.headers.get("origin"), asked.headers.get("x-key")) for asked in plugin.issuer.asked} == {
        ("localhost", "a,b")
    }


@pytest.mark.parametrize(
    ("word", "listed", "sent"),
    [
        ("--oidc-pkce-method=auto", ["S256"], True),
        ("--oidc-pkce-method=auto", None, True),
        ("--oidc-pkce-method=auto", ["plain"], False),
        ("--oidc-pkce-method=no", ["S256"], False),
        ("--oidc-pkce-method=S256", ["plain"], True),
    ],
)
def test_oidc_pkce_method(plugin: Plugin, word: str, listed: object, sent: object) -> None:
    plugin.issuer.metadata_changes = {"code_challenge_methods_supported": listed}
    plugin.token(word)
    assert (plugin.request.get("code_challenge_method") == "S256") is sent
    assert ("code_verifier" in plugin.asked("/token")[-1].form) is sent


def test_oidc_use_pkce(plugin: Plugin) -> None:
    plugin.issuer.metadata_changes = {"code_challenge_methods_supported": ["plain"]}
    plugin.token("--oidc-use-pkce")
    assert plugin.request["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    ("grant", "sent"),
    [
        ("auto", "authorization_code"),
        ("authcode", "authorization_code"),
        ("device-code", "urn:ietf:params:oauth:grant-type:device_code"),
    ],
)
def test_grant_type(plugin: Plugin, grant: str, sent: str) -> None:
    plugin.token(f"--grant-type={grant}", SSH_CONNECTION="yes")
    assert [asked.form["grant_type"] for asked in plugin.asked("/token")] == [sent]


def test_a_client_logs_in_as_itself_wherever_its_secret_is_taken(plugin: Plugin) -> None:
    plugin.issuer.client_secret = SECRET
    words = ("--grant-type=client-credentials", f"--oidc-client-secret={SECRET}", "--oidc-use-access-token")
    assert plugin.token(*words, "--oidc-auth-request-extra-params=audience=kube", CI="1")
    assert plugin.asked("/token")[-1].form["audience"] == "kube"


def test_the_secret_goes_into_the_body_where_the_header_is_not_taken(plugin: Plugin) -> None:
    plugin.issuer.client_secret = SECRET
    plugin.issuer.replies["/token"].append(Reply(401, {"error": "invalid_client"}))
    plugin.token(f"--oidc-client-secret={SECRET}")
    header, body = plugin.asked("/token")
    assert ("authorization" in header.headers, "client_secret" in header.form) == (True, False)
    assert ("authorization" in body.headers, body.form["client_secret"]) == (False, SECRET)


def test_pasting_and_typing_need_a_terminal(plugin: Plugin) -> None:
    for word in ("--grant-type=authcode-keyboard", "--grant-type=password", "--username=me"):
        done = plugin.run(word)
        assert (done.code, done.stdout) == (3, "")
        assert f"run: kubectl together-login get-token --oidc-issuer-url={plugin.issuer.url}" in done.stderr
        assert word in done.stderr


def test_authentication_timeout_sec(plugin: Plugin) -> None:
    plugin.browser.answer = lambda _request: ""
    done = plugin.run("--authentication-timeout-sec=1")
    assert (done.code, "nobody finished the login within 1 s" in done.stderr) == (3, True)


def test_listen_address(plugin: Plugin) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        held = taken.getsockname()[1]
        plugin.token(f"--listen-address=127.0.0.1:{held},127.0.0.1:{port}")
    assert plugin.request["redirect_uri"] == f"http://localhost:{port}"


def test_oidc_redirect_url(plugin: Plugin) -> None:
    port = free_port()
    plugin.token(f"--oidc-redirect-url=http://127.0.0.1:{port}/callback", f"--listen-address=127.0.0.1:{port}")
    assert plugin.request["redirect_uri"] == f"http://127.0.0.1:{port}/callback"
    assert plugin.browser.last_page.status == 200


def test_oidc_redirect_url_hostname(plugin: Plugin) -> None:
    plugin.token("--oidc-redirect-url-hostname=127.0.0.1")
    assert plugin.request["redirect_uri"].startswith("http://127.0.0.1:")


def visiting(tmp_path: Path) -> tuple[Path, Path]:
    """A program that logs in at the address it is given, and the file it notes its visits in."""
    program, log = tmp_path / "my browser", tmp_path / "visited"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.support.visit log-in "{log}" "$1"\n')
    program.chmod(0o700)
    return program, log


def test_browser_command(plugin: Plugin, process: Run, tmp_path: Path) -> None:
    program, log = visiting(tmp_path)
    done = process(
        *plugin.words(f"--browser-command={program}"), PYTHONPATH=str(ROOT), TOGETHERCTL_BROWSER="/no/such/browser"
    )
    assert (done.code, log.read_text()) == (0, "visited\n"), done.stderr


def test_skip_open_browser(plugin: Plugin, process: Run, tmp_path: Path) -> None:
    program, log = visiting(tmp_path)
    done = process(
        *plugin.words("--skip-open-browser", "--authentication-timeout-sec=1", f"--browser-command={program}"),
        PYTHONPATH=str(ROOT),
    )
    assert (done.code, log.exists()) == (3, False)
    assert f"Open this address in your browser:\n\n  {plugin.issuer.url}/authorize?" in done.stderr


def test_local_server_cert(plugin: Plugin, authority: trustme.CA, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(folder / "c.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "k.pem"))
    port = free_port()
    plugin.browser.answer = lambda request: over_tls(authority, plugin.issuer.log_in(request), plugin)
    plugin.token(
        f"--local-server-cert={folder}/c.pem",
        f"--local-server-key={folder}/k.pem",
        f"--listen-address=127.0.0.1:{port}",
    )
    assert plugin.request["redirect_uri"] == f"https://localhost:{port}"


test_local_server_key = test_local_server_cert


def over_tls(authority: trustme.CA, url: str, plugin: Plugin) -> str:
    """Be sent back to an https address, as a browser that trusts the authority; nothing is left to visit."""
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    context = ssl.create_default_context()
    authority.configure_trust(context)
    with build_opener(ProxyHandler({}), HTTPSHandler(context=context)).open(url, timeout=10) as page:
        assert page.status == 200
    assert plugin.browser.opened
    return ""


def test_open_url_after_authentication(plugin: Plugin) -> None:
    plugin.token("--open-url-after-authentication=https://example.com/success")
    assert "url=https://example.com/success" in plugin.browser.last_page.text


def test_oidc_auth_request_extra_params(plugin: Plugin) -> None:
    plugin.token(
        "--oidc-auth-request-extra-params", "ttl=86400", "--oidc-auth-request-extra-params=reauth=false,prompt=consent"
    )
    # What kubelogin adds for everyone is there, too.
    wanted = {"ttl": "86400", "reauth": "false", "prompt": "consent", "access_type": "offline"}
    assert {name: plugin.request.get(name) for name in wanted} == wanted


def test_username(plugin: Plugin) -> None:
    password = plugin.issuer.passwords["me"]
    plugin.token("--username=me", f"--password={password}", CI="1")
    [asked] = plugin.asked("/token")
    assert (asked.form["grant_type"], asked.form["username"]) == ("password", "me")
    assert asked.form["scope"] == "openid"
    assert "access_type" not in asked.form
    assert plugin.browser.opened == []


def test_password(plugin: Plugin) -> None:
    password = plugin.issuer.passwords["me"]
    words = ("--username=me", f"--password={password}")
    done = plugin.run(*words)
    assert done.stderr.count("a password on the command line can be seen by everyone on this machine") == 1
    assert password not in done.stderr
    # It is said where the password is used, not at every kubectl.
    assert plugin.run(*words).stderr == ""
    wrong = plugin.run("--username=me", "--password=wrong", "--oidc-extra-scope=email")
    assert (wrong.code, "the user name or the password is wrong" in wrong.stderr) == (5, True)


@pytest.mark.parametrize(
    "words",
    [
        [f"--{name}" for name in sorted(LOG_SWITCHES)],
        [f"--{name}=1" for name in sorted(LOG_VALUES)],
        [word for name in sorted(LOG_VALUES) for word in (f"--{name}", "1")],
    ],
)
def test_flags_of_the_log_do_nothing(plugin: Plugin, words: list[str]) -> None:
    plugin.token()
    assert plugin.run(*words).stderr == ""


@pytest.mark.parametrize("words", [["-v1"], ["-v=1"], ["-v", "1"], ["--v=1"], ["--v", "1"], ["-v"]])
def test_the_level_of_the_log(plugin: Plugin, words: list[str]) -> None:
    done = plugin.run(*words)
    assert done.code == 0
    assert f"POST {plugin.issuer.url}/token" in done.stderr


# The form as a whole


def test_the_answer_is_v1beta1_unless_kubectl_asks_for_another(plugin: Plugin) -> None:
    assert json.loads(plugin.run().stdout)["apiVersion"] == "client.authentication.k8s.io/v1beta1"
    done = plugin.run(KUBERNETES_EXEC_INFO=V1)
    assert json.loads(done.stdout)["apiVersion"] == "client.authentication.k8s.io/v1"
    assert done.stdout.count("\n") == 1


def test_no_store_is_needed_and_a_broken_one_does_no_harm(plugin: Plugin, store: object) -> None:
    assert callable(store)
    store("this is [no TOML")
    assert plugin.token()


def test_a_stale_token_is_served_and_a_due_one_refreshed_by_whoever_asks(plugin: Plugin) -> None:
    """There is no profile another process could be asked to refresh, and no ready file anybody could ask for."""
    spawned: list[object] = []
    run = plugin.cli_in(
        program=PLUGIN,
        open_browser=plugin.browser,
        clock=plugin.clock,
        sleep=plugin.clock.sleep,
        refresh_behind=lambda *given: spawned.append(given),
    )
    first = run(*plugin.words()).stdout
    plugin.clock.advance(245)  # of 300 s: stale
    assert json.loads(run(*plugin.words()).stdout)["status"]["token"] == json.loads(first)["status"]["token"]
    assert plugin.issuer.counts["/token"] == 1
    plugin.clock.advance(30)  # in the last tenth: due
    assert json.loads(run(*plugin.words()).stdout)["status"]["token"] != json.loads(first)["status"]["token"]
    assert plugin.issuer.counts["/token"] == 2
    assert spawned == []
    assert not (plugin.home / "tctl" / "cache" / "ready").exists()


def test_parallel_calls_open_one_tab(plugin: Plugin, process: Run, tmp_path: Path) -> None:
    program, log = visiting(tmp_path)
    done: list[Done] = []
    words = plugin.words(f"--browser-command={program}")
    threads = [threading.Thread(target=lambda: done.append(process(*words, PYTHONPATH=str(ROOT)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.code for one in done] == [0] * 4
    assert len({one.stdout for one in done}) == 1
    assert log.read_text() == "visited\n"


def test_forced_refreshes_at_once_are_one(plugin: Plugin, environ: dict[str, str]) -> None:
    old = plugin.token()
    gate = plugin.issuer.gates["/token"] = Gate()
    command = [sys.executable, "-m", "togetherctl", *plugin.words("--force-refresh")]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with start() as first:
        gate.wait_for_somebody()
        with start() as second:
            assert second.stderr is not None
            assert "Waiting for another togetherctl that is busy with client the-client." in second.stderr.readline()
            gate.open()
            tokens = {json.loads(one.communicate(timeout=60)[0])["status"]["token"] for one in (first, second)}
    assert len(tokens - {old}) == 1
    assert plugin.issuer.counts["/token"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--profile", "acme", "--oidc-client-id=x"], "--profile already says what --oidc-client-id would"),
        (["--oidc-issuer-url=https://a.example"], "--oidc-client-id is missing"),
        ([], "--oidc-issuer-url is missing"),
        (["--oidc-isuer-url=x"], "did you mean --oidc-issuer-url?"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_a_way_out(words: list[str], said: str, cli_in: CliIn) -> None:
    done = cli_in(program=PLUGIN)("get-token", *words)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_named_profile_can_be_refreshed_by_force_too(acme: Path, plugin: Plugin, cli_in: CliIn) -> None:
    assert acme.exists()
    run = cli_in(program=PLUGIN, open_browser=plugin.browser, clock=plugin.clock)
    first = run("get-token", "--profile=acme", "--logtostderr")
    plugin.clock.advance(1)
    second = run("get-token", "--profile", "acme", "--force-refresh")
    assert (first.code, second.code) == (0, 0), second.stderr
    assert first.stdout != second.stdout
    assert len(plugin.browser.opened) == 1
