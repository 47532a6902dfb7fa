"""A test for each flag of kubelogin's `get-token`: its effect at the issuer, in the browser or on disk."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, CliIn, Run, UseKeyring, WriteConfig
from tests.support.issuer import Reply
from tests.support.keyrings import InMemory
from tests.support.plugin import Plugin, visiting
from togetherctl.kubelogin.flag_table import flags_of

if TYPE_CHECKING:
    import trustme

    from tests.support.canary import Canary

SECRET = "a-secret-that-is-typed"


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
    plugin: Plugin, use_keyring: UseKeyring, write_config: WriteConfig, cli_in: CliIn
) -> None:
    use_keyring(InMemory())
    write_config(
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
    assert (done.code, "the login was not finished within 1 s" in done.stderr) == (3, True)


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
    assert done.stderr.count("everyone on this machine can see a password on the command line") == 1
    assert password not in done.stderr
    # It is said where the password is used, not at every kubectl.
    assert plugin.run(*words).stderr == ""
    wrong = plugin.run("--username=me", "--password=wrong", "--oidc-extra-scope=email")
    assert (wrong.code, "the user name or the password is wrong" in wrong.stderr) == (5, True)
