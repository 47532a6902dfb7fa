"""`logout` at issuers that revoke, that cannot, and that do not let this client."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock


@pytest.fixture
def cli(acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    """The command line in a world with a scripted browser and a stopped clock."""
    assert acme.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(401, b"", {"Content-Type": ""}),  # Spring Authorization Server 7.1.2
        Reply(401, {"error": "invalid_client"}),
        Reply(400, {"error": "unauthorized_client"}),
        Reply(200, {"error": "invalid_client"}),
    ],
    ids=["empty", "invalid_client", "unauthorized_client", "HTTP 200"],
)
def test_a_public_client_that_may_not_revoke_is_logged_out_all_the_same(
    reply: Reply, cli: Run, issuer: ScriptedIssuer, home: Path
) -> None:
    cli("login")
    issuer.always["/revoke"] = reply
    before = issuer.counts["/revoke"]
    done = cli("logout")
    assert done.code == 0
    assert "The issuer does not let a client without a secret revoke tokens; they were deleted here" in done.stderr
    assert issuer.counts["/revoke"] - before == 1
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


def test_a_client_with_a_secret_hears_that_it_was_not_known(
    cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer, canary: Canary
) -> None:
    issuer.client_secret = canary.watch("a client secret", "correct-horse-battery")
    config_at(issuer, "", 'client_secret = { env = "ACME_SECRET" }')
    cli("login", ACME_SECRET=issuer.client_secret)
    issuer.always["/revoke"] = Reply(401, {"error": "invalid_client"})
    done = cli("logout", ACME_SECRET=issuer.client_secret)
    assert done.code == 5
    assert "run: togetherctl profile secret acme" in done.stderr


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"error": "invalid_token"}),
        # django-oauth-toolkit 3.4.1 says nothing, and calls it a page.
        Reply(200, b"", {"Content-Type": "text/html; charset=utf-8"}),
        Reply(204, b""),
        Reply(200, b"OK"),
    ],
    ids=str,
)
def test_a_token_that_the_issuer_does_not_know_is_as_good_as_revoked(
    reply: Reply, cli: Run, issuer: ScriptedIssuer
) -> None:
    """Keycloak 26.7.3 calls it an error, with HTTP 200."""
    cli("login")
    issuer.always["/revoke"] = reply
    done = cli("logout")
    assert (done.code, "the issuer revoked the tokens" in done.stderr) == (0, True)


class TestMetadataOfOAuthItself:
    """An endpoint that only RFC 8414's document names, as at django-oauth-toolkit 3.4.1."""

    ROOT = "/.well-known/oauth-authorization-server"

    def test_it_is_looked_into_for_a_revocation_endpoint(self, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes = {"revocation_endpoint": None}
        issuer.always[self.ROOT] = Reply(200, {"issuer": issuer.url, "revocation_endpoint": f"{issuer.url}/revoke"})
        cli("login")
        assert issuer.counts[self.ROOT] == 0  # a login has no need of it
        done = cli("logout")
        assert (done.code, "cannot revoke" in done.stderr) == (0, False)
        assert [kind for kind, _ in issuer.revoked] == ["refresh_token", "access_token"]
        assert issuer.counts[self.ROOT] == 1

    @pytest.mark.parametrize("named", ["{issuer}", "https://evil.example"])
    def test_a_look_at_the_issuer_counts_it(self, named: str, cli: Run, issuer: ScriptedIssuer) -> None:
        issuer.metadata_changes = {"revocation_endpoint": None, "device_authorization_endpoint": None}
        endpoints = {
            "revocation_endpoint": f"{issuer.url}/revoke",
            "device_authorization_endpoint": f"{issuer.url}/device",
        }
        issuer.always[self.ROOT] = Reply(200, {"issuer": named.format(issuer=issuer.url), **endpoints})
        done = cli("issuer", "check", issuer.url)
        its_own = named == "{issuer}"
        assert done.code == 0
        assert ("good   logging out revokes tokens" in done.stdout) is its_own
        assert ("good   device codes" in done.stdout) is its_own

    @pytest.mark.parametrize(
        "document",
        [
            {"issuer": "https://evil.example", "revocation_endpoint": "{issuer}/revoke"},
            {"revocation_endpoint": "{issuer}/revoke"},
            {"issuer": "{issuer}", "revocation_endpoint": "http://evil.example/revoke"},
            {"issuer": "{issuer}", "revocation_endpoint": 7},
            {"issuer": "{issuer}"},
        ],
        ids=str,
    )
    def test_it_is_believed_no_further_than_the_usual_metadata(
        self, document: dict[str, object], cli: Run, issuer: ScriptedIssuer
    ) -> None:
        issuer.metadata_changes = {"revocation_endpoint": None}
        issuer.always[self.ROOT] = Reply(
            200, {k: v.format(issuer=issuer.url) if isinstance(v, str) else v for k, v in document.items()}
        )
        cli("login")
        done = cli("logout")
        assert done.code == 0
        assert "The issuer cannot revoke tokens" in done.stderr
        assert issuer.counts["/revoke"] == 0

    def test_the_config_names_what_neither_does(self, cli: Run, issuer: ScriptedIssuer, config_at: MakeConfig) -> None:
        config_at(issuer, f'revocation_endpoint = "{issuer.url}/revoke"')
        issuer.metadata_changes = {"revocation_endpoint": None}
        cli("login")
        assert cli("logout").code == 0
        assert [kind for kind, _ in issuer.revoked] == ["refresh_token", "access_token"]
        assert issuer.counts[self.ROOT] == 0


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("https://a.example", ["https://a.example/.well-known/oauth-authorization-server"]),
        (
            "https://a.example/o/",
            [
                "https://a.example/.well-known/oauth-authorization-server/o",
                "https://a.example/o/.well-known/oauth-authorization-server",
            ],
        ),
    ],
)
def test_where_the_metadata_of_oauth_itself_is(url: str, places: list[str]) -> None:
    from togetherctl.auth.discovery import other_metadata_urls

    assert list(other_metadata_urls(url)) == places
