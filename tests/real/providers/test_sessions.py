"""A whole session at other people's providers: what is said before the login, refreshes, dead tokens, logout."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real.providers.conftest import Acceptance, Machine
    from tests.support.parties import Client, Started


@dataclass(frozen=True)
class Expected:
    """A client, and what its provider does; `preset` is its entry in the catalogue."""

    started_by: str
    client: str
    preset: str
    identity: str
    # Whether a second use of an old refresh token ends the session, as a strict reading of RFC 9700 wants.
    reuse_ends_it: bool = False
    device_codes: bool = False


EXPECTED = [
    Expected("django", "django", "django-oauth-toolkit", "1"),
    Expected("keycloak", "keycloak", "keycloak", "me@example.com", reuse_ends_it=True, device_codes=True),
    Expected("spring", "spring", "spring", "me"),
]
each_provider = pytest.mark.parametrize(
    ("started", "expected"),
    [(each.started_by, each) for each in EXPECTED],
    indirect=["started"],
    scope="session",
    ids=[each.client for each in EXPECTED],
)


@pytest.fixture
def client(started: Started, expected: Expected) -> Client:
    return started[expected.client]


@pytest.fixture
def machine(client: Client, machine_of: Callable[[Client], Machine]) -> Machine:
    return machine_of(client)


@each_provider
def test_what_is_said_before_a_login(machine: Machine, expected: Expected) -> None:
    done = machine.does("issuer", "check", "acme", "-o", "json")
    item = json.loads(done.stdout)["item"]
    assert (item["usable"], item["preset"]) == (True, expected.preset)
    # Each of them gives this client a refresh token, and lets it revoke tokens.
    said = {each["about"]: (each["level"], each["text"]) for each in item["findings"]}
    assert said["refresh_token"][0] == "good", said
    assert said["revocation"] == ("good", "logging out revokes tokens")
    known = json.loads(machine.does("issuer", "presets", expected.preset, "-o", "json").stdout)["item"]
    assert known["name"] == expected.preset


@each_provider
def test_the_whole_life(client: Client, expected: Expected, accept: Callable[..., Acceptance]) -> None:
    life = accept(client)
    assert life.code == 0, life.steps
    assert life.steps["PKCE"] == "passed  PKCE: S256"
    assert f"as {expected.identity}, for " in life.steps["login in a browser"]
    assert "with a refresh token" in life.steps["login in a browser"]
    assert "the refresh token is rotated; the old one is refused" in life.steps["refresh"]
    assert ("using it ended the session" in life.steps["refresh"]) == expected.reuse_ends_it
    assert life.steps["revocation"] == "passed  revocation: the refresh token is refused from then on"
    assert life.steps["device code"].startswith("passed" if expected.device_codes else "cannot"), life.steps
    if expected.device_codes:
        assert f"as {expected.identity}" in life.steps["device code"]
        assert life.steps["logout"] == "passed  logout: revoked and deleted"


@each_provider
def test_two_refreshes_and_an_old_refresh_token(machine: Machine, expected: Expected) -> None:
    assert f"Logged in as {expected.identity} with profile acme" in machine.does("login").stderr
    first = machine.session()
    # Keycloak tells an older refresh token from a newer one by its second.
    time.sleep(1.1)
    machine.does("refresh")
    second = machine.session()
    time.sleep(1.1)
    machine.does("refresh")
    third = machine.session()
    assert len({each.id_token for each in (first, second, third)}) == 3
    assert len({each.refresh_token for each in (first, second, third)}) == 3
    assert machine.logins == 1

    # As a copy of the session that is older.
    machine.put_back(first)
    refused = machine.run("refresh")
    assert (refused.code, "login required" in refused.stderr) == (3, True), refused.stderr
    machine.put_back(third)
    assert machine.run("refresh").code == (3 if expected.reuse_ends_it else 0)


@each_provider
def test_a_dead_refresh_token_is_a_login_where_one_may_open(machine: Machine) -> None:
    machine.does("login")
    before = machine.session()
    machine.does("logout")
    machine.does("login")
    assert machine.logins == 2
    # The issuer revoked this one at the logout.
    machine.age(refresh_token=before.refresh_token)

    for _ in range(2):
        asked = machine.run("get-token", "--profile", "acme", TOGETHERCTL_NO_INPUT="1", CI="1")
        assert (asked.code, "togetherctl login acme" in asked.commands) == (3, True), asked.stderr
    said = machine.status()
    assert (said["state"], said["refreshable"]) == ("login-required", False), said
    assert machine.logins == 2

    machine.does("get-token", "--profile", "acme")
    assert machine.logins == 3
    assert machine.status()["state"] == "valid"


@each_provider
def test_login_logs_in_though_the_refresh_token_is_dead(machine: Machine, expected: Expected) -> None:
    machine.does("login")
    before = machine.session()
    machine.does("logout")
    machine.does("login")
    machine.age(refresh_token=before.refresh_token)
    # Asked for by a person, without --force: the refusal is no reason to give up.
    done = machine.does("login", "acme")
    assert f"Logged in as {expected.identity}" in done.stderr
    assert machine.logins == 3


@each_provider
def test_a_logout(machine: Machine) -> None:
    machine.does("login")
    session = machine.session()
    done = machine.does("logout")
    assert "cannot revoke" not in done.stderr
    assert machine.status()["state"] == "none"
    machine.does("login")
    machine.put_back(session)
    assert machine.run("refresh").code == 3


@pytest.mark.parametrize("started", ["django"], indirect=True, scope="session")
def test_device_codes_at_django_bring_access_tokens_alone(
    started: Started, machine_of: Callable[[Client], Machine]
) -> None:
    machine = machine_of(started["django, device codes"])
    machine.does(
        "issuer", "set", "acme", f"device_authorization_endpoint={machine.client.issuer}/device-authorization/"
    )
    refused = machine.run("login", "--grant", "device-code")
    assert (refused.code, "the issuer gave no ID token" in refused.stderr) == (5, True), refused.stderr
    machine.does("profile", "set", "acme", "token=access")
    assert "Logged in" in machine.does("login", "--grant", "device-code").stderr
    machine.does("refresh")


@pytest.mark.parametrize("started", ["spring"], indirect=True, scope="session")
def test_a_client_without_a_secret_at_spring(started: Started, machine_of: Callable[[Client], Machine]) -> None:
    """It gets no refresh token, and may not revoke: both is said as what it is."""
    machine = machine_of(started["spring, without a secret"])
    done = machine.does("login")
    assert ("Logged in as me" in done.stderr, "then refreshed" in done.stderr) == (True, False), done.stderr
    assert machine.session().refresh_token is None
    # The token is good for half an hour, so the session is not said to be over.
    refreshed = machine.run("refresh")
    assert "expired" not in refreshed.stderr
    done = machine.does("logout")
    assert "does not let a client without a secret revoke tokens" in done.stderr
    assert machine.status()["state"] == "none"
