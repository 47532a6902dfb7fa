"""The commands that make a profile again are run, and make the same profile."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.config.config import Config
from togetherctl.importing import export_commands
from togetherctl.importing.naming import name_from_url

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run, WriteConfig
    from togetherctl.config.profile import Profile

PROFILES = [
    "",
    'scopes = ["openid"]',
    'scopes = ["openid", "groups", "a:b"]',
    'grant = "device-code"\ntoken = "access"\npkce = "no"',
    'grant = "password"\nusername = "o\'brien; rm -rf $HOME"',
    'redirect_uris = ["http://localhost:9000/callback"]',
    'redirect_uris = ["http://localhost/callback"]\nlisten = ["127.0.0.1:9000", "127.0.0.1:9001"]',
    'auth_params = { "prompt" = "select_account", "a.b" = "\\"quoted\\" $(x)" }',
]
ISSUERS = ["", "insecure_skip_tls_verify = true", 'proxy = "http://proxy.acme.com:3128"']


def made(path: Path) -> Profile:
    return Config.load(path, {"HOME": "/nowhere"}).profile("acme")


@pytest.mark.parametrize("issuer_keys", ISSUERS)
@pytest.mark.parametrize("profile_keys", PROFILES)
def test_the_same_profile_comes_out(profile_keys: str, issuer_keys: str, write_config: WriteConfig, cli: Run) -> None:
    path = write_config(
        f"""version = 1
[issuers.acme]
url = "https://issuer.acme.com/x"
{issuer_keys}
[profiles.acme]
issuer = "acme"
client_id = "the client's"
{profile_keys}
"""
    )
    before = made(path)
    commands = export_commands.commands(before)
    path.unlink()
    for words in commands:
        # A proxy may hold a password, so it is left to the person.
        typed = [word.replace("proxy=URL", "proxy=http://proxy.acme.com:3128") for word in words[1:]]
        done = cli(*typed, "--offline")
        assert done.code == 0, done.stderr
    after = made(path)
    for field in fields(before):
        if field.name not in ("issuer", "secret", "password"):
            assert getattr(after, field.name) == getattr(before, field.name), field.name
    assert (after.issuer.url, after.issuer.connection) == (before.issuer.url, before.issuer.connection)


def test_a_secret_is_told_by_reference_only(write_config: WriteConfig, make_world: MakeWorld) -> None:
    write_config(
        """version = 1
[issuers.acme]
url = "https://issuer.acme.com"
request_headers = { X-Key = "a secret of theirs" }
[profiles.acme]
issuer = "acme"
client_id = "x"
client_secret = "hunter2 hunter2"
"""
    )
    words = str(export_commands.commands(make_world().config.profile("acme")))
    assert "hunter2" not in words
    assert "of theirs" not in words
    assert "request_headers.X-Key=VALUE" in words
    assert 'client_secret={ env = "OIDC_CLIENT_SECRET" }' in words


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("https://acme.okta.com/oauth2/default", "acme"),
        ("https://login.acme.com", "acme"),
        ("https://sso.auth.acme.co.uk/realms/x", "acme"),
        ("https://localhost:8443", "localhost"),
        ("https://login", "login"),
        ("https://[::1]:8443", "login"),
        ("https://127.0.0.1", "login"),
        ("https://identity.acme.com", "acme"),
        ("https://sso.example.com", "login"),
        ("https://keycloak.acme.com/realms/gpu", "acme"),
        ("https://login.microsoftonline.com/9c1d/v2.0", "entra"),
        ("https://accounts.google.com", "google"),
        ("https://dex.us-central-2a.cloud.together.ai/p", "together"),
    ],
)
def test_a_name_from_the_issuer(issuer: str, name: str) -> None:
    assert name_from_url(issuer) == name
