"""Logging in to many: one after the other, a failure stops nothing, and a summary says what came of each."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.cache.login_record import LoginFile, LoginRecord

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from togetherctl.auth.browser import Opened
    from togetherctl.config.profile import Profile


@pytest.fixture
def cli(three: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    assert three.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


@pytest.fixture
def three(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """Four profiles with three sessions."""
    more = "".join(
        f'[profiles.{name}]\nissuer = "acme"\nclient_id = "the-client"\nscopes = [{scopes}]\n'
        'redirect_uris = ["http://localhost:0"]\n\n'
        for name, scopes in (("shared", '"email"'), ("other", '"email", "groups"'), ("third", '"groups"'))
    )
    return config_at(issuer, "", f'scopes = ["email"]\n\n{more}')


def summary(stderr: str) -> list[str]:
    return stderr.rpartition("\n\n")[2].splitlines()


def test_each_session_once_with_progress_and_a_summary(cli: Run, browser: ScriptedBrowser) -> None:
    done = cli("login", "--all")
    assert (done.code, done.stdout, len(browser.opened)) == (0, "", 3)
    for number, name in enumerate(("acme", "other", "third"), 1):
        assert f"[{number}/3] {name}: logging in at http://localhost:" in done.stderr
        assert f"[{number}/3] {name}: Waiting up to 180 s for the login in your browser.\n" in done.stderr
    assert "with profile acme (shared by shared)" in done.stderr
    assert summary(done.stderr) == [
        "All 3 sessions are good:",
        "  acme   me@acme.com, valid for 5m 00s",
        "  other  me@acme.com, valid for 5m 00s",
        "  third  me@acme.com, valid for 5m 00s",
    ]
    assert len(browser.opened) == 3
    assert "All 2 sessions are good:" in cli("login", "acme", "third").stderr
    assert len(browser.opened) == 3


def test_profiles_of_one_session_are_one_login(cli: Run) -> None:
    done = cli("login", "acme", "shared")
    assert (done.code, "[1/" in done.stderr, "sessions are good" in done.stderr) == (0, False, False)


def test_a_failure_does_not_stop_the_rest_and_decides_the_exit_code(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    issuer.replies["/token"].extend([Reply(200, issuer.tokens(issuer.claims, "openid")), Reply(400, {"error": "no"})])
    done = cli("login", "third", "other", "acme")
    # The first answer has another nonce, the second is a refusal.
    assert (done.code, len(browser.opened)) == (5, 3)
    lines = summary(done.stderr)
    assert lines[0] == "2 of 3 failed."
    assert lines[1].startswith("  third  failed: the ID token answers another login")
    assert lines[1].endswith("togetherctl doctor third")
    assert lines[2].startswith("  other  failed: ")
    assert lines[3] == "  acme   me@acme.com, valid for 5m 00s"


def test_ctrl_c_ends_one_login_and_says_what_was_not_done(
    three: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    def open_browser(url: str, profile: Profile) -> Opened | None:
        if profile.name == "other":
            raise KeyboardInterrupt
        return browser(url, profile)

    assert three.exists()
    done = cli_in(clock=clock, sleep=clock.sleep, open_browser=open_browser)("login", "--all")
    assert done.code == 130
    assert summary(done.stderr) == [
        "Interrupted. 2 of 3 not done.",
        "  acme   me@acme.com, valid for 5m 00s",
        "  other  not done; togetherctl login other",
        "  third  not done; togetherctl login third",
    ]
    # A Ctrl-C leaves no cooldown behind.
    assert not list((home / "tctl" / "state" / "sessions").glob("*.login"))


def test_nobody_to_ask_fails_each(cli: Run, browser: ScriptedBrowser) -> None:
    done = cli("login", "--all", CI="1")
    assert (done.code, browser.opened) == (3, [])
    assert summary(done.stderr)[0] == "3 of 3 failed."


# A login under way, as `status` shows it


def under_way(cli: Run, home: Path) -> Callable[[LoginRecord], None]:
    key = json.loads(cli("status", "acme", "-o", "json").stdout)["items"][0]["session"]
    folder = home / "tctl" / "state" / "sessions"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LoginFile(folder / f"{key}.login").write


def test_status_shows_a_login_that_is_under_way(cli: Run, home: Path, clock: StoppedClock) -> None:
    write = under_way(cli, home)
    write(LoginRecord(os.getpid(), clock.now, "https://login.acme.com/\x1b[2Jauthorize"))
    first, shared, other, _ = json.loads(cli("status", "-o", "json").stdout)["items"]
    assert (
        first["login"]
        == shared["login"]
        == {
            "since": first["login"]["since"],
            "address": "https://login.acme.com/\x1b[2Jauthorize",
        }
    )
    assert other["login"] is None
    done = cli("status", "acme")
    assert re.fullmatch(r"acme: logging in for \d+s at https://login\.acme\.com/\\x1b\[2Jauthorize\n", done.stderr)


def test_status_shows_no_login_that_ended(cli: Run, home: Path, clock: StoppedClock) -> None:
    write = under_way(cli, home)
    for record in (
        # Its owner died; it failed.
        LoginRecord(2**22 + 1, clock.now, "https://login.acme.com/"),
        LoginRecord(os.getpid(), clock.now, "https://login.acme.com/", failed_at=clock.now, until=clock.now + 30),
    ):
        write(record)
        assert json.loads(cli("status", "acme", "-o", "json").stdout)["items"][0]["login"] is None
        assert "logging in" not in cli("status").stderr


def test_sessions_come_in_the_order_of_their_first_profile(acme: Path, cli_in: CliIn) -> None:
    """One that is shared by the first and the last profile is the first."""
    more = '[profiles.{}]\nissuer = "acme"\nclient_id = "{}"\n'
    acme.write_text(acme.read_text() + more.format("other", "another-client") + more.format("shared", "the-client"))
    done = cli_in()("login", "--all", "-o", "name", TOGETHERCTL_NO_INPUT="1")
    assert (done.code, done.stdout) == (3, "acme\nother\n")
