"""Checks of the stored token: its state, the next refresh, whom it is for, what it says, and its size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.support.browser import ScriptedBrowser
from tests.support.findings import command
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Policy
from togetherctl.doctor.check import find_checks
from togetherctl.doctor.examine import examine, exit_code
from togetherctl.doctor.facts import Facts
from togetherctl.errors import ExitCode, LoginRequired, TogetherctlError
from togetherctl.finding import Finding

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from togetherctl.wiring import World

HOUR = 3600


class Patient:
    """A machine with the profile `acme` at an issuer over TLS, and the cluster `east`."""

    def __init__(self, issuer: ScriptedIssuer, ca_file: Path, write: MakeConfig, make: MakeWorld) -> None:
        self.issuer = issuer
        self._ca_file = ca_file
        self._write = write
        self._make = make
        self.configure()

    def configure(self, profile_keys: str = "", cluster_keys: str = "") -> None:
        path = self._write(self.issuer, f'ca_file = "{self._ca_file}"', profile_keys)
        path.write_text(path.read_text("utf-8") + cluster_keys, "utf-8")

    def world(self, **changes: str) -> World:
        return self._make(browser=ScriptedBrowser(self.issuer), **changes)

    def log_in(self) -> None:
        world = self.world()
        world.engine.login(world.config.profile("acme"), Policy(), force=True)

    def refresh(self) -> TogetherctlError | None:
        """What a refresh fails with, if it does."""
        world = self.world()
        try:
            world.engine.refresh(world.config.profile("acme"))
        except TogetherctlError as error:
            return error
        return None

    def findings(self, name: str, **changes: str) -> list[Finding]:
        """What the check finds; the issuer is asked for nothing."""
        before = self.issuer.counts.copy()
        [check] = [one for one in find_checks() if one.name == name]
        results = examine(Facts(self.world(**changes)), [check])
        assert self.issuer.counts == before
        assert {one.subject for one in results} == {"acme"}
        return [one.finding for one in results]

    def finding(self, name: str, **changes: str) -> Finding:
        [finding] = self.findings(name, **changes)
        return finding


@pytest.fixture
def patient(tls_issuer: ScriptedIssuer, ca_file: Path, config_at: MakeConfig, make_world: MakeWorld) -> Patient:
    tls_issuer.lifetime = HOUR
    return Patient(tls_issuer, ca_file, config_at, make_world)


# token-state


def test_the_life_of_a_token(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    found = patient.finding("token-state")
    assert (found.status, found.message) == ("ok", "the token of me@acme.com is good for another 1h 00m of its 1h 00m")
    clock.advance(0.85 * HOUR)
    assert "in its last fifth" in patient.finding("token-state").message
    clock.advance(HOUR)
    found = patient.finding("token-state")
    assert (found.status, "expired 51m 00s ago, and the next use gets a new one" in found.message) == ("ok", True)


def test_a_token_that_nothing_renews(patient: Patient, clock: StoppedClock) -> None:
    patient.issuer.token_changes = {"refresh_token": None}
    patient.log_in()
    clock.advance(2 * HOUR)
    found = patient.finding("token-state")
    assert (found.status, found.exit_code, command(found)) == (
        "failed",
        ExitCode.LOGIN_REQUIRED,
        "togetherctl login acme",
    )
    assert found.message.startswith("the token of me@acme.com expired 1h 00m ago, and nothing renews it")


def test_no_session_depends_on_who_may_log_in(patient: Patient) -> None:
    found = patient.finding("token-state")
    assert (found.status, command(found)) == ("warning", "togetherctl login acme")
    found = patient.finding("token-state", CI="true")
    assert (found.status, found.exit_code) == ("failed", ExitCode.LOGIN_REQUIRED)
    patient.configure('login = "never"')
    assert patient.finding("token-state").status == "failed"
    patient.configure('storage = "memory"')
    assert patient.finding("token-state").status == "ok"
    patient.configure('grant = "client-credentials"\nclient_secret = "of no person"\ntoken = "access"')
    assert (patient.finding("token-state").status, patient.finding("token-state").remedy) == ("ok", None)


def test_a_session_that_cannot_be_read(patient: Patient) -> None:
    patient.log_in()
    world = patient.world()
    path = world.paths.sessions / f"{world.config.profile('acme').key}.json"
    path.write_bytes(b"{")
    found = patient.finding("token-state")
    assert (found.status, found.exit_code) == ("failed", ExitCode.STORAGE)
    assert str(path) in found.message
    assert [patient.finding(f"token-{name}").message for name in ("refresh", "audience", "claims", "size")] == [
        "the session cannot be read"
    ] * 4


# token-refresh


def test_a_refresh_token_that_was_not_refused(patient: Patient) -> None:
    patient.log_in()
    found = patient.finding("token-refresh")
    assert (found.status, found.message) == ("ok", "a refresh token is held, and the issuer has not refused it")


def test_what_the_last_refresh_was_answered_and_when(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    patient.issuer.refresh_tokens.clear()
    assert isinstance(patient.refresh(), LoginRequired)
    clock.advance(600)
    found = patient.finding("token-refresh")
    assert found.status == "failed"
    assert found.message.startswith("the last refresh failed 10m 00s ago: the issuer refused: invalid_grant")
    # The token in hand is still good, so a plain login would keep it.
    assert (found.exit_code, command(found)) == (ExitCode.LOGIN_REQUIRED, "togetherctl login --force acme")
    clock.advance(HOUR)
    assert command(patient.finding("token-refresh")) == "togetherctl login acme"


def test_a_client_that_the_issuer_does_not_take(patient: Patient) -> None:
    patient.log_in()
    patient.issuer.refresh_reply = Reply(401, {"error": "invalid_client"})
    patient.refresh()
    found = patient.finding("token-refresh")
    assert (found.status, found.exit_code) == ("failed", ExitCode.REFUSED)
    assert "invalid_client" in found.message
    assert command(found) == "togetherctl issuer check acme --client-id the-client"


def test_an_expired_token_of_an_issuer_that_was_away(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    clock.advance(2 * HOUR)
    patient.issuer.refresh_reply = Reply(503, b"")
    patient.refresh()
    found = patient.finding("token-state")
    assert (found.status, command(found)) == ("warning", "togetherctl refresh acme")
    assert "expired 1h 00m ago, and the last refresh failed: kubectl gets none until one works" in found.message


def test_an_issuer_that_was_away(patient: Patient) -> None:
    patient.log_in()
    patient.issuer.refresh_reply = Reply(503, b"")
    patient.refresh()
    found = patient.finding("token-refresh")
    assert (found.status, "HTTP 503; the refresh token is kept" in found.message) == ("warning", True)


def test_no_refresh_token(patient: Patient) -> None:
    patient.issuer.token_changes = {"refresh_token": None}
    patient.log_in()
    found = patient.finding("token-refresh")
    assert found.status == "warning"
    assert found.message == "the issuer gave no refresh token, so a login is needed each time the token expires"
    assert command(found) == "togetherctl issuer check acme --client-id the-client"


def test_the_catalogue_says_how_a_refresh_token_comes(patient: Patient) -> None:
    patient.issuer.token_changes = {"refresh_token": None}
    patient.log_in()
    path = patient.world().paths.config
    path.write_text(path.read_text("utf-8").replace("[issuers.acme]", '[issuers.acme]\npreset = "keycloak"'), "utf-8")
    found = patient.finding("token-refresh")
    assert found.remedy is not None
    assert found.remedy.text.startswith("Keycloak: Comes with every login")


def test_a_refresh_token_that_says_when_it_ends(patient: Patient, clock: StoppedClock, canary: Canary) -> None:
    key = OctKey.generate_key(256)
    end = int(clock()) + 2 * HOUR
    written = canary.watch("a refresh token", jwt.encode({"alg": "HS256"}, {"typ": "Refresh", "exp": end}, key))
    patient.issuer.token_changes = {"refresh_token": written}
    patient.log_in()
    assert patient.finding("token-refresh").message.endswith("; it says that it ends in 2h 00m")
    clock.advance(3 * HOUR)
    found = patient.finding("token-refresh")
    assert (found.status, command(found)) == ("warning", "togetherctl login --force acme")
    assert "ended 1h 00m ago" in found.message


# token-audience


def test_whom_the_token_is_for(patient: Patient, clock: StoppedClock) -> None:
    patient.log_in()
    # An expired token is as good an example as a new one.
    clock.advance(2 * HOUR)
    found = patient.finding("token-audience")
    assert found.status == "ok"
    assert f"from the issuer (iss) {patient.issuer.url} for the audience (aud) the-client" in found.message
    assert found.message.endswith("unless --oidc-signing-algs=ES256 says otherwise")


def test_an_access_token_for_nobody(patient: Patient, canary: Canary) -> None:
    patient.configure('token = "access"')
    patient.issuer.token_changes = {"access_token": patient.issuer.id_token({"sub": "user-1", "aud": None})}
    patient.log_in()
    found = patient.finding("token-audience")
    assert (found.status, found.exit_code) == ("failed", ExitCode.REFUSED)
    assert "its audience (aud) is missing" in found.message
    assert command(found) == "togetherctl profile set acme token=id"

    patient.issuer.token_changes = {"access_token": canary.watch("an opaque token", "opaque-and-seen-by-nobody")}
    patient.log_in()
    found = patient.finding("token-audience")
    assert (found.status, found.message) == ("warning", "the token is no JWT, so no API server can read it by itself")
    assert patient.finding("token-claims").status == "skipped"
    assert patient.finding("token-size").status == "ok"


def test_an_issuer_without_tls(acme: Path, make_world: MakeWorld, issuer: ScriptedIssuer) -> None:
    assert acme.exists()
    world = make_world(browser=ScriptedBrowser(issuer))
    world.engine.login(world.config.profile("acme"), Policy())
    [check] = [one for one in find_checks() if one.name == "token-audience"]
    results = examine(Facts(make_world()), [check])
    # That is said of the issuer, once.
    assert [one.finding.status for one in results] == ["ok"]


def test_a_clock_that_was_behind_when_the_token_came(patient: Patient, clock: StoppedClock) -> None:
    patient.issuer.claim_changes = {"iat": int(clock()) + 50}
    patient.log_in()
    found = patient.findings("token-audience")
    assert [one.status for one in found] == ["warning", "ok"]
    assert found[0].message.startswith("when the token came, it was issued 50 s in the future by this machine's clock")


# token-claims


def test_the_claims_that_name_the_user(patient: Patient) -> None:
    patient.issuer.claims = {"sub": "user-1", "email": "me@acme.com", "groups": ["devs", "ops"]}
    patient.log_in()
    found = patient.finding("token-claims")
    assert found.status == "ok"
    assert found.message == (
        "to east the user is me@acme.com, from the claim email, and its groups (2) from groups; the configuration does "
        "not say which claim that is (username_claim)"
    )
    patient.configure("", 'username_claim = "sub"\nusername_prefix = "oidc:"\ngroups_claim = "groups"\n')
    found = patient.finding("token-claims")
    assert found.message == "to east the user is oidc:user-1, from the claim sub, and its groups (2) from groups"


@pytest.mark.parametrize(
    ("claims", "cluster_keys", "said", "helps"),
    [
        (
            {"sub": "user-1"},
            'username_claim = "email"',
            "east refuses this token: the token has no claim email that is text",
            "togetherctl profile set acme scopes=openid,email",
        ),
        (
            {"sub": "user-1", "email": "me@acme.com"},
            'username_claim = "upn"',
            "east refuses this token: the token has no claim upn",
            "togetherctl issuer check acme --client-id the-client",
        ),
        (
            {"sub": "user-1", "email": "me@acme.com", "email_verified": False},
            'username_claim = "email"',
            "the email is not verified",
            None,
        ),
        (
            {"sub": "user-1", "roles": {"a": 1}},
            'groups_claim = "roles"',
            "east refuses this token: the claim roles is no text and no list of texts",
            "togetherctl issuer check acme --client-id the-client",
        ),
    ],
)
def test_a_claim_that_is_not_there(
    claims: dict[str, Any], cluster_keys: str, said: str, helps: str | None, patient: Patient
) -> None:
    patient.issuer.claims = claims
    patient.configure('scopes = ["openid"]', f"{cluster_keys}\n")
    patient.log_in()
    found = patient.findings("token-claims")[0]
    assert (found.status, found.exit_code) == ("failed", ExitCode.REFUSED)
    assert said in found.message
    assert helps in (None, command(found))


def test_groups_that_are_not_there(patient: Patient) -> None:
    patient.configure("", 'groups_claim = "groups"\n')
    patient.log_in()
    found = patient.findings("token-claims")
    assert [one.status for one in found] == ["warning", "ok"]
    assert "no right that a group has counts" in found[0].message
    assert command(found[0]) == "togetherctl profile set acme scopes=openid,email,groups"

    patient.issuer.claims |= {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}}
    patient.log_in()
    found = patient.findings("token-claims")
    assert [one.status for one in found] == ["warning", "ok"]
    assert "its groups are not in it but elsewhere (_claim_names)" in found[0].message


def test_clusters_that_read_the_same_are_named_together(patient: Patient) -> None:
    more = "".join(
        f'[clusters.c{number}]\nprofile = "acme"\nserver = "https://127.0.0.1:6443"\nusername_claim = "sub"\n'
        for number in range(5)
    )
    patient.configure("", more)
    patient.log_in()
    found = patient.findings("token-claims")
    assert [one.message.partition(" the user")[0] for one in found] == ["to east", "to c0, c1, c2 and 2 more"]


# token-size


@pytest.mark.parametrize(
    ("groups", "status", "named", "not_named"),
    [
        (0, "ok", "every common server lets through", ""),
        (200, "warning", "nginx (8 KiB)", "HAProxy"),
        (400, "warning", "AWS Application Load Balancer (16 KiB)", "Envoy"),
        (1400, "warning", "Envoy and Istio (60 KiB)", "Go's"),
    ],
)
def test_what_servers_let_through(groups: int, status: str, named: str, not_named: str, patient: Patient) -> None:
    patient.issuer.claims |= {"groups": [f"group-{number:04}-of-a-long-name.acme" for number in range(groups)]}
    patient.log_in()
    found = patient.finding("token-size")
    assert (found.status, named in found.message) == (status, True), found
    assert not not_named or not_named not in found.message
    if status == "warning":
        assert "its largest claim is groups" in found.message
        assert found.remedy is not None


def test_sessions_are_looked_at_once(patient: Patient) -> None:
    text = patient.world().paths.config.read_text("utf-8")
    patient.world().paths.config.write_text(text.replace("[profiles.acme]", SHARED), "utf-8")
    patient.log_in()
    [check] = [one for one in find_checks() if one.name == "token-state"]
    results = examine(Facts(patient.world()), [check])
    assert (len(results), exit_code(results)) == (1, ExitCode.DONE)


SHARED = """[profiles.shared]
issuer = "acme"
client_id = "the-client"
redirect_uris = ["http://localhost:0"]

[profiles.acme]"""
