"""What a certified provider's metadata promises, and what is really to be had there."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, Run
from tests.real.conftest import watched
from tests.support.provider import CLIENT_ID, certified_provider

if TYPE_CHECKING:
    from tests.support.canary import Canary


@pytest.fixture
def person(environ: dict[str, str], home: Path, canary: Canary) -> Iterator[dict[str, str]]:
    """The environment of a person whose browser logs in."""
    browser = shlex.join([sys.executable, "-m", "tests.support.person", "me", "{url}"])
    yield {**environ, "PYTHONPATH": str(ROOT), "TOGETHERCTL_BROWSER": browser}
    watched(home, canary)


def test_a_provider_that_takes_only_pushed_requests(process: Run, cli: Run, person: dict[str, str]) -> None:
    with certified_provider(lifetime=300, par=True) as issuer:
        checked = cli("issuer", "check", issuer, "--client-id", CLIENT_ID)
        assert checked.code == 0, checked.stdout
        assert "authorization requests are pushed to it first, as it wants (RFC 9126)" in checked.stdout
        assert cli("profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID).code == 0
        done = process("login", **person)
        assert "Logged in as me@example.com" in done.stderr, done.stderr
        assert process("refresh", **person).code == 0


def test_a_refresh_token_that_comes_with_consent_alone(
    process: Run, cli: Run, person: dict[str, str], issuer: str, home: Path
) -> None:
    assert cli("profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID).code == 0
    config = home / "tctl" / "config.toml"
    # Its metadata tells what it is, so that a new profile asks as it wants to be asked.
    assert 'preset = "oidc-provider"' in config.read_text()
    assert "then refreshed by itself" in process("login", **person).stderr

    # Of a provider that is not recognised, the scope it left out is named, and what helps.
    assert cli("issuer", "unset", "acme", "preset").code == 0
    done = process("login", "--force", **person)
    assert "Logged in as me@example.com" in done.stderr, done.stderr
    assert "left out the scope offline_access" in done.stderr
    assert 'auth_params = { prompt = "consent" } in the profile' in done.stderr
    assert cli("profile", "set", "acme", "auth_params.prompt=consent").code == 0
    assert "then refreshed by itself" in process("login", "--force", **person).stderr
