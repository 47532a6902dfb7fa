"""Doctor's checks of issuers: real refusals, and nothing said against a provider that is in order."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import trustme

from tests.commands.test_issuer_check import METADATA, lives_like
from tests.doctor.test_client_checks import with_usual_redirect_uris
from tests.support.diagnosis import diagnose, diagnose_one, statuses
from tests.support.discovery import DOCUMENTS, preset_of
from tests.support.issuer import Asked, Reply, ScriptedIssuer
from tests.support.programs import missing
from tests.support.proxy import ForwardProxy
from togetherctl.auth.discovery import parse_metadata
from togetherctl.auth.issuer_check import Report
from togetherctl.auth.issuer_findings import ClientNeeds, findings
from togetherctl.config.presets import find_preset
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.issuer_view import select
from togetherctl.doctor.known_names import find_authorities
from togetherctl.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

CHECKS = ("issuer-proxy", "issuer-tls", "issuer-discovery", "issuer-keys", "issuer-clock", "issuer-refresh")
ALL = (*CHECKS, "issuer-client")


# What the catalogue or the metadata itself gives cause to say of a provider that is in order.
NOTED = {
    "authentik-global": {("issuer-refresh", "refresh_token")},
    "spring": {("issuer-client", "scopes")},
}
# What the catalogue says of the address alone.
BY_ADDRESS = {"okta-org": {"issuer"}, "together": {"issuer"}}


class TestHealthy:
    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_nothing_is_said_against_a_provider_that_is_in_order(
        self, document: str, tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        """Its login page says nothing of a client; the client has a secret, as Google and Spring want."""
        lives_like(tls_issuer, document)
        at_home = dict(tls_issuer.metadata())
        for key, value in at_home.items():
            if key != "issuer" and isinstance(value, str) and value.startswith("https://"):
                tls_issuer.metadata_changes[key] = f"{tls_issuer.url}{urlsplit(value).path}"
        tls_issuer.always[urlsplit(at_home["jwks_uri"]).path] = tls_issuer.answer(Asked("GET", "/keys", {}, {}, {}, 0))
        tls_issuer.always[urlsplit(at_home["authorization_endpoint"]).path] = Reply(200, b"<h1>Log in</h1>")
        path = config_at(
            tls_issuer,
            f'ca_file = "{ca_file}"\npreset = "{preset_of(document)}"',
            'client_secret = { env = "SECRET" }',
        )
        with_usual_redirect_uris(path)
        path.write_text(path.read_text().replace(f'"{tls_issuer.url}"', f'"{at_home["issuer"]}"'))
        results = diagnose(make_world(SECRET="a-secret"), *ALL)
        troubled = {(each.check.name, each.finding.about) for each in results if each.finding.status != "ok"}
        # What only a login tells is neither good nor bad.
        assert troubled - {("issuer-client", "client")} == NOTED.get(document, set()), results
        [client] = [each.finding.status for each in results if each.finding.about == "client"]
        assert client == "skipped"

    @pytest.mark.parametrize("document", DOCUMENTS)
    def test_nor_against_its_metadata_byte_for_byte(self, document: str) -> None:
        sent = DOCUMENTS[document]
        preset = find_preset(preset_of(document), sent["issuer"])
        wishes = ClientNeeds(has_secret=True)
        found = tuple(findings(sent["issuer"], sent, parse_metadata(sent), preset, wishes))
        report = Report(sent["issuer"], preset_of(document), found)
        seen = select(report, *{finding.about for finding in found})
        noted = {about for _, about in NOTED.get(document, set())} | BY_ADDRESS.get(document, set())
        assert {each.about for each in seen if each.status == "warning"} == noted
        assert not [each for each in seen if each.status == "failed"]

    def test_what_was_seen_is_said(self, tls_issuer: ScriptedIssuer, tls_config: Path, make_world: MakeWorld) -> None:
        assert tls_config.exists()
        tls_issuer.always["/authorize"] = Reply(303, b"", {"Location": "http://localhost:0?error=login_required"})
        seen = {each.check.name: each.finding.message for each in diagnose(make_world(), *CHECKS)}
        assert seen["issuer-proxy"] == "asked directly, without a proxy"
        assert seen["issuer-tls"] == "its certificate is trusted here"
        assert f"it calls itself {tls_issuer.url}, to the letter; PKCE with S256" in seen["issuer-discovery"]
        assert "1 key checks its ID tokens" in seen["issuer-keys"]
        assert "on the API server: --oidc-signing-algs=ES256" in seen["issuer-keys"]
        assert seen["issuer-clock"] == "this machine's clock agrees with the issuer's"
        assert seen["issuer-refresh"] == "a refresh token is asked for, by the scope offline_access"
        # All of them share one look.
        assert (tls_issuer.counts[METADATA], tls_issuer.counts["/keys"]) == (1, 1)


class TestDiscovery:
    def test_a_slash_that_differs(self, issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld) -> None:
        config_at(issuer).write_text(config_at(issuer).read_text().replace(issuer.url, f"{issuer.url}/"))
        result = diagnose_one(make_world(), "issuer-discovery")
        assert (result.subject, result.finding.status, result.finding.exit_code) == ("acme", "failed", 5)
        assert result.finding.message == f"the issuer calls itself {issuer.url}, not {issuer.url}/"
        assert result.finding.remedy is not None
        assert result.finding.remedy.hint_command == f"togetherctl issuer set acme url={issuer.url}"

    def test_no_issuer_there(self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        issuer.always[METADATA] = Reply(404, {})
        results = diagnose(make_world(), *CHECKS[2:])
        assert statuses(results) == ["failed", "skipped", "skipped", "skipped"]
        assert results[0].finding.exit_code == ExitCode.REFUSED
        assert "there is no OpenID provider at" in results[0].finding.message

    def test_an_issuer_that_does_not_answer(self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        issuer.stop()
        result = diagnose_one(make_world(), "issuer-discovery")
        assert (result.finding.status, result.finding.exit_code) == ("failed", ExitCode.UNREACHABLE)
        assert "refused the connection" in result.finding.message

    def test_what_a_login_needs_is_missing(self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        issuer.metadata_changes |= {"token_endpoint": None, "code_challenge_methods_supported": ["plain"]}
        results = diagnose(make_world(), "issuer-discovery")
        assert statuses(results) == ["failed", "failed"]
        assert {result.finding.exit_code for result in results} == {ExitCode.REFUSED}

    def test_offline_asks_nothing(self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        results = diagnose(Facts(make_world(), offline=True), *ALL)
        assert {(each.finding.status, each.finding.message) for each in results} == {("skipped", "offline")}
        assert not issuer.asked


class TestTls:
    def test_an_authority_that_is_missing_is_named(
        self, tls_issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, authority: trustme.CA
    ) -> None:
        config_at(tls_issuer)
        results = diagnose(make_world(), *CHECKS)
        assert statuses(results) == ["ok", "failed", "skipped", "skipped", "skipped", "skipped"]
        found = results[1].finding
        assert "cannot be verified: unable to get local issuer certificate" in found.message
        assert "the certificate is signed by Testing CA #" in found.message
        assert "which this machine does not trust" in found.message
        assert str(found.remedy).endswith("and then: togetherctl issuer set acme ca_file=FILE")
        assert found.exit_code == ExitCode.UNREACHABLE

    def test_a_certificate_of_another_authority(
        self, tls_issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.pem"
        trustme.CA(organization_name="Other Authority").cert_pem.write_to_path(str(other))
        config_at(tls_issuer, f'ca_file = "{other}"')
        found = diagnose_one(make_world(), "issuer-tls").finding
        assert found.status == "failed"
        assert "and ca_file and ca_data of the issuer hold" in found.message
        assert "Other Authority" in found.message
        # A text for a bug report has stand-ins for all of them.
        assert "Other Authority" in {name for _, name in find_authorities(found.message)}

    def test_a_file_of_authorities_that_cannot_be_used(
        self, tls_issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld, tmp_path: Path
    ) -> None:
        """It is said once, and not by every check of the issuer."""
        (tmp_path / "empty.pem").write_text("")
        config_at(tls_issuer, f'ca_file = "{tmp_path / "empty.pem"}"')
        results = diagnose(make_world(), *ALL)
        assert [each.check.name for each in results if each.finding.status == "failed"] == ["issuer-tls"]
        assert {each.finding.status for each in results} == {"failed", "skipped"}

    def test_a_certificate_for_another_name(
        self, tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        path = config_at(tls_issuer, f'ca_file = "{ca_file}"')
        path.write_text(path.read_text().replace("https://localhost", "https://127.0.0.1"))
        found = diagnose_one(make_world(), "issuer-tls").finding
        assert (found.status, "IP address mismatch" in found.message) == ("failed", True), found
        assert "; the certificate is for " in found.message

    def test_a_certificate_that_is_not_looked_at(
        self, tls_issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        config_at(tls_issuer, "insecure_skip_tls_verify = true")
        found = diagnose_one(make_world(), "issuer-tls").finding
        assert found.status == "warning"
        assert found.remedy is not None
        assert found.remedy.hint_command == "togetherctl issuer unset acme insecure_skip_tls_verify"

    def test_plain_http_has_none(self, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        assert diagnose_one(make_world(), "issuer-tls").finding.status == "skipped"


class TestProxy:
    def test_a_proxy_that_is_used_and_one_that_refuses(
        self, tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        url = tls_issuer.url.replace("localhost", "issuer.test")
        tls_issuer.metadata_changes = {
            key: value.replace("localhost", "issuer.test") if isinstance(value, str) else value
            for key, value in tls_issuer.metadata().items()
        }
        path = config_at(tls_issuer, f'ca_file = "{ca_file}"')
        path.write_text(path.read_text().replace(tls_issuer.url, url))
        with ForwardProxy() as proxy:
            found = diagnose_one(make_world(HTTPS_PROXY=proxy.url), "issuer-proxy").finding
            assert (found.status, found.message) == ("ok", f"reached through the proxy {proxy.place}")
        with ForwardProxy(refuses=True) as proxy:
            results = diagnose(make_world(HTTPS_PROXY=proxy.url), "issuer-proxy", "issuer-discovery")
            assert statuses(results) == ["warning", "failed"]
            assert results[0].finding.message == f"it was asked through the proxy {proxy.place}"
            assert "the proxy to issuer.test" in results[1].finding.message

    def test_the_authority_behind_a_proxy_is_named_too(
        self, tls_issuer: ScriptedIssuer, config_at: MakeConfig, make_world: MakeWorld
    ) -> None:
        path = config_at(tls_issuer)
        path.write_text(path.read_text().replace("https://localhost", "https://issuer.test"))
        with ForwardProxy() as proxy:
            found = diagnose_one(make_world(HTTPS_PROXY=proxy.url), "issuer-tls").finding
        assert "the certificate is signed by Testing CA #" in found.message


class TestKeys:
    @pytest.mark.parametrize(
        ("keys", "code", "said"),
        [
            (Reply(503, {}), ExitCode.UNREACHABLE, "answered HTTP 503"),
            (Reply(200, {"keys": [{"kty": "oct"}]}), ExitCode.REFUSED, "none of its keys can check an ID token"),
        ],
        ids=["later", "none"],
    )
    def test_keys_that_help_no_one(
        self, keys: Reply, code: int, said: str, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld
    ) -> None:
        assert acme.exists()
        issuer.always["/keys"] = keys
        failed = [each.finding for each in diagnose(make_world(), "issuer-keys") if each.finding.status == "failed"]
        assert [(each.exit_code, said in each.message) for each in failed] == [(code, True)]

    def test_algorithms_that_no_api_server_takes(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld
    ) -> None:
        assert acme.exists()
        issuer.metadata_changes["id_token_signing_alg_values_supported"] = ["HS256"]
        results = diagnose(make_world(), "issuer-keys")
        assert "failed" in statuses(results)

    def test_an_issuer_without_tls_is_good_to_know(
        self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld
    ) -> None:
        assert acme.exists()
        assert issuer.url.startswith("http:")
        found = diagnose_one(make_world(), "issuer-keys").finding
        # Whether a cluster takes its tokens is that cluster's own answer.
        assert found.status == "ok"
        assert "kube-apiserver takes no issuer that is not https" in found.message


class TestClock:
    @pytest.mark.parametrize(
        ("off", "said"),
        [(-90, "90 s behind the issuer's: a token that has just begun"), (86400, "1d 0h ahead of the issuer's")],
    )
    def test_a_clock_that_is_wrong(
        self, off: int, said: str, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld, clock: StoppedClock
    ) -> None:
        assert acme.exists()
        headers = {"Date": formatdate(int(clock()), usegmt=True)}
        issuer.always[METADATA] = Reply(body=issuer.metadata(), headers=headers)
        clock.advance(off)
        found = diagnose_one(make_world(), "issuer-clock").finding
        assert (found.status, said in found.message) == ("warning", True), found

    def test_an_answer_without_a_date(self, issuer: ScriptedIssuer, acme: Path, make_world: MakeWorld) -> None:
        assert acme.exists()
        issuer.always[METADATA] = Reply(body=issuer.metadata(), headers={"Date": "yesterday"})
        found = diagnose_one(make_world(), "issuer-clock").finding
        assert (found.status, found.message) == ("skipped", "the issuer's answers do not say what time it is")

    def test_a_clock_so_wrong_that_the_certificate_is_refused(
        self,
        authority: trustme.CA,
        ca_file: Path,
        clock: StoppedClock,
        canary: Canary,
        config_at: MakeConfig,
        process: Run,
    ) -> None:
        """In a process that lives two years later than its issuer."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            missing("libfaketime is not installed")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost", not_after=datetime.now(UTC) + timedelta(days=2)).configure_cert(context)
        with ScriptedIssuer(clock=clock, canary=canary, tls=context) as issuer:
            config_at(issuer, f'ca_file = "{ca_file}"')
            done = process("doctor", "-o", "json", LD_PRELOAD=str(library), FAKETIME="+2y", FAKETIME_NO_CACHE="1")
        found = {each["check"]: each for each in json.loads(done.stdout)["items"]}
        assert (found["issuer-tls"]["status"], found["issuer-discovery"]["status"]) == ("failed", "skipped")
        assert "certificate has expired; the certificate is valid from" in found["issuer-tls"]["message"]
        assert "and this machine's clock says 2" in found["issuer-tls"]["message"]
        assert found["issuer-clock"]["status"] == "warning"
        assert "this machine's clock is 7" in found["issuer-clock"]["message"]
        assert "ahead of the issuer's" in found["issuer-clock"]["message"]
        assert "(NTP)" in found["issuer-clock"]["hint"]
