"""What `login` and `refresh` say of a session that will not renew by itself: the truth, and what really helps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

REFUSED = Reply(400, {"error": "Refresh token is invalid or expired"})


@pytest.fixture
def cli(acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    """The command line in a world with a scripted browser and a stopped clock."""
    assert acme.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


def test_a_refresh_without_a_refresh_token_does_not_say_that_a_good_session_has_expired(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    issuer.token_changes["refresh_token"] = None
    cli("login")
    for _ in range(2):
        done = cli("refresh", "acme")
        assert done.code == 3
        assert "the issuer gave no refresh token with it; the token in hand is still good" in done.stderr
        assert "expired" not in done.stderr
        assert "togetherctl login --force acme" in done.stderr

    # What is named helps, and what is not named would not have.
    done = cli("login")
    assert "Already logged in as me@acme.com with profile acme; the token is valid for 5m 00s." in done.stderr
    assert "The issuer gave no refresh token, so you will have to log in again then" in done.stderr
    assert "run: togetherctl login --force acme\n" in done.stderr
    assert len(browser.opened) == 1
    assert "Logged in as me@acme.com" in cli("login", "--force", "acme").stderr
    assert len(browser.opened) == 2


def test_a_script_gets_a_list_of_what_was_renewed(
    acme: Path, cli: Run, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    failed = cli("refresh", "acme", "-o", "json")
    assert (failed.code, json.loads(failed.stdout)["error"]["code"]) == (3, "login_required")
    cli("login")
    clock.advance(30)
    [item] = json.loads(cli("refresh", "acme", "-o", "json").stdout)["items"]
    known = json.loads(cli("status", "-o", "json").stdout)["items"][0]
    assert item == {
        "profile": "acme",
        "profiles": ["acme"],
        "issuer": issuer.url,
        "outcome": "refreshed",
        **{key: known[key] for key in ("subject", "identity", "expires_at", "refreshable")},
        "error": None,
    }
    assert cli("refresh", "acme", "-o", "name").stdout == "acme\n"
    # Of several each has its own failure.
    acme.write_text(f'{acme.read_text()}\n[profiles.lab]\nissuer = "acme"\nclient_id = "other"\n')
    done = cli("refresh", "--all", "-o", "json")
    good, bad = json.loads(done.stdout)["items"]
    assert (good["outcome"], good["error"], bad["outcome"], bad["error"]["code"]) == (
        "refreshed",
        None,
        None,
        "login_required",
    )
    assert done.code == 3


def test_a_session_that_has_expired_says_so(cli: Run, issuer: ScriptedIssuer, clock: StoppedClock) -> None:
    issuer.token_changes["refresh_token"] = None
    cli("login")
    clock.advance(1000)
    done = cli("refresh", "acme")
    assert done.code == 3
    assert "the session has expired, and the issuer gave no refresh token with it" in done.stderr
    assert "togetherctl login acme" in done.commands


def test_a_refused_refresh_of_a_good_session_names_the_forced_login(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    cli("login")
    issuer.refresh_reply = REFUSED
    before = issuer.counts["/token"]
    for arguments, asked in ((["refresh", "acme"], 1), (["refresh", "acme"], 1), (["refresh", "--force", "acme"], 2)):
        done = cli(*arguments)
        assert done.code == 3
        assert "Refresh token is invalid or expired; the token in hand is still good" in done.stderr
        assert "togetherctl login --force acme" in done.stderr
        assert issuer.counts["/token"] - before == asked
    done = cli("login")
    assert "Already logged in as me@acme.com with profile acme; the token is valid for 5m 00s." in done.stderr
    assert "then refreshed by itself" not in done.stderr
    assert "The issuer refused to refresh it, so you will have to log in again then" in done.stderr
    assert len(browser.opened) == 1
    assert ", then login" in cli("status").stdout


def test_status_names_the_login_that_a_refused_session_wants(
    cli: Run, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    cli("login")
    issuer.refresh_reply = REFUSED
    clock.advance(1000)
    cli("refresh")
    done = cli("status")
    assert "login-required" in done.stdout
    assert "Refresh token is invalid or expired (0s ago); togetherctl login acme" in done.stderr


def test_a_session_that_refreshes_says_so(cli: Run) -> None:
    cli("login")
    done = cli("login")
    assert "the token is valid for 5m 00s, then refreshed by itself." in done.stderr
    assert "log in again" not in done.stderr


def test_a_login_near_the_end_of_a_session_that_was_refused_is_a_login(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser, clock: StoppedClock
) -> None:
    """Its last fifth: a person who asks for a login now wants more than the minute that is left."""
    cli("login")
    issuer.refresh_reply = REFUSED
    cli("refresh", "acme")
    clock.advance(245)
    before = issuer.counts["/token"]
    assert "Logged in as me@acme.com" in cli("login").stderr
    assert len(browser.opened) == 2
    assert issuer.counts["/token"] - before == 1  # the code alone, and no refresh that was refused before


def test_a_refresh_that_the_issuer_may_grant_later_names_a_login_and_doctor(
    cli: Run, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    cli("login")
    clock.advance(1000)
    issuer.refresh_reply = Reply(413, b"too large", {"Content-Type": "text/plain"})
    done = cli("refresh", "acme")
    assert done.failure == (5, "refused", "togetherctl doctor acme")
    assert "if this does not end, log in again: togetherctl login acme\n" in done.stderr
    assert "Logged in as me@acme.com" in cli("login").stderr


def test_why_a_login_follows_a_refresh_is_said_in_a_line(cli: Run, issuer: ScriptedIssuer, clock: StoppedClock) -> None:
    cli("login")
    clock.advance(1000)
    issuer.refresh_reply = Reply(503, b"")
    done = cli("login")
    assert done.code == 0
    assert "HTTP 503; going on with a login" in done.stderr
