"""Two accounts at one issuer: `login --account`, `profile add --like`, and what is said where they get mixed up."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.support.issuer import ScriptedIssuer
from tests.support.terminal import terminal

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    return config_at(issuer, "", 'scopes = ["email"]\nmargin = 30\nclient_secret = { env = "ACME_SECRET" }\n')


@pytest.fixture
def cli(config: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock) -> Run:
    assert config.exists()
    run = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    return lambda *words, **changes: run(*words, **{"ACME_SECRET": "s", **changes})


def be(issuer: ScriptedIssuer, account: str) -> None:
    """Who is logged in in the browser from now on."""
    issuer.claims |= {"email": account, "sub": account.partition("@")[0]}


def identities(cli: Run) -> dict[str, Any]:
    return {item["profile"]: item["identity"] for item in json.loads(cli("status", "-o", "json").stdout)["items"]}


def test_a_second_account_has_a_profile_of_its_own(
    cli: Run, config: Path, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    assert cli("login").code == 0
    done = cli("profile", "add", "second", "--like", "acme", "--account", "me2@acme.com", "margin=20")
    assert (done.code, "togetherctl login second" in done.stderr) == (0, True), done.stderr
    tables = tomllib.loads(config.read_text())["profiles"]
    assert tables["second"] == {**tables["acme"], "account": "me2@acme.com", "margin": 20}
    be(issuer, "me2@acme.com")
    assert cli("login", "second").code == 0
    assert "login_hint=me2%40acme.com" in browser.opened[-1]
    assert identities(cli) == {"acme": "me@acme.com", "second": "me2@acme.com"}


def test_without_an_account_its_session_is_its_own_all_the_same(cli: Run, config: Path) -> None:
    assert cli("profile", "add", "second", "--like", "east").code == 0
    assert tomllib.loads(config.read_text())["profiles"]["second"]["session"] == "second"
    assert cli("profile", "add", "third", "--like", "second", "--scope", "groups", "--client-id", "other").code == 0
    third = tomllib.loads(config.read_text())["profiles"]["third"]
    assert (third["scopes"], third["client_id"], "session" in third) == (["groups"], "other", False)
    assert cli("login", "acme").code == 0
    assert identities(cli) == {"acme": "me@acme.com", "second": None, "third": None}


def test_what_profile_add_needs(cli: Run) -> None:
    for words in ([], ["--issuer", "acme"], ["--like", "nobody"]):
        assert cli("profile", "add", "second", *words).code == 2, words
    assert cli("profile", "add", "acme", "--like", "acme").failure[0] == 2


def test_another_account_is_refused_with_a_command_that_helps(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    assert cli("profile", "add", "second", "--like", "acme", "--account", "me2@acme.com").code == 0
    done = cli("login", "second")
    wanted = "togetherctl profile set second auth_params.prompt=select_account"
    assert done.failure == (5, "untrusted", wanted), done.stderr
    assert identities(cli)["second"] is None
    assert cli(*shlex.split(wanted)[1:]).code == 0
    be(issuer, "me2@acme.com")
    assert cli("login", "second").code == 0
    assert "prompt=select_account" in browser.opened[-1]


def test_what_was_asked_for_before_is_asked_for_still(cli: Run) -> None:
    words = ["profile", "add", "second", "--like", "acme", "--account", "me2@acme.com", "auth_params.prompt=consent"]
    assert cli(*words).code == 0
    wanted = "togetherctl profile set second 'auth_params.prompt=consent select_account'"
    assert cli("login", "second").failure[2] == wanted
    assert cli(*shlex.split(wanted)[1:]).code == 0


def test_an_account_for_this_login_alone(
    cli: Run, config: Path, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    before = config.read_text()
    be(issuer, "me2@acme.com")
    done = cli("login", "--account", "me@acme.com")
    # To set a prompt in the profile would end the session it may have.
    add = "togetherctl profile add acme-2 --like acme --account me@acme.com auth_params.prompt=select_account"
    assert done.failure == (5, "untrusted", add)
    done = cli("login", "--account", "ME2@acme.com")
    assert (done.code, "login_hint=ME2%40acme.com" in browser.opened[-1]) == (0, True), done.stderr
    assert identities(cli) == {"acme": "me2@acme.com"}
    # It has that account's session already.
    assert cli("login", "--account", "me2@acme.com").stderr.startswith("Already logged in as me2@acme.com")
    assert config.read_text() == before


def test_the_session_of_another_account_stays_unless_told(
    cli: Run, issuer: ScriptedIssuer, browser: ScriptedBrowser
) -> None:
    assert cli("login").code == 0
    be(issuer, "me2@acme.com")
    done = cli("login", "east", "--account", "me2@acme.com")
    add = "togetherctl profile add acme-2 --like acme --account me2@acme.com"
    assert done.failure == (2, "usage", add), done.stderr
    assert (identities(cli)["acme"], len(browser.opened)) == ("me@acme.com", 1)
    for flag in ("--yes", "--force"):
        assert cli("login", "--account", "me2@acme.com", flag).code == 0
        assert identities(cli)["acme"] == "me2@acme.com"
        be(issuer, "me@acme.com")
        assert cli("login", "--force").code == 0
        be(issuer, "me2@acme.com")
    assert cli(*shlex.split(add)[1:]).code == 0
    assert cli("login", "acme-2", "--account", "other@acme.com").failure[:2] == (2, "usage")
    assert cli("login", "--all", "--account", "me@acme.com").failure == (2, "usage", None)


def test_a_terminal_is_asked_before_a_session_goes(
    cli: Run, config: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert cli("login").code == 0
    assert config.exists()
    environ = {**environ, "TERM": "xterm", "ACME_SECRET": "s"}
    words = [sys.executable, "-m", "togetherctl", "login", "--account", "me2@acme.com"]
    with terminal(words, environ, tmp_path, columns=100) as opened:
        screen = opened.until("(y/N)")
        assert "Profile acme has a session of me@acme.com; one of me2@acme.com would replace it." in screen
        assert "To keep both: togetherctl profile add acme-2 --like acme --account me2@acme.com" in screen
        opened.press("Enter")
        assert "ended with 1" in opened.until("ended with")
    assert identities(cli)["acme"] == "me@acme.com"


def test_a_shared_session_says_how_to_get_a_second_account(cli: Run, config: Path) -> None:
    assert cli("login").code == 0
    assert "Another account" not in cli("login").stderr
    config.write_text(
        config.read_text().replace(
            "[clusters.east]",
            '[profiles.shared]\nissuer = "acme"\nclient_id = "the-client"\nscopes = ["email"]\n'
            'client_secret = { env = "ACME_SECRET" }\n\n[clusters.east]',
        )
    )
    done = cli("login", "shared")
    assert "Already logged in as me@acme.com with profile shared (shared by acme)" in done.stderr
    assert "togetherctl profile add NAME --like shared --account ACCOUNT" in done.stderr


def test_the_page_works_as_it_is_typed(
    cli: Run, config: Path, issuer: ScriptedIssuer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of `docs/two-accounts.md`, in order; the accounts log in as the page has it."""
    assert config.exists()
    monkeypatch.chdir(ca_file.parent)
    page = (ROOT / "docs" / "two-accounts.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert len(lines) > 8
    assert cli("login", "acme").code == 0
    for line in lines:
        be(issuer, "ops@acme.com" if line.endswith("login ops") else "me@acme.com")
        # No API server is there.
        asks_clusters = line.startswith("togetherctl whoami")
        assert cli(*shlex.split(line)[1:]).code == (4 if asks_clusters else 0), line
    assert identities(cli) == {"acme": "me@acme.com"}
    shown = re.search(r"```console\n\$ togetherctl login ops\n(.*?)```", page, re.DOTALL)
    assert cli("profile", "add", "ops", "--like", "acme", "--account", "ops@acme.com").code == 0
    done = cli("login", "ops")
    assert shown is not None
    assert shown[1].replace("https://login.acme.com", issuer.url) in done.stderr
