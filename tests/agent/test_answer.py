"""`togetherctl agent answer`: for a person on a terminal, and for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.conftest import end_session
from tests.agent.running_agent import Far, RunningAgent, call
from tests.support.terminal import terminal

if TYPE_CHECKING:
    from tests.conftest import MakeWorld

CREDENTIAL = "/v1/credentials/acme"


@pytest.fixture
def started(agent: RunningAgent, asking: Path) -> RunningAgent:
    assert asking.exists()
    agent.start()
    return agent


def run(agent: RunningAgent, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "togetherctl", "agent", "answer", *words],
        env=agent.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_lists_and_answers(started: RunningAgent) -> None:
    assert run(started) == (0, "", "No question waits.\n")
    far = Far(started.forward("head"), "GET", CREDENTIAL)
    question = started.question(host="head")
    code, listed, _ = run(started)
    assert code == 0
    assert listed.splitlines()[0].split() == ["ID", "ASKS", "FOR", "PROFILE", "HOST", "ENDS"]
    assert listed.splitlines()[1].split()[:4] == [question["id"], "credential", "acme", "head"]
    [item] = json.loads(run(started, "-o", "json")[1])["items"]
    assert item == question
    assert run(started, "-o", "name")[1] == f"{question['id']}\n"
    assert run(started, question["id"], "--no", "--for", "15m") == (0, "", "Answered no for 15m 00s.\n")
    assert far.answer()[0] == 403
    [kept] = json.loads((started.state / "answers.json").read_text())["answers"]
    assert (kept["yes"], 840 < kept["until"] - time.time() <= 900) == (False, True)
    assert run(started, "--forget") == (0, "", "Forgot 1 answer.\n")
    assert run(started, "--forget") == (0, "", "Forgot 0 answers.\n")
    code, _, said = run(started, question["id"], "--yes")
    assert (code, said) == (1, "togetherctl: there is no such question any more\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--yes",), "which question? --yes and --no need its ID"),
        (("abc",), "say what the answer is: --yes or --no, with the ID of a question"),
        (("--for", "1h"), "say what the answer is: --yes or --no, with the ID of a question"),
        (("abc", "--yes", "--for", "soon"), "soon is no duration"),
        (("abc", "--yes", "--for", "-5m"), "-5m is no duration"),
        (("abc", "--yes", "--for", "25h"), "an answer counts for a day at most"),
        (("abc", "--forget"), "--forget goes alone"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(words: tuple[str, ...], said: str, started: RunningAgent) -> None:
    code, stdout, stderr = run(started, *words)
    assert (code, stdout, stderr.splitlines()[0]) == (2, "", f"togetherctl: {said}")


def test_without_an_agent_it_says_how_one_starts(agent: RunningAgent, asking: Path) -> None:
    assert asking.exists()
    code, stdout, stderr = run(agent)
    assert (code, stdout) == (3, "")
    assert stderr.splitlines()[0] == "togetherctl: no agent runs"
    assert "togetherctl agent start" in stderr
    # Answers are forgotten without one too.
    assert run(agent, "--forget")[0] == 0


def test_a_person_is_asked_one_after_the_other(started: RunningAgent, tmp_path: Path) -> None:
    first = Far(started.forward("head"), "GET", CREDENTIAL)
    started.question(host="head")
    second = Far(started.forward("other"), "GET", CREDENTIAL)
    started.question(host="other")
    words = ["env", *(f"{name}={value}" for name, value in started.environ.items())]
    words += [sys.executable, "-m", "togetherctl", "agent", "answer"]
    with terminal(words, {"TERM": "xterm"}, tmp_path) as shown:
        screen = shown.until("May head have the credential of profile acme?")
        assert "It can act as you at the clusters of this profile" in screen
        shown.press("Down")
        shown.press("Enter")
        shown.until("Answered: no.")
        assert first.answer()[0] == 403
        shown.until("May other have the credential of profile acme?")
        # Enter alone decides nothing.
        shown.press("Enter")
        shown.until("No other question waits.")
        shown.until("ended with 0")
    assert second.waits
    second.leave()


def test_a_login_that_fails_at_once_is_told_and_not_offered_to_be_cancelled(
    started: RunningAgent, tmp_path: Path
) -> None:
    far = Far(started.forward("head"), "POST", "/v1/logins", {"profile": "acme"})
    started.question(kind="login")
    words = ["env", *(f"{name}={value}" for name, value in started.environ.items())]
    words += [sys.executable, "-m", "togetherctl", "agent", "answer"]
    with terminal(words, {"TERM": "xterm"}, tmp_path) as shown:
        shown.until("May head have you log in to profile acme?")
        for key in ("Down", "Down", "Down", "Enter"):
            shown.press(key)
        shown.until("The login that head asked for failed: profile acme: no browser can be opened")
        shown.until("No other question waits.")
        shown.until("ended with 0")
        assert "cancel this login" not in shown.everything()
    assert far.answer()[0] == 401


def test_a_yes_is_for_the_login_that_the_profile_had_then(
    agent: RunningAgent, asking: Path, make_world: MakeWorld
) -> None:
    agent.start()
    head, target = agent.forward("head"), "/v1/credentials/acme"
    first = Far(head, "GET", target)
    agent.answer(agent.question(kind="credential"), "yes", 3600)
    # The session has ended, and so no credential; but nothing more was asked.
    assert first.answer()[0] == 401
    assert call(head, "GET", target)[0] == 401
    text = asking.read_text()
    other = text.replace('client_id = "', 'client_id = "another-')
    assert other != text
    asking.write_text(other)
    end_session(make_world())
    again = Far(head, "GET", target)
    open_one = agent.question(kind="credential")
    # Changed back while it is open: what was agreed to is not what there is now.
    asking.write_text(text)
    agent.answer(open_one, "yes", 3600)
    status, document = again.answer()
    assert (status, document["error"]["code"]) == (403, "forbidden")
    assert "was changed to another login" in document["error"]["message"]
    assert call(head, "GET", target)[0] == 401
