"""From the file to what a login works with: names looked up, paths expanded, presets and overrides applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import WriteConfig
from togetherctl.config.config import Config
from togetherctl.config.profile import Loopback
from togetherctl.errors import ConfigError, UsageError

FULL = """version = 1
default_profile = "acme"

[issuers.acme]
url = "https://login.example.com/"
ca_file = ["~/ca.pem", "more.pem", "/etc/ca.pem"]
proxy = "http://proxy.example:3128"
request_headers = { X-Access = "the-access-header" }

[profiles.acme]
issuer = "acme"
client_id = "one"
scopes = ["email", "openid", "groups", "email"]
listen_cert_file = "tls.pem"
listen_key_file = "tls.key"
redirect_uris = ["https://localhost:8000", "https://localhost:18000"]
listen = ["127.0.0.1:9000"]
browser = ["firefox", "{url}"]
login = "never"
pkce = "no"

[profiles.plain]
issuer = "acme"
client_id = "one"

[profiles.google]
issuer = "google"
client_id = "two"
auth_params = { prompt = "consent" }

[issuers.google]
url = "https://accounts.google.com"

[clusters.east]
profile = "acme"
server = "https://203.0.113.7:6443"
ca_file = "east.pem"

[clusters.west]
profile = "acme"
server = "https://203.0.113.8:6443"
context = "the-west"
"""


@pytest.fixture
def load(write_config: WriteConfig, environ: dict[str, str]) -> Callable[..., Config]:
    path = write_config(FULL)
    return lambda **changes: Config.load(path, {**environ, **changes})


def test_a_profile_has_everything_in_one_place(load: Callable[..., Config], home: Path) -> None:
    profile = load().profile("acme")
    assert profile.issuer.url == "https://login.example.com/"
    folder = home / "tctl"
    connection = profile.issuer.connection
    assert [str(path) for path in connection.ca_files] == [f"{home}/ca.pem", f"{folder}/more.pem", "/etc/ca.pem"]
    assert connection.proxy == "http://proxy.example:3128"
    assert profile.scopes == ("openid", "email", "groups")
    assert profile.certificate == (folder / "tls.pem", folder / "tls.key")
    assert profile.loopbacks == (
        Loopback("https://localhost:8000", "127.0.0.1:9000"),
        Loopback("https://localhost:18000"),
    )
    assert (profile.browser, profile.may_log_in, profile.pkce) == (("firefox", "{url}"), False, "no")
    assert "the-access-header" not in repr(profile)


def test_defaults_are_the_registered_ports_and_pkce(load: Callable[..., Config]) -> None:
    profile = load().profile("plain")
    assert profile.loopbacks == (Loopback("http://localhost:8000"), Loopback("http://localhost:18000"))
    assert (profile.scopes, profile.pkce, profile.browser) == (("openid", "email"), "S256", None)
    assert (profile.login_timeout, profile.margin) == (180, 60)


def test_a_known_issuer_brings_its_preset(load: Callable[..., Config]) -> None:
    profile = load().profile("google")
    assert profile.offline_access == "never"
    assert profile.auth_params == {"access_type": "offline", "prompt": "consent"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [({}, "acme"), ({"TOGETHERCTL_PROFILE": "plain"}, "plain"), ({"TOGETHERCTL_PROFILE": ""}, "acme")],
)
def test_the_profile_that_is_meant(changes: dict[str, str], name: str, load: Callable[..., Config]) -> None:
    assert load(**changes).profile().name == name


def test_the_only_profile_is_meant(write_config: WriteConfig, environ: dict[str, str]) -> None:
    path = write_config('[issuers.a]\nurl = "https://x"\n[profiles.only]\nissuer = "a"\nclient_id = "x"\n')
    assert Config.load(path, environ).profile().name == "only"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no profile in"),
        (FULL.replace("default_profile", "# "), "which profile? There are acme, plain, google"),
    ],
)
def test_no_profile_is_meant(text: str, said: str, write_config: WriteConfig, environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")) as error:
        Config.load(write_config(text), environ).profile()
    assert error.value.remedy


def test_an_unknown_name_brings_the_nearest(load: Callable[..., Config]) -> None:
    with pytest.raises(UsageError, match=r"there is no profile acmee; did you mean acme\?"):
        load().profile("acmee")
    with pytest.raises(UsageError, match=r"there is no cluster easy; did you mean east\?"):
        load().cluster("easy")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TOGETHERCTL_LOGIN", "nevr", "the environment variable TOGETHERCTL_LOGIN must be auto or never"),
        ("TOGETHERCTL_BROWSER", "firefox 'x", "TOGETHERCTL_BROWSER is not a command line: no closing quotation"),
    ],
)
def test_a_wrong_override_is_said(variable: str, value: str, said: str, load: Callable[..., Config]) -> None:
    with pytest.raises(ConfigError, match=said):
        load(**{variable: value}).profile("plain")


def test_the_environment_overrides_the_config(load: Callable[..., Config]) -> None:
    overridden = load(TOGETHERCTL_LOGIN="never", TOGETHERCTL_BROWSER="'my browser' --new {url}").profile("plain")
    assert (overridden.may_log_in, overridden.browser) == (False, ("my browser", "--new", "{url}"))
    assert load(TOGETHERCTL_LOGIN="auto").profile("acme").may_log_in


def test_only_the_three_variables_override(load: Callable[..., Config], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHERCTL_LOGIN", "never")
    assert load(TOGETHERCTL_CLIENT_ID="evil", CLIENT_ID="evil", login="never").profile("plain").may_log_in


def test_clusters_know_their_context_and_authority(load: Callable[..., Config], home: Path) -> None:
    east, west = load().clusters()
    assert (east.context, east.ca_file) == ("east", home / "tctl" / "east.pem")
    assert (west.context, west.ca_file) == ("the-west", None)
    assert load().clusters_of("acme") == ["east", "west"]


KEY = """[issuers.a]
url = "https://a.example.com"
[profiles.p]
issuer = "a"
client_id = "x"
"""
SAME = [
    'margin = 30\nlogin = "never"\nlogin_timeout = 60',
    'token = "access"',
    'storage = "memory"',
    'redirect_uris = ["http://localhost:1"]',
    'scopes = ["openid", "email"]',
    'scopes = ["email", "email"]',
    'grant = "authcode"',
    'grant = "device-code"',
    'client_secret = { env = "X" }',
    "browser = false",
]
OTHER = [
    'scopes = ["groups"]',
    'offline_access = "never"',
    'auth_params = { prompt = "login" }',
    'account = "me@acme.com"',
    'grant = "client-credentials"',
    'grant = "password"\nusername = "me"',
    'username = "me"',
]


@pytest.mark.parametrize("line", [*SAME, *OTHER])
def test_which_profiles_share_a_session(line: str, write_config: WriteConfig, environ: dict[str, str]) -> None:
    plain = Config.load(write_config(KEY), environ).profile("p").key
    assert len(plain) == 64
    assert (Config.load(write_config(f"{KEY}{line}\n"), environ).profile("p").key == plain) == (line in SAME)


@pytest.mark.parametrize(
    "line",
    [
        'proxy = "http://p:1"',
        'ca_file = "x.pem"',
        "insecure_skip_tls_verify = true",
        'request_headers = { X = "y" }',
    ],
)
def test_a_session_belongs_to_the_way_it_was_got(line: str, write_config: WriteConfig, environ: dict[str, str]) -> None:
    plain = Config.load(write_config(KEY), environ).profile("p").key
    other = Config.load(write_config(KEY.replace("[profiles", f"{line}\n[profiles")), environ).profile("p").key
    slash = Config.load(write_config(KEY.replace("example.com", "example.com/")), environ).profile("p").key
    assert len({plain, other, slash}) == 3


def test_the_order_of_tables_does_not_change_the_key(write_config: WriteConfig, environ: dict[str, str]) -> None:
    one = Config.load(write_config(f'{KEY}auth_params = {{ a = "1", b = "2" }}\n'), environ).profile("p")
    two = Config.load(write_config(f'{KEY}auth_params = {{ b = "2", a = "1" }}\n'), environ).profile("p")
    assert one.key == two.key
    assert replace(one, name="q").key == one.key


def test_two_configs_mean_different_authorities_by_one_name(
    write_config: WriteConfig, environ: dict[str, str], home: Path
) -> None:
    text = KEY.replace("[profiles", 'ca_file = "ca.pem"\n[profiles')
    path = write_config(text)
    other = home / "elsewhere" / "config.toml"
    other.parent.mkdir()
    other.write_text(text)
    other.chmod(0o600)
    assert Config.load(path, environ).profile("p").key != Config.load(other, environ).profile("p").key
    assert Config.load(path, environ).keys() == {"p": Config.load(path, environ).profile("p").key}
