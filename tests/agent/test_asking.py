"""How the person is asked: in the agent's terminal, and by notifications."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.running_agent import Far, RunningAgent
from tests.agent.scripted_loop import ScriptedLoop
from tests.support.terminal import Terminal, terminal
from togetherctl.agent.answers import Answers
from togetherctl.agent.notifications import Notifications, find_notifications
from togetherctl.agent.protocol import Failure
from togetherctl.agent.questions import QuestionDesk

CREDENTIAL = "/v1/credentials/acme"
# What a person sees when no answer is left to give.
READY = "The agent listens"


def in_a_terminal(agent: RunningAgent) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in agent.environ.items()), *command()]


def command() -> list[str]:
    return [sys.executable, "-m", "togetherctl", "agent", "run"]


@pytest.fixture
def opened(agent: RunningAgent, asking: Path, tmp_path: Path) -> Iterator[Terminal]:
    assert asking.exists()
    with terminal(in_a_terminal(agent), {"TERM": "xterm"}, tmp_path) as shown:
        shown.until(READY)
        yield shown


def test_the_terminal_of_the_agent_asks(opened: Terminal, agent: RunningAgent) -> None:
    far = Far(agent.forward("head"), "GET", CREDENTIAL)
    screen = opened.until("Type one of them and press Enter")
    assert "May head have the credential of profile acme?" in screen
    assert "It can act as you at the clusters of this profile until the token expires." in screen
    opened.press("x")
    opened.press("Enter")
    opened.until("That is none of y, 15m, 1h, 8h, n, never.")
    assert far.waits
    opened.press("never")
    opened.press("Enter")
    opened.until("No, for one hour.")
    status, document = far.answer()
    assert status == 403
    assert "said no to the credential of profile acme for head" in document["error"]["message"]
    [kept] = json.loads((agent.state / "answers.json").read_text())["answers"]
    assert (kept["yes"], 3500 < kept["until"] - time.time() <= 3600) == (False, True)


def test_keys_from_before_the_question_answer_nothing(opened: Terminal, agent: RunningAgent) -> None:
    opened.press("y")
    opened.press("Enter")
    opened.press("y")
    far = Far(agent.forward("head"), "GET", CREDENTIAL)
    opened.until("Type one of them and press Enter")
    opened.press("Enter")
    opened.until("That is none of y,")
    assert far.waits
    far.leave()
    opened.until("The question was taken back.")


def test_the_terminal_of_the_agent_tells_that_a_login_failed(opened: Terminal, agent: RunningAgent) -> None:
    far = Far(agent.forward("head"), "POST", "/v1/logins", {"profile": "acme"})
    opened.until("Type one of them and press Enter")
    opened.press("y")
    opened.press("Enter")
    opened.until("The login that head asked for failed: profile acme: no browser can be opened")
    assert far.answer()[0] == 401


def test_one_question_after_the_other_and_answers_from_elsewhere(opened: Terminal, agent: RunningAgent) -> None:
    first = Far(agent.forward("head"), "GET", CREDENTIAL)
    opened.until("May head have")
    other = Far(agent.forward("other"), "GET", CREDENTIAL)
    agent.until(lambda: len(agent.questions()) == 2, "the second question")
    assert "May other have" not in opened.everything()
    agent.answer(agent.question(host="head"), "no")
    assert first.answer()[0] == 403
    opened.until("Answered elsewhere: no.")
    opened.until("May other have")
    opened.press("n")
    opened.press("Enter")
    assert other.answer()[0] == 403
    opened.press("C-c")
    opened.until("ended with 130")


def test_the_agent_works_while_it_asks_and_in_the_background(agent: RunningAgent, asking: Path, tmp_path: Path) -> None:
    assert asking.exists()
    words = " ".join(["env", *(f"'{name}={value}'" for name, value in agent.environ.items()), *command()])
    # Job control, as in the shell of a person.
    with terminal(["bash", "--norc", "-i"], {"TERM": "xterm", "PS1": "$ "}, tmp_path) as shown:
        shown.paste(f"{words} &")
        shown.until(READY)
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        shown.until("This terminal is in other hands")
        # What is typed is the shell's.
        shown.paste("echo 4$((1+1))")
        shown.until("42")
        agent.answer(agent.question(host="head"), "no")
        assert far.answer()[0] == 403
        shown.paste("kill %1; wait; echo over")
        shown.until("over")


class Told:
    def __init__(self) -> None:
        self.told: list[Failure | None] = []

    def __call__(self, refusal: Failure | None) -> None:
        self.told.append(refusal)


class Desktop:
    """A notify-send that keeps its words, and then does what the test says."""

    def __init__(self, folder: Path, does: str) -> None:
        self.words = folder / "words"
        programs = folder / "programs"
        programs.mkdir()
        script = programs / "notify-send"
        keeps = f'{{ for word in "$@"; do printf "%s\\0" "$word"; done; printf "\\0"; }} >> "{self.words}"'
        script.write_text(f"#!/bin/sh\n{keeps}\n{does}\n")
        script.chmod(0o700)
        self.environ = {"PATH": f"{programs}:{os.environ['PATH']}", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
        self.loop = ScriptedLoop()
        self.desk = QuestionDesk(self.loop, Answers(folder / "answers.json", print), str, clock=self.loop.clock)
        found = find_notifications(self.desk, self.loop, self.environ)
        assert isinstance(found, Notifications)
        self.desk.askers.append(found)
        self.found = found

    def ask(self, profile: str = "acme", host: str | None = "head") -> Told:
        told = Told()
        self.desk.ask("credential", profile, host, told)
        return told

    def calls(self) -> list[list[str]]:
        return [call.split("\0") for call in self.words.read_text().split("\0\0") if call]

    def wait_for(self, number: int) -> None:
        ends = time.monotonic() + 60
        while not self.words.exists() or len(self.calls()) < number:
            assert time.monotonic() < ends
            time.sleep(0.02)


def test_a_button_of_the_notification_is_the_answer(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path, "echo 1h")
    told = desktop.ask()
    desktop.loop.drain()
    assert told.told == [None]
    [words] = desktop.calls()
    assert words[:5] == [
        "--app-name=togetherctl",
        "--urgency=critical",
        "--expire-time=60000",
        "--category=transfer",
        "--icon=dialog-password",
    ]
    assert words[5:9] == [
        "--action=y=Yes, this once",
        "--action=1h=Yes, for one hour",
        "--action=n=No",
        "--action=never=No, for one hour",
    ]
    assert words[9:11] == ["--", "togetherctl"]
    assert words[11].startswith("May head have the credential of profile acme?\n")
    [kept] = json.loads((tmp_path / "answers.json").read_text())["answers"]
    assert (kept["yes"], kept["until"]) == (True, desktop.loop.now + 3600)


def test_what_a_host_is_called_is_no_markup_and_no_option(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path, "exit 0")
    desktop.ask("acme", "--help <b>you\u202e\x1b[31m & me</b>\n")
    desktop.loop.drain()
    [words] = desktop.calls()
    assert words.count("--") == 1
    text = words[words.index("--") + 2]
    assert "--help &lt;b&gt;you\\u202e\\x1b[31m &amp; me&lt;/b&gt;" in text


@pytest.mark.parametrize("does", ["echo", "echo yes", "echo y1", "exit 0", "printf '%300s'"])
def test_what_is_no_button_answers_nothing(does: str, tmp_path: Path) -> None:
    desktop = Desktop(tmp_path, does)
    told = desktop.ask()
    desktop.loop.drain()
    assert told.told == []
    assert len(desktop.desk.pending()) == 1


def test_an_old_notify_send_says_at_least_that_there_is_a_question(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path, 'case "$*" in *--action*) exit 1;; esac')
    told = desktop.ask()
    desktop.loop.drain()
    assert told.told == []
    [first, second] = desktop.calls()
    assert [any(word.startswith("--action") for word in words) for words in (first, second)] == [True, False]


def test_the_notification_goes_when_the_question_does(tmp_path: Path) -> None:
    marks, listens = tmp_path / "closed", tmp_path / "listens"
    desktop = Desktop(tmp_path, f"trap 'echo closed > {marks}; exit' INT\n: > {listens}\nwhile :; do sleep 0.05; done")
    told = desktop.ask()
    desktop.wait_for(1)
    ends = time.monotonic() + 60
    while not listens.exists():
        assert time.monotonic() < ends
        time.sleep(0.02)
    [number] = [one["id"] for one in desktop.desk.pending()]
    desktop.desk.answer(number, yes=False, seconds=0)
    assert len(told.told) == 1
    ends = time.monotonic() + 60
    while not marks.exists():
        assert time.monotonic() < ends
        time.sleep(0.02)
    desktop.loop.wait(3.0)
    assert desktop.loop.is_idle


def test_a_login_that_failed_is_a_notification_without_buttons(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path, "exit 0")
    desktop.desk.show_login("acme", "head", 300.0, lambda: None)("no", "profile acme: no browser")
    desktop.loop.wait(3.0)
    desktop.loop.drain()
    words = desktop.calls()[-1]
    assert words[-1] == "The login that head asked for failed: profile acme: no browser"
    assert not [word for word in words if word.startswith("--action")]


def test_without_a_desktop_there_are_no_notifications(tmp_path: Path) -> None:
    loop = ScriptedLoop()
    desk = QuestionDesk(loop, Answers(tmp_path / "answers.json", print), str, clock=loop.clock)
    desktop = Desktop(tmp_path, "exit 0")
    path = {"PATH": desktop.environ["PATH"]}
    assert find_notifications(desk, loop, path) is None
    assert find_notifications(desk, loop, {"DBUS_SESSION_BUS_ADDRESS": "x", "PATH": "/nowhere"}) is None
    assert find_notifications(desk, loop, {**path, "XDG_RUNTIME_DIR": str(tmp_path)}) is None
    (tmp_path / "bus").touch()
    assert find_notifications(desk, loop, {**path, "XDG_RUNTIME_DIR": str(tmp_path)}) is not None


def test_the_agent_asks_by_a_notification(agent: RunningAgent, asking: Path, tmp_path: Path) -> None:
    assert asking.exists()
    desktop = Desktop(tmp_path, "echo n")
    agent.start(**desktop.environ)
    far = Far(agent.forward("head"), "GET", CREDENTIAL)
    assert far.answer()[0] == 403
    assert len(desktop.calls()) == 1
