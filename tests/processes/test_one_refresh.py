"""Any number of processes with an expired session: one refresh, whoever dies and whatever fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Gate, Reply, ScriptedIssuer
from togetherctl.auth.cache.login_record import LoginFile, LoginRecord

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin

MANY = 50


def test_many_at_once_refresh_once_and_are_all_served(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    old = logged_in.aged(life=300, age=1000)
    before = issuer.counts.copy()
    ended = [logged_in.end(process) for process in [logged_in.start() for _ in range(MANY)]]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert old.id_token is not None
    assert ended[0][1] != old.id_token.value
    assert issuer.counts - before == {"/token": 1}
    assert logged_in.visits == 0


def test_an_owner_killed_before_its_answer_is_followed_by_the_next(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=300, age=1000)
    gate = issuer.gates["/token"] = Gate(drops=True)
    owner = logged_in.start()
    gate.wait_for_somebody()
    waiters = [logged_in.start() for _ in range(5)]
    del issuer.gates["/token"]
    owner.kill()
    ended = [logged_in.end(waiter) for waiter in waiters]
    gate.open()
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert (issuer.counts["/token"], logged_in.visits) == (3, 0)  # the login's, the killed one's, the next one's


def test_an_owner_killed_between_the_answer_and_the_write(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """The new refresh token is lost with it, and the old one is spent: one login mends that."""
    logged_in.aged(life=300, age=1000)
    script = (
        "import os, signal\n"
        "from togetherctl.auth.cache.files import FileSessions\n"
        "FileSessions.save = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from togetherctl.commands.run import run\n"
        "run(['get-token', '--profile', 'acme'], os.environ)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script], env=logged_in.environ, check=False, timeout=60)
    assert killed.returncode == -9
    before = issuer.counts["/token"]
    ended = [logged_in.end(process) for process in [logged_in.start() for _ in range(5)]]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    # The spent token once, then the code.
    assert (issuer.counts["/token"] - before, logged_in.visits) == (2, 1)


def test_an_issuer_that_is_busy_is_asked_by_one(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """Who waited for a refresh that failed is told so, instead of each waiting for its own."""
    kept = logged_in.aged(life=300, age=1000)
    issuer.always["/token"] = Reply(429, b"", {"Retry-After": "1"})
    ended = [logged_in.end(process) for process in [logged_in.start() for _ in range(8)]]
    assert {(code, stdout) for code, stdout, _ in ended} == {(4, "")}
    assert all("429 (too many requests; it asks to wait 1 s)" in stderr for _, _, stderr in ended)
    # The login's, and what one owner tried.
    assert issuer.counts["/token"] == 1 + 3
    session = logged_in.session()
    assert session is not None
    assert (session.refresh_token, session.refreshable) == (kept.refresh_token, True)
    assert logged_in.visits == 0


def test_a_refusal_is_heard_once_for_all(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """As Pocket ID 2.9.0 refuses; kubectl asks again and again for one command, and other programs beside it."""
    logged_in.aged(life=300, age=1000)
    issuer.refresh_reply = Reply(400, {"error": "Refresh token is invalid or expired"})
    before = issuer.counts.copy()
    ended = [logged_in.end(each) for each in [logged_in.start(TOGETHERCTL_LOGIN="never") for _ in range(8)]]
    ended += [logged_in.run(TOGETHERCTL_LOGIN="never") for _ in range(3)]
    assert {(code, stdout) for code, stdout, _ in ended} == {(3, "")}
    assert all("Refresh token is invalid or expired" in stderr for _, _, stderr in ended)
    assert all("togetherctl login acme" in stderr for _, _, stderr in ended)
    assert issuer.counts - before == {"/token": 1}
    # Where a login may open, one does for all of them, and nothing that was refused is asked for again.
    ended = [logged_in.end(each) for each in [logged_in.start() for _ in range(8)]]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert (logged_in.visits, issuer.counts["/token"] - before["/token"]) == (1, 2)


def test_an_issuer_that_is_down_keeps_the_tokens(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    kept = logged_in.aged(life=300, age=1000)
    issuer.stop()
    ended = [logged_in.end(process) for process in [logged_in.start() for _ in range(10)]]
    assert {(code, stdout) for code, stdout, _ in ended} == {(4, "")}
    session = logged_in.session()
    assert session is not None
    assert (session.refresh_token, session.id_token) == (kept.refresh_token, kept.id_token)
    assert session.last_error is not None
    assert (session.last_error.code, logged_in.visits) == ("unreachable", 0)
    issuer.start()
    assert logged_in.run()[0] == 0


def test_nobody_is_left_behind(logged_in: Plugin) -> None:
    """The lock's file stays, free."""
    logged_in.aged(life=300, age=1000)
    assert logged_in.run()[0] == 0
    folder = logged_in.home / "state" / "sessions"
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_while_the_issuer_answers_loses_no_refresh_token(
    number: signal.Signals, logged_in: Plugin, issuer: ScriptedIssuer
) -> None:
    logged_in.aged(life=300, age=1000)
    gate = issuer.gates["/token"] = Gate()
    owner = logged_in.start()
    gate.wait_for_somebody()
    owner.send_signal(number)
    gate.open()
    assert logged_in.end(owner)[:2] == (130 if number is signal.SIGINT else 128 + number, "")
    before = issuer.counts["/token"]
    code, _, stderr = logged_in.run()
    assert (code, stderr, issuer.counts["/token"]) == (0, "", before)


def test_a_second_ctrl_c_does_not_wait(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    logged_in.aged(life=300, age=1000)
    gate = issuer.gates["/token"] = Gate(drops=True)
    owner = logged_in.start()
    gate.wait_for_somebody()
    for _ in range(2):
        owner.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert logged_in.end(owner)[0] == 130
    assert not gate.opened.is_set()
    gate.open()


def test_a_logout_waits_for_a_refresh_behind_a_login_that_died(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """And what the refresh brings does not come back after it."""
    logged_in.aged(life=300, age=1000)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(30)
    LoginFile(logged_in.sessions.folder / f"{logged_in.profile.key}.login").write(LoginRecord(dead.pid, time.time()))
    gate = issuer.gates["/token"] = Gate()
    owner = logged_in.start()
    gate.wait_for_somebody()
    leaving = logged_in.start("logout")
    assert leaving.stderr is not None
    assert "Waiting for another togetherctl" in leaving.stderr.readline()
    gate.open()
    assert logged_in.end(owner)[0] == 0
    assert logged_in.end(leaving)[0] == 0
    assert logged_in.session() is None
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
