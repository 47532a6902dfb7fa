"""The profile without a name: what flags make of it, and what is refused by the flag's own name."""

from __future__ import annotations

from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import WriteConfig
from togetherctl.config.profile import Loopback, Profile
from togetherctl.errors import UsageError
from togetherctl.kubelogin.flags import parse
from togetherctl.kubelogin.profile import profile_of

if TYPE_CHECKING:
    from togetherctl.config.config import Config

ISSUER = "https://login.example.com"
PEM = b64encode(b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n").decode()


def made(*words: str, command: Any = "get-token", **environ: str) -> Profile:
    flags = parse([f"--oidc-issuer-url={ISSUER}", "--oidc-client-id=kube", *words])
    return profile_of(flags, {"HOME": "/home/me", **environ}, command=command)


def test_the_defaults() -> None:
    profile = made()
    assert (profile.name, profile.called) == ("", "client kube")
    assert (profile.issuer.url, profile.client_id, profile.scopes) == (ISSUER, "kube", ("openid",))
    assert (profile.grant, profile.pkce, profile.storage, profile.token) == ("authcode", "auto", "file", "id")
    assert profile.offline_access == "never"
    assert profile.auth_params == {"access_type": "offline"}
    assert profile.loopbacks == (Loopback("http://localhost:8000"), Loopback("http://localhost:18000"))
    assert (profile.secret, profile.password, profile.browser, profile.sessions) == (None, None, None, None)
    assert (profile.login_timeout, profile.may_log_in) == (180.0, True)


@pytest.mark.parametrize(
    ("words", "grant"),
    [
        ([], "authcode"),
        (["--username=me"], "password"),
        (["--grant-type=authcode", "--username=me"], "authcode"),
        (["--grant-type=authcode-keyboard"], "paste"),
        (["--grant-type=password"], "password"),
        (["--grant-type=device-code"], "device-code"),
        (["--grant-type=client-credentials"], "client-credentials"),
    ],
)
def test_grants_are_kubelogins(words: list[str], grant: str) -> None:
    assert made(*words).grant == grant


@pytest.mark.parametrize("place", ["SSH_CONNECTION", "container"])
def test_auto_does_not_look_around(place: str) -> None:
    assert made(**{place: "yes"}).grant == "authcode"


@pytest.mark.parametrize(
    ("words", "loopbacks"),
    [
        (["--listen-address=127.0.0.1:9"], [("http://localhost:9", "127.0.0.1:9")]),
        (["--listen-address=127.0.0.1:0"], [("http://localhost:0", "127.0.0.1:0")]),
        (["--listen-address=:9"], [("http://localhost:9", "0.0.0.0:9")]),
        (["--listen-address=[::1]:9"], [("http://localhost:9", "[::1]:9")]),
        (["--listen-address="], [("http://localhost:0", "127.0.0.1:0")]),
        (
            ["--oidc-redirect-url=http://me.example:8000/"],
            [("http://me.example:8000/", "127.0.0.1:8000"), ("http://me.example:8000/", "127.0.0.1:18000")],
        ),
        (
            ["--oidc-redirect-url-hostname=me.example"],
            [("http://me.example:8000", "127.0.0.1:8000"), ("http://me.example:18000", "127.0.0.1:18000")],
        ),
        (
            ["--local-server-cert=c", "--local-server-key=k"],
            [("https://localhost:8000", None), ("https://localhost:18000", None)],
        ),
        (["--local-server-cert=c"], [("http://localhost:8000", None), ("http://localhost:18000", None)]),
    ],
)
def test_where_the_browser_comes_back_to(words: list[str], loopbacks: list[tuple[str, str | None]]) -> None:
    assert [(place.redirect_uri, place.listen) for place in made(*words).loopbacks] == loopbacks


@pytest.mark.parametrize(
    ("words", "used"),
    [
        ([], "from the environment"),
        (["--oidc-pkce-method=auto"], "from the environment"),
        (["--oidc-pkce-method=no"], "from the environment"),
        (["--oidc-use-pkce=false"], "from the environment"),
        (["--oidc-pkce-method=S256"], None),
        (["--oidc-use-pkce"], None),
        (["--oidc-use-pkce", "--oidc-client-secret=typed"], "typed"),
        (["--oidc-client-secret=typed"], "typed"),
    ],
)
def test_the_secret_of_the_environment_stays_away_where_s256_is_forced(words: list[str], used: str | None) -> None:
    secret = made(*words, OIDC_CLIENT_SECRET="from the environment").secret
    assert (secret() if secret else None) == used


@pytest.mark.parametrize("command", ["setup", "standalone"])
def test_only_get_token_takes_the_secret_of_the_environment_and_keeps_sessions(command: str) -> None:
    profile = made(command=command, OIDC_CLIENT_SECRET="from the environment")
    assert (profile.secret, profile.storage) == (None, "memory")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    profile = made(
        "--certificate-authority=~/ca.pem",
        "--certificate-authority=here.pem",
        "--local-server-cert=~/c.pem",
        "--local-server-key=~k.pem",
        "--token-cache-dir=~/cache",
    )
    assert profile.issuer.connection.ca_files == (Path("/home/me/ca.pem"), tmp_path / "here.pem")
    assert profile.certificate == (Path("/home/me/c.pem"), Path("/home/me/k.pem"))
    assert profile.sessions == Path("/home/me/cache")
    assert made("--token-cache-dir=~").sessions == Path("/home/me")


@pytest.mark.parametrize(
    ("words", "environ", "folder"),
    [
        (["--token-cache-dir=/a"], {"KUBECACHEDIR": "/b"}, "/a"),
        ([], {"KUBECACHEDIR": "/b"}, "/b/oidc-login"),
        ([], {"KUBECACHEDIR": ""}, None),
        (["--token-cache-dir=/a", "--token-cache-storage=keyring"], {}, "/a/keyring"),
        (["--token-cache-storage=keyring"], {"TOGETHERCTL_HOME": "/t"}, "/t/state/sessions/keyring"),
    ],
)
def test_the_folder_of_the_sessions(words: list[str], environ: dict[str, str], folder: str | None) -> None:
    assert made(*words, **environ).sessions == (Path(folder) if folder else None)


def test_several_authorities_become_one_bundle() -> None:
    [_, bundle] = [made(*[f"--certificate-authority-data={PEM}"] * count).issuer.connection.ca_data for count in (1, 2)]
    assert made(f"--certificate-authority-data={PEM}").issuer.connection.ca_data == PEM
    assert b64decode(bundle or "").count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("grant", ["password", "device-code"])
def test_extra_parameters_go_where_kubelogin_sends_them(grant: str) -> None:
    words = ["--oidc-auth-request-extra-params=ttl=1", f"--grant-type={grant}"]
    assert made(*words).auth_params == {}
    assert made(*words[:1], "--grant-type=client-credentials").auth_params == {"ttl": "1"}
    assert made(*words[:1], "--grant-type=authcode-keyboard").auth_params == {"access_type": "offline", "ttl": "1"}


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["--listen-address=127.0.0.1:9", "--oidc-redirect-url=http://localhost:9"], True),
        (["--token-cache-storage=keyring", "--oidc-use-access-token", "--force-refresh", "--username="], True),
        (["--oidc-client-secret=x", "--skip-open-browser", "--oidc-extra-scope=openid"], True),
        (["--grant-type=device-code"], True),
        (["--oidc-extra-scope=email"], False),
        (["--username=me"], False),
        (["--oidc-request-header=Origin=x"], False),
        (["--oidc-auth-request-extra-params=audience=x"], False),
        (["--insecure-skip-tls-verify"], False),
        (["--certificate-authority=/a.pem"], False),
    ],
)
def test_whose_session_it_is(words: list[str], same: object) -> None:
    assert (made(*words).key == made().key) == same


def test_a_profile_in_the_config_with_the_same_identity_shares_the_session(
    write_config: WriteConfig, environ: dict[str, str]
) -> None:
    from togetherctl.config.config import Config

    path = write_config(
        f'issuers.a.url = "{ISSUER}"\n[profiles.a]\nissuer = "a"\nclient_id = "kube"\n'
        'scopes = ["openid", "email"]\noffline_access = "never"\n'
    )
    loaded: Config = Config.load(path, environ)
    assert made("--oidc-extra-scope=email").key == loaded.profile("a").key


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--oidc-issuer-url="], "--oidc-issuer-url is missing"),
        (["--oidc-client-id="], "--oidc-client-id is missing"),
        (["--oidc-issuer-url=http://login.example.com"], "--oidc-issuer-url must begin with https://"),
        (["--oidc-extra-scope=two words"], "--oidc-extra-scope must be one word"),
        (["--oidc-auth-request-extra-params=state=x"], "--oidc-auth-request-extra-params togetherctl sets this"),
        (["--oidc-request-header=Origin= x"], "--oidc-request-header must be printable ASCII text"),
        (["--certificate-authority-data=x"], "--certificate-authority-data must be a PEM certificate in base64"),
        (
            ["--certificate-authority-data=x", f"--certificate-authority-data={PEM}"],
            "--certificate-authority-data must be a PEM certificate in base64",
        ),
        (["--certificate-authority="], "--certificate-authority must not be empty"),
        (["--listen-address=8000"], "--listen-address must look like 127.0.0.1:8000"),
        (["--authentication-timeout-sec=0"], "--authentication-timeout-sec must be at least 1"),
        (["--open-url-after-authentication=javascript:x"], "--open-url-after-authentication must be a URL like"),
        (["--oidc-redirect-url=localhost"], "--oidc-redirect-url must look like http://localhost:8000"),
        (["--oidc-redirect-url=http://localhost/#x"], "--oidc-redirect-url must be a URI without"),
        (["--oidc-redirect-url=urn:ietf:wg:oauth:2.0:oob"], "--oidc-redirect-url is no address that a browser"),
    ],
)
def test_what_cannot_be_is_said_by_the_flags_name(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        made(*words)
    assert said in refused.value.message


def test_a_code_shown_on_a_page_can_be_pasted() -> None:
    profile = made("--grant-type=authcode-keyboard", "--oidc-redirect-url=urn:ietf:wg:oauth:2.0:oob")
    assert profile.loopbacks[0].redirect_uri == "urn:ietf:wg:oauth:2.0:oob"


def test_the_command_that_logs_in_bears_no_secret_and_can_be_copied() -> None:
    profile = made("--oidc-client-secret=hush", "--password=sesame", "--username=me and you", "--force-refresh")
    assert str(profile.ways.login) == (
        f"kubectl together-login get-token --oidc-issuer-url={ISSUER} --oidc-client-id=kube "
        "--oidc-client-secret=SECRET '--username=me and you' > /dev/null"
    )
    assert not [secret for secret in ("hush", "sesame") if secret in repr(profile)]
    long = made(f"--certificate-authority-data={b64encode(b64decode(PEM) * 20).decode()}")
    assert long.ways.login.text == "run the command of your kubeconfig in a terminal"


@pytest.mark.parametrize(("value", "may"), [("never", False), ("auto", True), ("", True)])
def test_the_environment_may_forbid_logins_and_name_a_browser(value: str, may: object) -> None:
    assert made(TOGETHERCTL_LOGIN=value).may_log_in == may
    assert made(TOGETHERCTL_BROWSER="firefox -P work").browser == ("firefox", "-P", "work")
    assert made("--browser-command=/opt/my browser", TOGETHERCTL_BROWSER="firefox").browser == ("/opt/my browser",)
    assert made("--skip-open-browser", TOGETHERCTL_BROWSER="firefox").browser is False
