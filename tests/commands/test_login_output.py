"""`login` and `logout` for scripts, and what asks before more ends than was named."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import ScriptedIssuer
from tests.support.terminal import terminal
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

OTHERS = """
[profiles.shared]
issuer = "acme"
client_id = "the-client"

[profiles.lab]
issuer = "lab"
client_id = "the-client"
redirect_uris = ["http://localhost:0"]

[issuers.lab]
url = "http://localhost:1"
"""


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """Profiles acme and shared with one session, and lab, whose issuer cannot be reached."""
    path = config_at(issuer)
    path.write_text(path.read_text(encoding="utf-8") + OTHERS, encoding="utf-8")
    return path


@pytest.fixture
def cli(config: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    assert config.exists()
    return cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)


def items(text: str) -> dict[str, dict[str, Any]]:
    envelope = json.loads(text)
    assert envelope["version"] == 1
    return {item["profile"]: item for item in envelope["items"]}


def test_login_prints_a_record_for_each_session(cli: Run, issuer: ScriptedIssuer, clock: StoppedClock) -> None:
    done = cli("login", "acme", "-o", "json")
    # What a person needs is on stderr.
    assert f"  {issuer.url}/authorize" in done.stderr or "Your browser has been opened at" in done.stderr
    expires = items(done.stdout)["acme"].pop("expires_at")
    assert items(done.stdout)["acme"] | {"expires_at": None} == {
        "profile": "acme",
        "profiles": ["acme", "shared"],
        "issuer": issuer.url,
        "outcome": "logged-in",
        "subject": "user-1",
        "identity": "me@acme.com",
        "expires_at": None,
        "refreshable": True,
        "error": None,
    }
    assert items(cli("status", "acme", "-o", "json").stdout)["acme"]["expires_at"] == expires
    assert items(cli("login", "acme", "-o", "json").stdout)["acme"]["outcome"] == "still-valid"
    clock.advance(1000)
    [again] = load(cli("login", "shared", "-o", "yaml").stdout)["items"]
    assert (again["profile"], again["outcome"]) == ("shared", "refreshed")
    assert cli("login", "acme", "-o", "name").stdout == "acme\n"
    assert cli("login", "acme").stdout == ""


def test_failures_are_in_the_same_envelope(cli: Run) -> None:
    done = cli("login", "--all", "-o", "json")
    found = items(done.stdout)
    assert (done.code, list(found)) == (4, ["acme", "lab"])
    assert (found["acme"]["outcome"], found["acme"]["error"]) == ("logged-in", None)
    assert (found["lab"]["outcome"], found["lab"]["error"]["code"]) == (None, "unreachable")
    done = cli("login", "lab", "-o", "json")
    assert (done.code, json.loads(done.stdout)["error"]["code"]) == (4, "unreachable")


def test_logout_prints_a_record_for_each_session(cli: Run, issuer: ScriptedIssuer) -> None:
    assert cli("login", "acme").code == 0
    expires = items(cli("status", "acme", "-o", "json").stdout)["acme"]["expires_at"]
    done = cli("logout", "--all", "-o", "json")
    assert done.code == 0, done.stderr
    assert items(done.stdout) == {
        "acme": {
            "profile": "acme",
            "profiles": ["acme", "shared"],
            "issuer": issuer.url,
            "identity": "me@acme.com",
            "revoked": True,
            "token_expires_at": expires,
            "error": None,
        },
        "lab": {
            "profile": "lab",
            "profiles": ["lab"],
            "issuer": "http://localhost:1",
            "identity": None,
            "revoked": None,
            "token_expires_at": None,
            "error": None,
        },
    }
    assert cli("login", "acme").code == 0
    issuer.stop()
    found = items((done := cli("logout", "--all", "-o", "json")).stdout)
    assert (done.code, found["acme"]["error"]["exit"], found["lab"]["error"]) == (4, 4, None)
    done = cli("logout", "acme", "-o", "json")
    assert items(done.stdout)["acme"]["identity"] is None


def test_a_terminal_is_asked_where_more_ends_than_was_named(cli: Run, environ: dict[str, str], tmp_path: Path) -> None:
    assert cli("login", "acme").code == 0
    environ = {**environ, "TERM": "xterm"}
    for words, asked in ((["acme"], "acme, shared"), (["--all"], "acme, shared")):
        command = [sys.executable, "-m", "togetherctl", "logout", "--local", *words]
        with terminal(command, environ, tmp_path, columns=100) as opened:
            assert f"? Log out of {asked}? (y/N)" in opened.until("(y/N)")
            opened.press("Enter")
            assert "ended with 1" in opened.until("ended with")
    assert items(cli("status", "-o", "json").stdout)["acme"]["state"] == "valid"
    for words in (["acme", "--yes"], ["acme", "shared"]):
        with terminal([*command[:5], *words], environ, tmp_path, columns=100) as opened:
            assert "ended with 0" in opened.until("ended with")
        assert items(cli("status", "-o", "json").stdout)["acme"]["state"] == "none"
        assert cli("login", "acme").code == 0


def test_no_browser_prints_the_address_and_listens(
    config: Path, environ: dict[str, str], tmp_path: Path, issuer: ScriptedIssuer
) -> None:
    """In a process of its own, at a terminal with a browser that would leave a trace."""
    assert config.exists()
    trace = tmp_path / "opened"
    environ = {**environ, "TERM": "xterm", "TOGETHERCTL_BROWSER": f"touch {trace}"}
    words = [sys.executable, "-m", "togetherctl", "login", "acme", "--no-browser", "--grant", "authcode"]
    with terminal(words, environ, tmp_path, columns=400) as opened:
        screen = opened.until("code_challenge=")
        assert "Open this address in your browser:" in screen
        [address] = [line.strip() for line in screen.splitlines() if line.strip().startswith(issuer.url)]
        with urllib.request.urlopen(address, timeout=30) as page:  # noqa: S310 # the issuer of this test
            assert b"me@acme.com" in page.read()
        assert "Logged in as me@acme.com" in opened.until("ended with 0")
    assert not trace.exists()
