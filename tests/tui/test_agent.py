"""The agent in the terminal interface: its questions come up by themselves, and its screen shows what it handed out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from docs.screens import NOW
from tests.agent.conftest import end_session
from tests.agent.running_agent import Far, RunningAgent, running_agent
from tests.support.screens import becomes, strips
from tests.tui.test_snapshots import SIZES, can_be_read, colours
from togetherctl.agent.answers import Remembered
from togetherctl.tui.screens.agent import AgentScreen
from togetherctl.tui.screens.agent_question import AgentQuestion
from togetherctl.usecases.agent_questions import WaitingQuestion
from togetherctl.usecases.agent_view import AgentView

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.issuer import ScriptedIssuer
    from tests.tui.conftest import Open
    from tests.tui.person import Person
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio
CREDENTIAL = "/v1/credentials/acme"


@pytest.fixture
def agent(
    environ: dict[str, str], config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld
) -> Iterator[RunningAgent]:
    path = config_at(issuer, profile_keys='forward = "ask"')
    os.utime(path, (time.time() - 100,) * 2)
    end_session(make_world())
    with running_agent(environ) as running:
        running.start()
        yield running


@asynccontextmanager
async def at_the_agent(opened: Open, agent: RunningAgent, **how: object) -> AsyncIterator[tuple[Person, Clock]]:
    """A person whose keys come as slowly as the test says; the clock of what is seen stands still."""
    async with opened(XDG_RUNTIME_DIR=agent.environ["XDG_RUNTIME_DIR"], **how) as person:
        clock = Clock()
        person.app.typeahead.clock = clock
        # The agent has the time of this machine.
        person.app.now = time.time
        yield person, clock


class Clock:
    def __init__(self) -> None:
        self.moment = 100.0

    def __call__(self) -> float:
        return self.moment

    def look(self) -> None:
        """The person sees what there is."""
        self.moment += 2.0


async def test_a_login_that_failed_is_told(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "POST", "/v1/logins", {"profile": "acme"})
        await person.shows("May head have you log in to profile acme?")
        clock.look()
        await person.press("down", "down", "enter")
        await person.sees("The login that head asked for failed: profile acme: no browser can be opened")
        await person.until(lambda: not far.waits, "the answer")


async def test_a_question_comes_up_and_is_answered(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        screen = await person.shows("May head have the credential of profile acme?")
        assert "Who asks  head" in screen
        clock.look()
        await person.press("down", "enter")
        await person.sees("Answered: no, for one hour.")
        await person.until(lambda: not far.waits, "the answer")
        assert far.answer()[0] == 403
        assert person.app.screen is person.app.home
    [kept] = json.loads((agent.state / "answers.json").read_text())["answers"]
    assert (kept["yes"], 3500 < kept["until"] - time.time() <= 3600) == (False, True)


@pytest.mark.parametrize(
    ("first", "together", "said"),
    [
        (("down",) * 5, ("up",) * 5, "Answered: no."),
        (("down",) * 2, ("up", "up"), "Answered: no."),
        (("down",) * 5, ("k",) * 4, "Answered: no, for one hour."),
        ((), ("down", "down", "down", "up", "up"), "Answered: no, for one hour."),
    ],
)
async def test_keys_that_arrive_together_answer_with_what_they_chose(
    first: tuple[str, ...], together: tuple[str, ...], said: str, opened: Open, agent: RunningAgent
) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        clock.look()
        await person.press(*first)
        await person.press_at_once(*together, "enter")
        await person.sees(said)
        await person.until(lambda: not far.waits, "the answer")
        assert far.answer()[0] == 403


async def test_what_is_typed_for_another_screen_answers_nothing(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        await person.press("slash", "e", "a")
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        # The rest of the word, and the Enter behind it.
        await person.press("s", "t", "enter", "y", "escape", "down", "down", "enter")
        assert isinstance(person.app.screen, AgentQuestion)
        assert far.waits
        assert agent.questions()
        clock.look()
        # Enter alone agrees to nothing.
        await person.press("up", "up", "up", "up", "up", "enter")
        await person.until(lambda: not far.waits, "the answer")
        assert far.answer()[0] == 403


async def test_a_click_that_was_meant_for_what_is_below_answers_nothing(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("Yes, for 8 hours")
        await person.click("AgentQuestion OptionList", offset=(3, 5))
        assert far.waits
        clock.look()
        await person.click("AgentQuestion OptionList", offset=(3, 0))
        await person.until(lambda: not far.waits, "the answer")
        assert far.answer()[0] == 403


async def test_it_goes_when_it_is_answered_elsewhere_and_the_next_comes(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, _clock):
        first = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        second = Far(agent.forward("other"), "GET", CREDENTIAL)
        await person.until(lambda: len(agent.questions()) == 2, "the second question")
        agent.answer(agent.question(host="head"), "no")
        await person.sees("That question is over: profile acme.")
        await person.shows("May other have")
        second.leave()
        await person.lacks("May other have")
        assert person.app.screen is person.app.home
        assert first.answer()[0] == 403


async def test_decide_later_waits_on_the_agents_screen(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        clock.look()
        await person.press("escape")
        await person.sees("It waits on the agent's screen (A)")
        assert person.app.screen is person.app.home
        clock.look()
        await person.press("A")
        await person.shows("Waiting for you", "The agent runs", "It may hand out acme (ask).", "Nothing yet.")
        assert "Forwarded to head." in person.screen
        clock.look()
        await person.press("a")
        await person.shows("Who asks  head")
        clock.look()
        await person.press("down", "enter")
        await person.until(lambda: not far.waits, "the answer")
        kept = "no   the credential of acme for head, until"
        screen = await person.shows("Answers that still count", kept, "forbidden")
        assert "Waiting for you" not in screen
        clock.look()
        await person.press("f")
        await person.sees("Forget what you answered? The agent asks you again.")
        clock.look()
        await person.press("y")
        await person.lacks("Answers that still count")
        assert not (agent.state / "answers.json").exists()
        # And the agent asks again; the host only has to wait a moment.
        await person.press("escape")
        assert person.app.screen is person.app.home


async def test_a_login_that_runs_is_cancelled_there(opened: Open, agent: RunningAgent) -> None:
    agent.stop()
    agent.start(TOGETHERCTL_BROWSER="true {url}")
    async with at_the_agent(opened, agent) as (person, clock):
        far = Far(agent.forward("head"), "POST", "/v1/logins", {"profile": "acme"})
        await person.sees("May head have you log in to profile acme?", "Your browser opens here")
        assert "for one hour" not in person.screen.replace("No, for one hour", "")
        clock.look()
        await person.press("down", "down", "enter")
        await person.sees("Answered: yes, this once.")
        assert person.app.screen is person.app.home
        clock.look()
        await person.press("A")
        await person.sees("A login to profile acme for head is open in your browser.")
        clock.look()
        await person.press("x")
        await person.sees("The login to profile acme is cancelled.")
        await person.until(lambda: not far.waits, "the end")
        assert far.answer()[0] == 401
        await person.lacks("Waiting for you")


async def test_without_an_agent_nothing_is_different(opened: Open, acme: Path, environ: dict[str, str]) -> None:
    assert acme.exists()
    with running_agent(environ) as agent:
        async with at_the_agent(opened, agent) as (person, clock):
            await person.press("A")
            await person.sees("No agent runs.", "It starts with: togetherctl agent start", "Nothing yet.")
            assert person.app.screen is not person.app.home
            clock.look()
            await person.press("a", "x", "f", "q")
            assert person.app.screen is person.app.home


async def test_an_agent_that_is_killed_takes_its_question_along(opened: Open, agent: RunningAgent) -> None:
    async with at_the_agent(opened, agent) as (person, _clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        assert agent.process is not None
        agent.process.kill()
        agent.process.communicate()
        # Nothing tells of it; the time of the question ends.
        late = time.time() + 61
        person.app.now = lambda: late  # type: ignore[method-assign] # a minute is not waited for
        await person.lacks("May head have")
        await person.sees("That question is over: profile acme.")
        far.leave()
        agent.process = None


async def test_without_colour_the_answer_under_the_cursor_is_seen(
    opened: Open, agent: RunningAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with at_the_agent(opened, agent, NO_COLOR="1") as (person, clock):
        far = Far(agent.forward("head"), "GET", CREDENTIAL)
        await person.shows("May head have")
        clock.look()
        for expected in ("No, for one hour", "Yes, this once"):
            await person.press("down")
            shown = [segment for strip in strips(person.app) for segment in strip if segment.style]
            marked = "".join(one.text for one in shown if one.style and one.style.underline)
            assert marked.strip() == expected
        far.leave()


async def test_it_is_in_the_palette(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as person:
        commands = {command.title: command for command in person.app.get_system_commands(person.app.screen)}
        commands["Agent"].callback()
        await person.sees("No agent runs.")


QUESTIONS = [
    WaitingQuestion("3f9a1c", "credential", "acme", "gpu-head.example.com", NOW - 7, NOW + 53, runs=False),
    WaitingQuestion("77ab02", "login", "lab", None, NOW - 7, NOW + 280, runs=True),
    WaitingQuestion("0c11d2", "login", "lab", "login node \\x1b[31m", NOW - 7, NOW + 53, runs=False),
]
VIEW = AgentView(
    status={
        "pid": 4711,
        "since": "2026-06-01T07:02:11Z",
        "socket": "/run/user/1000/togetherctl/agent.sock",
        "profiles": [{"name": "acme", "forward": "ask"}, {"name": "lab", "forward": "always"}],
        "hosts": ["gpu-head.example.com"],
        "problem": None,
    },
    questions=QUESTIONS[:2],
    remembered=[
        Remembered("credential", "acme", "key", "gpu-head.example.com", yes=True, until=NOW + 2460),
        Remembered("login", "lab", "key", None, yes=False, until=NOW + 3600),
    ],
    entries=[
        {
            "time": "2026-06-01T08:59:03Z",
            "what": "credential",
            "profile": "acme",
            "host": "gpu-head.example.com",
            "answer": "given",
        },
        {"time": "2026-05-31T18:00:00Z", "what": "login", "profile": "lab", "host": None, "answer": "forbidden"},
        {"time": "soon", "what": "\x1b[2J", "profile": "[b]lab[/b]", "host": "a\u202eb", "answer": "unreachable"},
    ],
)


def shown_by(name: str, person: Person) -> None:
    if name == "agent":
        person.app.push_screen(AgentScreen())
    else:
        person.app.push_screen(AgentQuestion(QUESTIONS[0 if name == "agent-question" else 2]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["agent", "agent-question", "agent-login"])
async def test_it_looks_so(
    name: str, size: str, opened: Open, demo: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("togetherctl.usecases.agent_view.look_at_agent", lambda _paths, **_how: VIEW)
    async with opened(SIZES[size], demo) as person:
        person.app.agent.questions = QUESTIONS
        shown_by(name, person)
        await becomes(person.pilot, f"{name}-{size}")
        await can_be_read(person)
        dark = colours(person)
        person.app.theme = "together-light"
        await person.until(lambda: not colours(person) & dark, f"other colours than {dark}")
        await becomes(person.pilot, f"{name}-{size}")
        await can_be_read(person)
