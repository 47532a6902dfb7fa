"""What a "yes" is to: the profile as it was when the person was asked, and nothing that got its name since."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.agent.running_agent import Far, RunningAgent, call

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer

ACME = "/v1/credentials/acme"
ACCOUNT = "me@acme.com"
HOUR = 3600.0

Write = Callable[..., Path]


@pytest.fixture
def write(write_config: Callable[[str], Path], issuer: ScriptedIssuer) -> Write:
    """Writes the configuration: the keys of each profile by its name."""

    def write_it(**profiles: str) -> Path:
        tables = [f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"']
        for name, keys in profiles.items():
            same = f'issuer = "acme"\nclient_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]'
            tables.append(f"[profiles.{name}]\n{same}\n{keys}")
        return write_config("\n".join(tables) + "\n")

    return write_it


def type_in(agent: RunningAgent, *words: str) -> None:
    """A command of the person at the agent's machine, whose browser logs in by itself."""
    browser = [sys.executable, "-m", "tests.support.visit", "log-in", f"{agent.folder}-visits", "{url}"]
    done = subprocess.run(
        [sys.executable, "-m", "togetherctl", *words],
        env={**agent.environ, "TOGETHERCTL_BROWSER": shlex.join(browser)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


def say_yes(agent: RunningAgent, socket: Path, seconds: float) -> None:
    """The person agrees to hand out acme to the host of this socket."""
    far = Far(socket, "GET", ACME)
    agent.answer(agent.question(kind="credential"), "yes", seconds)
    assert far.answer()[0] == 200


def click_yes(agent: RunningAgent, question: dict[str, Any]) -> None:
    """The "yes" of a notification that still stands, also where the agent has taken the question back already."""
    call(agent.control, "POST", f"/v1/questions/{question['id']}", {"answer": "yes", "seconds": 0})


def refusal(far: Far) -> str:
    status, document = far.answer()
    assert status == 403, document.keys()
    return str(document["error"]["message"])


def test_a_yes_after_never_hands_nothing_out(agent: RunningAgent, write: Write) -> None:
    write(acme='forward = "ask"')
    agent.start()
    type_in(agent, "login", "acme")
    far = Far(agent.forward("head"), "GET", ACME)
    question = agent.question(kind="credential")
    type_in(agent, "profile", "set", "acme", "forward=never")
    click_yes(agent, question)
    assert refusal(far) == "profile acme: the agent may not hand it out"


def test_a_question_about_what_changed_is_taken_back(agent: RunningAgent, write: Write) -> None:
    write(acme='forward = "ask"', lab=f'forward = "ask"\naccount = "{ACCOUNT}"')
    type_in(agent, "login", "acme")
    type_in(agent, "login", "lab")
    agent.start()
    head = agent.forward("head")
    far, login = Far(head, "GET", ACME), Far(head, "POST", "/v1/logins", {"profile": "acme"})
    other = Far(head, "GET", "/v1/credentials/lab")
    agent.until(lambda: len(agent.questions()) == 3, "the questions")
    type_in(agent, "profile", "set", "acme", "forward=never")
    agent.until(lambda: len(agent.questions()) == 1, "the end of the questions")
    assert refusal(far) == refusal(login) == "profile acme: the agent may not hand it out"
    assert other.waits
    # The host that asked did nothing wrong, and may ask again at once.
    type_in(agent, "profile", "set", "acme", "forward=ask")
    again = Far(head, "GET", ACME)
    agent.question(profile="acme")
    assert again.waits


def test_a_yes_to_one_account_hands_out_no_other(agent: RunningAgent, write: Write) -> None:
    write(acme='forward = "ask"', prod=f'forward = "never"\naccount = "{ACCOUNT}"')
    agent.start()
    type_in(agent, "login", "acme")
    type_in(agent, "login", "prod")
    far = Far(agent.forward("head"), "GET", ACME)
    question = agent.question(kind="credential")
    write(acme=f'forward = "always"\naccount = "{ACCOUNT}"')
    click_yes(agent, question)
    assert refusal(far) == "profile acme was changed to another login while it was asked for; try again"


def test_a_yes_to_a_login_after_never_opens_nothing(agent: RunningAgent, write: Write, home: Path) -> None:
    write(acme='forward = "ask"')
    visits = home / "visits"
    words = [sys.executable, "-m", "tests.support.visit", "log-in", str(visits), "{url}"]
    agent.start(TOGETHERCTL_BROWSER=shlex.join(words))
    far = Far(agent.forward("head"), "POST", "/v1/logins", {"profile": "acme"})
    question = agent.question(kind="login")
    type_in(agent, "profile", "set", "acme", "forward=never")
    click_yes(agent, question)
    assert refusal(far) == "profile acme: the agent may not hand it out"
    assert not visits.exists()


def is_asked(agent: RunningAgent, socket: Path) -> bool:
    """Whether the host of this socket has to wait for the person again."""
    far = Far(socket, "GET", ACME)
    agent.until(lambda: agent.questions() or not far.waits, "a question or an answer")
    waits = far.waits
    far.leave()
    agent.until(lambda: not agent.questions(), "the end of the question")
    return waits


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param([["profile", "rename", "acme", "old"], ["profile", "rename", "prod", "acme"]], id="renamed"),
        pytest.param(
            [["profile", "set", "acme", "forward=never"], ["profile", "set", "acme", "forward=ask"]], id="set"
        ),
        pytest.param(
            [["profile", "set", "acme", "forward=always"], ["profile", "set", "acme", "forward=ask"]], id="let"
        ),
        pytest.param([["profile", "unset", "acme", "forward"], ["profile", "set", "acme", "forward=ask"]], id="unset"),
        pytest.param([["logout", "acme", "--yes"], ["login", "acme"]], id="logged out"),
        pytest.param(
            [
                ["profile", "add", "same", "--like", "acme"],
                ["profile", "remove", "acme", "--yes"],
                ["profile", "rename", "same", "acme"],
                ["login", "acme"],
            ],
            id="removed",
        ),
    ],
)
def test_a_remembered_yes_ends_with_what_it_was_for(
    agent: RunningAgent, write: Write, commands: list[list[str]]
) -> None:
    write(acme='forward = "ask"', prod=f'forward = "ask"\naccount = "{ACCOUNT}"')
    type_in(agent, "login", "acme")
    type_in(agent, "login", "prod")
    agent.start()
    head = agent.forward("head")
    say_yes(agent, head, HOUR)
    assert call(head, "GET", ACME)[0] == 200
    for words in commands:
        type_in(agent, *words)
    assert is_asked(agent, head)


def test_the_agent_forgets_what_an_editor_took_away(agent: RunningAgent, write: Write) -> None:
    write(acme='forward = "ask"')
    type_in(agent, "login", "acme")
    agent.start()
    head = agent.forward("head")
    say_yes(agent, head, HOUR)
    write(acme='forward = "never"')
    assert call(head, "GET", ACME)[0] == 403
    write(acme='forward = "ask" ')
    assert is_asked(agent, head)
