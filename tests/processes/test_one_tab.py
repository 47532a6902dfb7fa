"""Any number of processes without a session: one tab, whoever dies, is stopped, or is told no."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.visit import visit

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin
    from tests.support.issuer import ScriptedIssuer

MANY = 50


def test_many_at_once_open_one_tab_and_are_all_served(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    ended = [plugin.end(process) for process in [plugin.start() for _ in range(MANY)]]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert (plugin.visits, issuer.counts["/token"]) == (1, 1)
    assert sum("Your browser has been opened at" in stderr for _, _, stderr in ended) == 1
    assert plugin.login_record() is None


def test_waiters_say_once_whose_login_they_wait_for(plugin: Plugin) -> None:
    owner = plugin.start(how="nothing")
    plugin.wait_until(plugin.login_record)
    record = plugin.login_record()
    assert record is not None
    assert (record["owner"], record["address"].startswith("http://localhost:")) == (owner.pid, True)
    waiter = plugin.start(how="nothing")
    assert waiter.stderr is not None
    assert f"that process {owner.pid} opened" in waiter.stderr.readline()
    assert waiter.stderr.readline().strip() == record["address"]
    owner.send_signal(signal.SIGINT)
    assert plugin.end(owner)[0] == 130
    # Ctrl-C means that its tab is no longer wanted: the next one opens its own, and has said nothing in between.
    assert waiter.stderr.readline() == "Your browser has been opened at:\n"
    plugin.wait_until(lambda: plugin.visits == 2)


def test_ctrl_c_of_a_waiter_harms_no_other(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    owner = plugin.start(how="nothing")
    plugin.wait_until(plugin.login_record)
    waiters = [plugin.start() for _ in range(3)]
    for waiter in waiters:
        assert waiter.stderr is not None
        assert "Waiting for the login" in waiter.stderr.readline()
    waiters[0].send_signal(signal.SIGINT)
    assert plugin.end(waiters[0])[0] == 130
    record = plugin.login_record()
    assert record is not None
    visit("log-in", str(plugin.home / "visits"), record["address"])
    codes = [plugin.end(process)[0] for process in (owner, *waiters[1:])]
    assert (codes, issuer.counts["/token"]) == ([0, 0, 0], 1)


def test_an_owner_killed_in_front_of_its_tab_blocks_nobody(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    owner = plugin.start(how="nothing")
    plugin.wait_until(lambda: plugin.login_record() and plugin.visits)
    waiters = [plugin.start() for _ in range(5)]
    owner.kill()
    ended = [plugin.end(waiter) for waiter in waiters]
    assert [code for code, _, _ in ended] == [0] * 5
    assert (plugin.visits, issuer.counts["/token"]) == (2, 1)


def test_a_second_owner_that_dies_is_the_last(plugin: Plugin) -> None:
    for visits in (1, 2):
        owner = plugin.start(how="nothing")
        plugin.wait_until(partial(_has_opened, plugin, visits))
        owner.kill()
        owner.wait(10)
    code, stdout, stderr = plugin.run()
    assert (code, stdout, plugin.visits) == (3, "", 2)
    assert "the last two logins ended before a person could answer" in stderr
    assert "run: togetherctl login acme" in stderr
    assert plugin.run("login")[0] == 0
    assert plugin.visits == 3


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_closed_terminal_ends_the_login(plugin: Plugin, number: signal.Signals) -> None:
    owner = plugin.start(how="nothing")
    plugin.wait_until(lambda: plugin.login_record() and plugin.visits)
    owner.send_signal(number)
    assert plugin.end(owner)[0] == 128 + number
    record = plugin.login_record()
    assert record is not None
    assert record["failed_at"] is not None
    code, _, stderr = plugin.run()
    assert (code, plugin.visits) == (3, 1)
    assert "(it was stopped); no other login opens by itself" in stderr


def test_nohup_is_respected(plugin: Plugin) -> None:
    script = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "os.execv(sys.executable, [sys.executable, '-m', 'togetherctl', 'get-token', '--profile', 'acme'])"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**plugin.environ, **plugin.browser("nothing")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    plugin.started.append(owner)
    plugin.wait_until(plugin.login_record)
    owner.send_signal(signal.SIGHUP)
    record = plugin.login_record()
    assert record is not None
    visit("log-in", str(plugin.home / "visits"), record["address"])
    assert plugin.end(owner)[0] == 0


def test_a_denied_login_opens_no_second_tab(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    owner = plugin.start(how="nothing")
    plugin.wait_until(plugin.login_record)
    plugin.wait_until(lambda: plugin.visits)
    record = plugin.login_record()
    assert record is not None
    waiters = [plugin.start() for _ in range(3)]
    for waiter in waiters:
        assert waiter.stderr is not None
        waiter.stderr.readline()
    visit("deny", str(plugin.home / "visits"), record["address"])
    code, _, stderr = plugin.end(owner)
    assert (code, "the issuer refused the login: access_denied" in stderr) == (5, True)
    before = plugin.visits
    # Those who waited for it, and the five calls that kubectl makes of one command.
    for code, stdout, stderr in [plugin.end(waiter) for waiter in waiters] + [plugin.run() for _ in range(5)]:
        assert (code, stdout) == (3, "")
        assert "access_denied" in stderr
        assert "run: togetherctl login acme" in stderr
    assert (plugin.visits, issuer.counts["/token"]) == (before, 0)
    assert plugin.run("login")[0] == 0
    assert plugin.visits == before + 1
    assert plugin.login_record() is None


def test_an_issuer_that_is_down_opens_nothing(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    issuer.stop()
    ended = [plugin.end(process) for process in [plugin.start() for _ in range(10)]]
    assert {(code, stdout) for code, stdout, _ in ended} == {(4, "")}, [said for code, _, said in ended if code != 4]
    assert all("refused the connection" in stderr for _, _, stderr in ended)
    assert plugin.visits == 0
    # Nobody saw a tab, so nothing has to cool down.
    issuer.start()
    assert plugin.run()[0] == 0


def _has_opened(plugin: Plugin, visits: int) -> bool:
    record = plugin.login_record()
    return plugin.visits == visits and record is not None and record["second_chance"] is (visits == 2)
