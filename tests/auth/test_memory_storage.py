"""Sessions in memory: they end with the process, and nothing of them is left anywhere."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.memory import MemorySessions
from togetherctl.auth.engine import Outcome, Policy
from togetherctl.auth.session import Session
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

SESSION = Session("https://login.example.com", "x", "user-1", "me@acme.com")


@pytest.fixture
def in_memory(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    return config_at(issuer, "", 'storage = "memory"')


@pytest.mark.usefixtures("in_memory")
def test_each_command_logs_in_and_leaves_nothing(
    cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock, home: Path, canary: Canary
) -> None:
    cli = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    tokens = {json.loads(cli("get-token", "--profile", "acme").stdout)["status"]["token"] for _ in range(2)}
    assert (len(tokens), len(browser.opened)) == (2, 2)
    done = cli("login")
    assert done.code == 0
    assert "the token is valid for 5m 00s.\n" in done.stderr
    assert "The session is kept in memory only: it ends when this togetherctl ends." in done.stderr
    [item] = json.loads(cli("status", "-o", "json").stdout)["items"]
    assert (item["state"], item["storage"], item["last_error"]) == ("none", "memory", None)
    done = cli("refresh")
    assert (done.code, "login required: there is no session" in done.stderr) == (3, True)
    assert cli("get-token", "--profile", "acme", CI="1").code == 3
    assert cli("logout").stderr == "Profile acme had no session.\n"

    assert not (home / "tctl" / "state").exists()
    for path in home.rglob("*"):
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [kind for secret, kind in canary.secrets.items() if secret in text]


@pytest.mark.usefixtures("in_memory")
def test_within_a_process_the_session_lives(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, issuer: ScriptedIssuer, home: Path
) -> None:
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    first = world.engine.credential(profile, Policy()).token
    assert world.engine.credential(profile, Policy()).token == first
    assert world.engine.login(profile, Policy())[1] is Outcome.STILL_VALID
    clock.advance(1000)
    assert world.engine.credential(profile, Policy()).token != first
    assert len(browser.opened) == 1
    # Another process knows nothing of it.
    assert make_world().engine.load(profile) is None
    assert world.engine.logout(profile).revoked
    assert issuer.revoked
    assert world.engine.load(profile) is None
    assert not (home / "tctl" / "state").exists()


def test_logout_ends_what_an_earlier_storage_left(
    acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    cli = cli_in(clock=clock, open_browser=browser)
    assert cli("login").code == 0
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")
    acme.write_text(acme.read_text().replace("[clusters", 'storage = "memory"\n[clusters'))
    assert json.loads(cli("status", "-o", "json").stdout)["items"][0]["state"] == "none"
    assert path.exists()
    assert cli("logout").code == 0
    assert not path.exists()


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    sessions = MemorySessions(FileSessions(tmp_path / "sessions"))
    told: list[float] = []
    with sessions.lock("a", seconds=1):
        waited: list[BaseException] = []

        def want() -> None:
            try:
                with sessions.lock("a", seconds=0.1, waiting=told.append):
                    pass
            except LockTimeout as error:
                waited.append(error)

        thread = threading.Thread(target=want)
        thread.start()
        thread.join(10)
        assert (len(waited), bool(told)) == (1, True)
        with sessions.lock("b", seconds=0):
            pass
    with sessions.lock("a", seconds=0):
        sessions.save("a", SESSION)
    assert sessions.load("a") == SESSION
    assert sessions.set_aside("a") is None
    assert sessions.delete("a")
    assert not sessions.delete("a")
    assert not (tmp_path / "sessions").exists()
