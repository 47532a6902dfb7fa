"""What a bundle may hold:

every key of the configuration is decided, and whatever is not for others is refused or left out.
"""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.importing.bundles.conftest import BUNDLE
from togetherctl.config.config import Config
from togetherctl.config.editing import TABLES, section
from togetherctl.config.models import ConfigTable
from togetherctl.config.toml_text import TomlText
from togetherctl.errors import ConfigError
from togetherctl.importing.bundle import LEFT_ABOVE, TAKEN, bundle_of, read
from togetherctl.importing.merge import KINDS

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run, WriteConfig
    from tests.support.canary import Canary
    from togetherctl.config.types import Kind

PEM = "-----BEGIN CERTIFICATE-----\nMIIBcluster\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIBnobodys\n-----END PRIVATE KEY-----\n"
NAMES: dict[Kind, str] = {"issuer": "acme", "profile": "acme", "cluster": "east"}

# A value for each key that stays out, as somebody would write it who means harm or does not know better.
FORBIDDEN: dict[tuple[Kind, str], list[Any]] = {
    ("issuer", "ca_file"): ["/etc/ca.pem", ["ca.pem"]],
    ("issuer", "insecure_skip_tls_verify"): [True, False],
    ("issuer", "proxy"): ["http://proxy.evil.example:3128"],
    ("issuer", "request_headers"): [{"X-Token": "value-of-a-header"}],
    ("profile", "client_secret"): [
        "a-client-secret-of-a-bundle",
        {"env": "HOME"},
        {"file": "~/.ssh/id_ed25519"},
        {"command": ["sh", "-c", "true"]},
        {"keyring": True},
    ],
    ("profile", "username"): ["me"],
    ("profile", "listen"): [["0.0.0.0:8000"]],
    ("profile", "listen_cert_file"): ["/etc/cert.pem"],
    ("profile", "listen_key_file"): ["/etc/key.pem"],
    ("profile", "open_url_after"): ["https://evil.example"],
    ("profile", "pkce"): ["no", "S256"],
    ("profile", "storage"): ["file"],
    ("profile", "account"): ["me@acme.com"],
    ("profile", "session"): ["me"],
    ("profile", "browser"): [["sh", "-c", "true"], False],
    ("profile", "login"): ["never"],
    ("profile", "login_timeout"): [60],
    ("profile", "margin"): [0],
    ("profile", "forward"): ["always", "ask", "never"],
    ("cluster", "ca_file"): ["/etc/ca.pem"],
    ("cluster", "proxy_url"): ["http://proxy.evil.example:3128"],
    ("cluster", "insecure_skip_tls_verify"): [True],
}
# Values that stay out of keys that may come.
FORBIDDEN_VALUES: list[tuple[Kind, str, Any]] = [
    ("issuer", "ca_data", base64.b64encode((PEM + KEY).encode()).decode()),
    ("cluster", "ca_data", base64.b64encode((KEY + PEM).encode()).decode()),
    ("issuer", "device_authorization_endpoint", "https://evil.example/device"),
    ("issuer", "device_authorization_endpoint", "https://acme.okta.com:8443/device"),
    ("issuer", "revocation_endpoint", "https://evil.example/revoke"),
    ("issuer", "revocation_endpoint", "https://acme.okta.com:8443/revoke"),
    ("profile", "auth_params", {"client_secret": "a-client-secret-of-a-bundle"}),
    ("profile", "auth_params", {"prompt": "login", "login_hint": "me@acme.com"}),
    ("profile", "redirect_uris", ["https://evil.example/callback"]),
    ("profile", "redirect_uris", ["http://localhost:8000", "https://localhost:8443"]),
]
# What does not pass the configuration's own rules is no better in a bundle.
WRONG: list[tuple[Kind, str, Any]] = [
    ("issuer", "url", "http://acme.okta.com"),
    ("issuer", "preset", "nobody"),
    ("profile", "issuer", "nobody"),
    ("profile", "redirect_uris", ["http://evil.example/callback"]),
    ("cluster", "server", "http://east.acme.com"),
    ("cluster", "server", "https://me:password@east.acme.com"),
    ("cluster", "exec", {"command": "sh"}),
    ("cluster", "context", "a\u202eb"),
]


def test_every_key_of_the_config_is_decided() -> None:
    left = {(kind, key) for kind in KINDS for key in set(TABLES[kind].model_fields) - TAKEN[kind]}
    sections = {section(kind) for kind in KINDS}
    assert {"version", *sections} | set(LEFT_ABOVE) == set(ConfigTable.model_fields)
    assert set(FORBIDDEN) == left


def changed(kind: Kind, key: str, value: Any) -> bytes:
    text = TomlText(BUNDLE)
    text.set((section(kind), NAMES[kind], key), value)
    return text.text.encode()


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [(*place, value) for place, values in FORBIDDEN.items() for value in values] + FORBIDDEN_VALUES + WRONG,
)
def test_what_is_not_allowed_is_refused(kind: Kind, key: str, value: Any, canary: Canary) -> None:
    for secret in ("a-client-secret-of-a-bundle", "value-of-a-header"):
        canary.watch("a secret in a bundle", secret)
    with pytest.raises(ConfigError, match=rf"team.toml:\d+: {section(kind)}.{NAMES[kind]}.{key}.*: ") as refused:
        read(changed(kind, key, value), origin="team.toml")
    assert refused.value.problems == []
    canary.saw("a refusal", refused.value.sentence())


@pytest.mark.parametrize("line", ['default_profile = "acme"', 'bundles.x = { source = "-", sha256 = "" }', "hook = 1"])
def test_nor_above_the_tables(line: str) -> None:
    key = line.partition(" ")[0].partition(".")[0]
    with pytest.raises(ConfigError, match=rf"team.toml:1: {key}: "):
        read(f"{line}\n{BUNDLE}".encode(), origin="team.toml")


def test_everything_is_said_at_once() -> None:
    text = TomlText(BUNDLE)
    for (kind, key), values in FORBIDDEN.items():
        text.set((section(kind), NAMES[kind], key), values[0])
    text.set(("clusters", "east", "server"), "nowhere")
    with pytest.raises(ConfigError, match=f"team.toml has {len(FORBIDDEN) + 1} problems") as refused:
        read(text.text.encode(), origin="team.toml")
    assert len(refused.value.problems) == len(FORBIDDEN) + 1
    assert "togetherctl profile export" in (str(refused.value.remedy or ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "holds no issuer, profile or cluster"),
        (b"version = 1", "holds no issuer, profile or cluster"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"  <!DOCTYPE html>", "is a web page"),
        (b"version = 1\nissuers = [", "team.toml:2: not TOML"),
        (b"version = 2", "written by a newer togetherctl"),
        (b"issuers = 7", "issuers: must be a table"),
        (b"[issuers]\nacme = 7", "issuers.acme: must be a table"),
        (b"[clusters.x]\nserver = 'https://x'", "clusters.x.profile: missing"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
)
def test_what_is_no_bundle_is_said(text: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(text, origin="team.toml")


def test_a_bundle_is_read_table_by_table() -> None:
    lonely = '\n[issuers.lab]\nurl = "https://lab.acme.com"\n\n[profiles.ci]\nissuer = "acme"\nclient_id = "ci"\n'
    bundle = read((BUNDLE + lonely).encode(), origin="team.toml")
    assert bundle.origin == "team.toml"
    assert list(bundle.tables) == [
        ("issuer", "acme"),
        ("issuer", "lab"),
        ("profile", "acme"),
        ("profile", "ci"),
        ("cluster", "east"),
        ("cluster", "west"),
    ]
    assert bundle.tables["profile", "ci"] == {"issuer": "acme", "client_id": "ci"}
    assert bundle.tables["cluster", "east"]["namespace"] == "training"
    assert [skipped.name for skipped in bundle.unused()] == ["issuer lab"]


@pytest.fixture
def rich_config(write_config: WriteConfig, authority: trustme.CA, tmp_path: Path, canary: Canary) -> Path:
    """A configuration with every key that a bundle leaves out, and a CA file that a key was left in."""
    pem = authority.cert_pem.bytes().decode()
    own = authority.issue_cert("localhost").private_key_pem.bytes().decode()
    for line in own.splitlines()[1:-1]:
        canary.watch("a line of a private key", line)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "ca.pem").write_text(f"Subject: us\n{pem}{own}", encoding="utf-8")
    secret = canary.watch("a client secret", "correct-horse-battery")
    header = canary.watch("a header", "value-of-a-header")
    person = canary.watch("a person", "somebody@acme.com")
    path = write_config(f"""version = 1
default_profile = "acme"

[issuers.acme]
url = "https://acme.okta.com/oauth2/default"
preset = "okta"
ca_file = ["{tmp_path}/secrets/ca.pem"]
ca_data = "{base64.b64encode(PEM.encode()).decode()}"
insecure_skip_tls_verify = true
proxy = "http://proxy.acme.com:3128"
request_headers = {{ X-Token = "{header}" }}
device_authorization_endpoint = "https://acme.okta.com/device"
client_auth = "post"

[issuers.other]
url = "https://other.example"

[profiles.acme]
issuer = "acme"
client_id = "0oa1b2c3d4"
client_secret = "{secret}"
scopes = ["openid", "email", "groups"]
offline_access = "always"
grant = "device-code"
redirect_uris = ["https://localhost:8443"]
listen = ["127.0.0.1:8443"]
listen_cert_file = "/c.pem"
listen_key_file = "/k.pem"
token = "access"
storage = "keyring"
account = "{person}"
auth_params = {{ audience = "kube", login_hint = "{person}" }}
browser = ["firefox", "{{url}}"]
login = "never"
margin = 30

[profiles.other]
issuer = "other"
client_id = "kube"

[clusters.east]
profile = "acme"
server = "https://203.0.113.7:6443"
ca_file = "{tmp_path}/secrets/ca.pem"
tls_server_name = "east"
proxy_url = "http://proxy.acme.com:3128"
context = "prod"
username_claim = "email"
username_prefix = "oidc:"
groups_claim = "groups"
groups_prefix = ""
together_cluster_id = "0b6d1f6a"

[clusters.else]
profile = "other"
server = "https://kube.other.example"
""")
    path.rename(tmp_path / "secrets" / "config.toml")
    return tmp_path / "secrets" / "config.toml"


def test_what_is_exported_can_be_taken(rich_config: Path, cli: Run, canary: Canary, authority: trustme.CA) -> None:
    done = cli("profile", "export", "acme", TOGETHERCTL_CONFIG=str(rich_config))
    assert done.code == 0, done.stderr
    assert not canary.leaks()
    data = tomllib.loads(done.stdout)
    pem = authority.cert_pem.bytes().decode()
    assert data.pop("version") == 1
    assert base64.b64decode(data["issuers"]["acme"].pop("ca_data")).decode() == pem + PEM
    assert base64.b64decode(data["clusters"]["east"].pop("ca_data")).decode() == pem
    assert data == {
        "issuers": {
            "acme": {
                "url": "https://acme.okta.com/oauth2/default",
                "preset": "okta",
                "device_authorization_endpoint": "https://acme.okta.com/device",
                "client_auth": "post",
            }
        },
        "profiles": {
            "acme": {
                "issuer": "acme",
                "client_id": "0oa1b2c3d4",
                "scopes": ["openid", "email", "groups"],
                "offline_access": "always",
                "grant": "device-code",
                "token": "access",
                "auth_params": {"audience": "kube"},
            }
        },
        "clusters": {
            "east": {
                "profile": "acme",
                "server": "https://203.0.113.7:6443",
                "tls_server_name": "east",
                "context": "prod",
                "username_claim": "email",
                "username_prefix": "oidc:",
                "groups_claim": "groups",
                "groups_prefix": "",
                "together_cluster_id": "0b6d1f6a",
            }
        },
    }
    assert list(read(done.stdout.encode(), origin="team.toml").config.clusters) == ["east"]


def test_what_is_left_out_is_said(rich_config: Path, cli: Run) -> None:
    said = cli("profile", "export", "acme", TOGETHERCTL_CONFIG=str(rich_config)).stderr
    assert "Left out of the configuration: default_profile." in said
    assert "Left out of issuer acme: insecure_skip_tls_verify, proxy, request_headers." in said
    assert "Left out of cluster east: proxy_url." in said
    (profile,) = [line for line in said.splitlines() if line.startswith("Left out of profile acme: ")]
    lost = profile.removeprefix("Left out of profile acme: ").rstrip(".").split(", ")
    assert set(lost) == {
        "client_secret",
        "redirect_uris",
        "listen",
        "listen_cert_file",
        "listen_key_file",
        "storage",
        "account",
        "auth_params.login_hint",
        "browser",
        "login",
        "margin",
    }
    assert "togetherctl profile secret NAME" in said


def test_without_names_all_is_exported_and_comes_back_the_same(cli: Run, write_config: WriteConfig) -> None:
    path = write_config(BUNDLE)
    done = cli("profile", "export")
    assert (done.code, done.stderr) == (0, "")
    again = tomllib.loads(done.stdout)
    assert again == tomllib.loads(BUNDLE)
    bundle = read(done.stdout.encode(), origin="team.toml")
    assert {key: dict(table) for key, table in bundle.tables.items()} == {
        (kind, name): table for kind in KINDS for name, table in again[section(kind)].items()
    }
    assert bundle_of(Config.load(path, {}), (), {}).text == done.stdout


def test_an_export_that_cannot_be_made_is_said(cli: Run, write_config: WriteConfig, tmp_path: Path) -> None:
    assert cli("profile", "export").code == 2
    write_config(BUNDLE.replace('namespace = "training"', f'ca_file = "{tmp_path}/none.pem"'))
    done = cli("profile", "export")
    assert (done.code, done.stdout) == (2, "")
    assert "none.pem cannot be read" in done.stderr
    (tmp_path / "none.pem").write_text(KEY, encoding="utf-8")
    assert "holds no PEM certificate" in cli("profile", "export").stderr
    assert "there is no profile acmee; did you mean acme?" in cli("profile", "export", "acmee").stderr
