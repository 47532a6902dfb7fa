"""Doctor's checks of a profile's client at its issuer: refresh tokens, registration, secrets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands.test_issuer_check import METADATA
from tests.support.diagnosis import diagnose, diagnose_one
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser


def with_usual_redirect_uris(config: Path) -> None:
    config.write_text(config.read_text().replace('redirect_uris = ["http://localhost:0"]\n', ""))


class TestRefresh:
    def test_none_on_offer(self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld) -> None:
        config_at(issuer, "", 'offline_access = "never"')
        found = diagnose_one(make_world(), "issuer-refresh").finding
        assert found.status == "warning"
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl profile set acme offline_access=auto"

    def test_a_session_tells_more_than_metadata(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
    ) -> None:
        assert acme.exists()
        issuer.metadata_changes["scopes_supported"] = ["openid", "email"]
        assert diagnose_one(make_world(), "issuer-refresh").finding.status == "warning"
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        found = diagnose_one(make_world(), "issuer-refresh").finding
        assert (found.status, found.message) == ("ok", "its session holds a refresh token")

    def test_a_login_that_brought_none(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
    ) -> None:
        """Whatever the metadata promises."""
        assert acme.exists()
        assert diagnose_one(make_world(), "issuer-refresh").finding.status == "ok"
        issuer.token_changes = {"refresh_token": None}
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        found = diagnose_one(make_world(), "issuer-refresh").finding
        assert (found.status, "the last login brought no refresh token" in found.message) == ("warning", True)
        assert 'auth_params = { prompt = "consent" }' in str(found.remedy)

    def test_a_client_that_logs_in_by_itself_needs_none(
        self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        config_at(issuer, "", 'grant = "client-credentials"\ntoken = "access"')
        assert diagnose_one(make_world(), "issuer-refresh").finding.status == "skipped"


class TestClient:
    KNOWN = Reply(303, b"", {"Location": "http://localhost:8000?error=login_required"})
    UNKNOWN = Reply(400, b"")

    def found(
        self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, *replies: Reply
    ) -> list[tuple[str, str]]:
        path = config_at(issuer)
        with_usual_redirect_uris(path)
        issuer.replies["/authorize"].extend(replies)
        return [(each.finding.status, each.finding.message) for each in diagnose(make_world(), "issuer-client")]

    def test_it_is_registered(self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld) -> None:
        other = replace(self.KNOWN, headers={"Location": "http://localhost:18000?error=login_required"})
        [(status, message)] = self.found(issuer, config_at, make_world, self.KNOWN, other)
        assert status == "ok"
        assert f"client {issuer.client_id} with http://localhost:8000 is registered" in message

    def test_it_is_not(self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld) -> None:
        found = self.found(issuer, config_at, make_world, self.UNKNOWN, self.UNKNOWN)
        assert [status for status, _ in found] == ["failed", "failed"]
        assert "http://localhost:8000: one of the two is not registered (HTTP 400)" in found[0][1]

    def test_only_the_later_redirect_uri_is_not(
        self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        found = self.found(issuer, config_at, make_world, self.KNOWN, self.UNKNOWN)
        assert [(status, "http://localhost:18000: one of the two" in message) for status, message in found] == [
            ("warning", True)
        ]

    def test_a_page_of_its_own_tells_nothing_until_a_login_worked(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
    ) -> None:
        assert acme.exists()
        issuer.replies["/authorize"].extend([Reply(200, b"<h1>Log in</h1>")] * 2)
        found = diagnose_one(make_world(), "issuer-client").finding
        assert (found.status, "so only a login tells" in found.message) == ("skipped", True)
        issuer.replies["/authorize"].clear()
        world = make_world(browser=browser)
        world.engine.login(world.config.profile("acme"), Policy())
        issuer.replies["/authorize"].extend([Reply(200, b"<h1>Log in</h1>")] * 2)
        found = diagnose_one(make_world(), "issuer-client").finding
        assert (found.status, found.message) == ("ok", f"client {issuer.client_id} has logged in before")

    def test_a_secret_that_the_provider_wants(
        self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        config_at(issuer, 'preset = "google"')
        results = diagnose(make_world(), "issuer-client")
        [wants] = [each.finding for each in results if each.finding.about == "client_secret"]
        assert wants.status == "warning"
        assert wants.remedy is not None
        assert wants.remedy.hint_command == "togetherctl profile secret acme"

    def test_two_profiles_of_one_issuer_share_its_metadata(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld
    ) -> None:
        acme.write_text(acme.read_text() + '[profiles.two]\nissuer = "acme"\nclient_id = "two"\n')
        results = diagnose(make_world(), "issuer-discovery", "issuer-client", "issuer-refresh")
        assert {each.subject for each in results} == {"acme", "two"}
        assert issuer.counts[METADATA] == 1
