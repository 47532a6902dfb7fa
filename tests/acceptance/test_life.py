"""What the acceptance run says of providers that can do less, or do it wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.__main__ import main
from tests.acceptance.life import Life
from tests.acceptance.report import Report
from tests.support.issuer import Reply, ScriptedIssuer

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary

pytestmark = pytest.mark.usefixtures("acme")
Live = Callable[[], tuple[bool, dict[str, str]]]


@pytest.fixture
def live(make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary) -> Live:
    """Go through it all; whether nothing failed, and what is said of each step."""

    def live() -> tuple[bool, dict[str, str]]:
        lines: list[str] = []
        world = make_world(browser=browser)
        passed = Life(world, world.config.profile("acme"), Report(lines.append)).lived()
        canary.saw("the report", "\n".join(lines))
        return passed, {line.split("  ", 1)[1].split(":")[0]: line for line in lines}

    return live


def test_a_provider_that_can_do_little(live: Live, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes = {
        "revocation_endpoint": None,
        "device_authorization_endpoint": None,
        "code_challenge_methods_supported": None,
    }
    issuer.token_changes = {"refresh_token": None}
    passed, said = live()
    assert passed
    assert said["PKCE"] == "passed  PKCE: the provider does not say which methods it knows; S256 is sent"
    assert said["refresh"].startswith("cannot  refresh: the login brought no refresh token")
    assert said["revocation"].startswith("cannot  revocation: the provider has no revocation endpoint")
    assert said["device code"] == "cannot  device code: the provider offers no device codes"
    assert said["logout"] == "passed  logout: deleted here; the provider cannot revoke"


def test_a_provider_that_does_not_rotate(live: Live, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes = {"device_authorization_endpoint": None}
    issuer.rotates = False
    refresh_token = "always-the-same-refresh-token"
    issuer.canary.watch("a refresh token", refresh_token)
    issuer.token_changes = {"refresh_token": refresh_token}
    issuer.refresh_tokens[refresh_token] = {"claims": issuer.claims, "scope": "openid email"}
    issuer.always["/revoke"] = Reply(200)
    passed, said = live()
    assert said["refresh"] == "passed  refresh: a new id token; the refresh token stays the same"
    # It says yes to a revocation and goes on taking the token.
    assert (passed, said["revocation"]) == (
        False,
        "FAILED  revocation: the refresh token is still accepted after it was revoked",
    )


def test_a_provider_that_still_takes_an_old_refresh_token(live: Live, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes = {"device_authorization_endpoint": None}
    issuer.rotates = False
    _, said = live()
    assert "the refresh token is rotated; the old one is still accepted" in said["refresh"]


def test_a_device_code_that_this_client_must_not_use(live: Live, issuer: ScriptedIssuer) -> None:
    issuer.always["/device"] = Reply(400, {"error": "unauthorized_client"})
    _, said = live()
    assert said["device code"].startswith("cannot  device code: the issuer refused: unauthorized_client")


def test_a_provider_that_is_none(live: Live, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes = {"issuer": "https://elsewhere.example.com"}
    passed, said = live()
    assert (passed, list(said)) == (False, ["discovery"])
    assert said["discovery"].startswith("FAILED  discovery: the issuer calls itself https://elsewhere.example.com")


def test_it_says_what_it_needs(capsys: pytest.CaptureFixture[str], environ: dict[str, str]) -> None:
    assert main(environ) == 2
    assert "make acceptance ISSUER_URL=https://… CLIENT_ID=…" in capsys.readouterr().err
    for wrong in ({"ISSUER_URL": "http://id.acme.com"}, {"AUTH_PARAMS": "prompt"}, {"TOKEN": "both"}):
        assert main({**environ, "ISSUER_URL": "https://id.acme.com", "CLIENT_ID": "x", **wrong}) == 2
