"""A login for a far machine: asked for, opened in the browser here, and ended from either side."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import Far, RunningAgent, call

if TYPE_CHECKING:
    from tests.support.canary import Canary

LOGINS = "/v1/logins"
ACME = {"profile": "acme"}


@pytest.fixture
def visits(home: Path) -> Path:
    return home / "visits"


@pytest.fixture
def started(agent: RunningAgent, asking: Path) -> RunningAgent:
    assert asking.exists()
    return agent


def browser(how: str, visits: Path) -> dict[str, str]:
    words = [sys.executable, "-m", "tests.support.visit", how, str(visits), "{url}"]
    return {"TOGETHERCTL_BROWSER": shlex.join(words)}


def test_it_is_asked_for_and_then_the_credential_goes_out(started: RunningAgent, visits: Path, canary: Canary) -> None:
    started.start(**browser("log-in", visits))
    head = started.forward("head")
    far = Far(head, "POST", LOGINS, ACME)
    question = started.question(kind="login")
    assert (question["profile"], question["host"], question["runs"]) == ("acme", "head", False)
    assert not visits.exists()
    started.answer(question, "yes")
    assert far.answer() == (200, {"profile": "acme", "logged_in": True})
    # What it was for needs no second question; the next credential does.
    status, credential = call(head, "GET", "/v1/credentials/acme")
    assert status == 200
    canary.watch("a token", credential["status"]["token"])
    again = Far(head, "GET", "/v1/credentials/acme")
    started.answer(started.question(kind="credential"), "no")
    assert again.answer()[0] == 403
    said = started.stop()
    assert "login of acme for head: given" in said
    canary.saw("what the agent said", said + (started.state / "log.jsonl").read_text())


def test_who_is_logged_out_is_asked_for_the_login_alone(started: RunningAgent, visits: Path) -> None:
    """Not for the credential first, which there is none of."""
    for session in (started.state.parent / "sessions").glob("*.json"):
        session.unlink()
    started.start(**browser("log-in", visits))
    head = started.forward("head")
    far = Far(head, "GET", "/v1/credentials/acme")
    status, document = far.answer()
    assert (status, document["error"]["code"]) == (401, "login_required")
    assert document["error"]["hint_command"] == "togetherctl login acme"
    far = Far(head, "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    assert far.answer()[0] == 200
    assert call(head, "GET", "/v1/credentials/acme")[0] == 200
    assert "credential of acme for head: login_required" in started.stop()


def test_a_no_for_a_while_counts_for_who_is_logged_out(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("log-in", visits))
    head = started.forward("head")
    far = Far(head, "GET", "/v1/credentials/acme")
    started.answer(started.question(kind="credential"), "no", 3600)
    assert far.answer()[0] == 403
    for session in (started.state.parent / "sessions").glob("*.json"):
        session.unlink()
    assert call(head, "GET", "/v1/credentials/acme")[0] == 403


def test_no_is_no_and_opens_nothing(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("log-in", visits))
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login"), "no")
    status, document = far.answer()
    assert (status, document["error"]["code"], document["error"]["exit"]) == (403, "forbidden", 5)
    assert document["error"]["message"].startswith("the person at the agent's machine said no to a login to profile")
    assert not visits.exists()


def test_who_goes_away_ends_the_question_and_the_login(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("nothing", visits))
    head = started.forward("head")
    gone = Far(head, "POST", LOGINS, ACME)
    started.question(kind="login")
    gone.leave()
    started.until(lambda: not started.questions(), "the end of the question")

    far = Far(head, "POST", LOGINS, ACME)
    started.until(lambda: not far.waits or started.questions(), "the next question")
    if not far.waits:
        # The host may ask again a moment later.
        assert "is not asked again" in far.answer()[1]["error"]["message"]
        far = Far(started.forward("other"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    started.question(kind="login", runs=True)
    started.until(visits.exists, "the browser")
    assert started.children("login")
    far.leave()
    started.until(lambda: not started.children("login"), "the end of the child")
    assert started.questions() == []


def test_the_person_cancels_a_login_that_runs(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("nothing", visits))
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    running = started.question(kind="login", runs=True)
    started.until(visits.exists, "the browser")
    assert call(started.control, "POST", f"/v1/questions/{running['id']}", {"answer": "yes", "seconds": 0})[0] == 404
    started.answer(running, "no")
    status, document = far.answer()
    assert status == 401
    assert document["error"]["message"] == "the login to profile acme was cancelled at the agent's machine"
    started.until(lambda: not started.children("login"), "the end of the child")
    # The same host rests for a moment; another may ask at once.
    again = Far(started.forward("head2"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    started.question(kind="login", runs=True)
    again.leave()


def test_what_the_issuer_refuses_is_told_and_no_more(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("deny", visits))
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login"), "yes")
    status, document = far.answer()
    assert (status, document["error"]["code"], document["error"]["exit"]) == (401, "login_required", 3)
    assert "access_denied" in document["error"]["message"]
    assert set(document["error"]) == {"code", "exit", "message", "hint", "hint_command"}


def test_two_hosts_are_two_questions_and_one_login(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("nothing", visits))
    first = Far(started.forward("head"), "POST", LOGINS, ACME)
    second = Far(started.forward("other"), "POST", LOGINS, ACME)
    for host in ("head", "other"):
        started.answer(started.question(kind="login", host=host, runs=False), "yes")
        started.question(kind="login", host=host, runs=True)
    started.until(visits.exists, "the browser")
    [child] = started.children("login")
    first.leave()
    started.until(lambda: len(started.questions()) == 1, "the end of the first")
    assert started.children("login") == [child]
    assert second.waits
    started.answer(started.question(host="other"), "no")
    assert second.answer()[0] == 401
    assert len(visits.read_text().splitlines()) == 1


def test_a_child_that_is_killed_is_a_failure_in_words(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("nothing", visits))
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    started.until(visits.exists, "the browser")
    for pid in started.children("login"):
        os.kill(pid, signal.SIGKILL)
    status, document = far.answer()
    assert (status, document["error"]["exit"]) == (401, 3)
    assert "profile acme" in document["error"]["message"]
    assert started.questions() == []


def test_a_profile_that_is_never_handed_out_logs_nobody_in(agent: RunningAgent, acme: Path, visits: Path) -> None:
    assert acme.exists()
    agent.start(**browser("log-in", visits))
    status, document = call(agent.forward("head"), "POST", LOGINS, ACME)
    assert (status, document["error"]["code"]) == (403, "forbidden")
    assert agent.questions() == []
    assert not visits.exists()


def test_answers_are_in_a_private_file_that_a_restart_keeps(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("log-in", visits))
    far = Far(started.forward("head"), "GET", "/v1/credentials/acme")
    started.answer(started.question(kind="credential"), "no", 3600)
    assert far.answer()[0] == 403
    started.stop()
    answers = started.state / "answers.json"
    assert answers.stat().st_mode & 0o777 == 0o600
    [kept] = json.loads(answers.read_text())["answers"]
    assert {name: kept[name] for name in ("kind", "profile", "host", "yes")} == {
        "kind": "credential",
        "profile": "acme",
        "host": "head",
        "yes": False,
    }
    started.start(**browser("log-in", visits))
    status, document = call(started.forward("head"), "GET", "/v1/credentials/acme")
    assert (status, started.questions()) == (403, [])
    assert "said no" in document["error"]["message"]
    # Damaged, it is one sentence, and the person is asked.
    answers.write_text("{ garbage")
    far = Far(started.forward("head"), "GET", "/v1/credentials/acme")
    started.question(kind="credential", host="head")
    far.leave()
    assert started.stop().count("what was answered before is asked again") == 1


def test_an_agent_that_ends_leaves_neither_a_login_nor_a_question(
    started: RunningAgent, visits: Path, tmp_path: Path
) -> None:
    programs, closed = tmp_path / "programs", tmp_path / "closed"
    programs.mkdir()
    notify = programs / "notify-send"
    notify.write_text(f"#!/bin/sh\ntrap 'echo closed >> {closed}; exit' INT\nwhile :; do sleep 0.05; done\n")
    notify.chmod(0o700)
    desktop = {"PATH": f"{programs}:{os.environ['PATH']}", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    started.start(**browser("nothing", visits), **desktop)
    login = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    started.until(visits.exists, "the browser")
    asked = Far(started.forward("other"), "GET", "/v1/credentials/acme")
    started.question(kind="credential")
    started.stop()
    started.until(lambda: not started.children("login"), "the end of the child")
    # One of the question that was answered, one of the login that ran, one of the question that waited.
    started.until(lambda: closed.exists() and len(closed.read_text().splitlines()) == 3, "the end of what was shown")
    login.leave()
    asked.leave()


def test_an_agent_that_is_killed_leaves_no_login(started: RunningAgent, visits: Path) -> None:
    started.start(**browser("nothing", visits))
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    started.until(visits.exists, "the browser")
    assert started.children("login")
    assert started.process is not None
    started.process.kill()
    started.process.communicate()
    started.process = None
    started.until(lambda: not started.children("login"), "the end of the child")
    far.leave()


def test_where_no_browser_can_open_here_it_says_so(started: RunningAgent) -> None:
    started.start()
    far = Far(started.forward("head"), "POST", LOGINS, ACME)
    started.answer(started.question(kind="login", runs=False), "yes")
    status, document = far.answer()
    assert (status, document["error"]["exit"]) == (401, 3)
    assert document["error"]["message"].startswith("profile acme: no browser can be opened at the agent's machine: ")
    # The person looks at this machine, and not at the far one.
    [failed] = call(started.control, "GET", "/v1/questions")[1]["failed"]
    assert (failed["host"], failed["message"]) == ("head", document["error"]["message"])
