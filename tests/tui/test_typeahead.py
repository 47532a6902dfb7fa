"""Keys that are typed while work runs do not become other actions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from threading import Event
from typing import TYPE_CHECKING

import pytest

from togetherctl.tui.job import Job
from togetherctl.tui.screens.dialog import ChoiceDialog, Question
from togetherctl.tui.screens.form import NewName
from togetherctl.tui.screens.job import JobScreen

if TYPE_CHECKING:
    from tests.tui.conftest import Open
    from tests.tui.person import Person
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio


class Work:
    """A job that ends when the test says so, on a clock that stands still: all that is typed is one word."""

    def __init__(self, person: Person) -> None:
        self._go = Event()
        self.person = person
        self.moment = 0.0
        person.app.typeahead.clock = lambda: self.moment

    def start(self, then: Callable[[], object] = lambda: None) -> None:
        def do(_world: World, job: Job[None]) -> None:
            job.begin("", "Working …")
            self._go.wait(60)
            job.end("Worked.")

        self.person.app.jobs.start(Job("Work", do, then=lambda _done: then()))
        self.moment += 0.1

    async def end(self) -> None:
        self._go.set()
        await self.person.idle()


@asynccontextmanager
async def working(opened: Open, demo: Callable[..., World]) -> AsyncIterator[tuple[Person, Work]]:
    async with opened(make_world=demo) as person:
        work = Work(person)
        try:
            yield person, work
        finally:
            work._go.set()


@pytest.fixture
def soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short job gets no screen of its own, however slow the machine."""
    monkeypatch.setattr("togetherctl.tui.job_runner._SHOW_AFTER", 60.0)


@pytest.mark.usefixtures("soon_over")
async def test_what_is_typed_meanwhile_does_nothing(opened: Open, demo: Callable[..., World]) -> None:
    async with working(opened, demo) as (person, work):
        work.start()
        await person.press("m", "l", "a")
        await person.sees("Still busy: Work")
        assert person.app.screen is person.app.home
        assert len(person.app.jobs.running) == 1
        # Moving is harmless.
        await person.press("j")
        assert person.app.selection.cluster == "east"
        await person.press("m")
        await work.end()
        # The rest of the word.
        await person.press("a", "b", "l", "d")
        assert person.app.screen is person.app.home
        assert not person.app.jobs.running
        work.moment += 1
        await person.press("m")
        await person.until(lambda: isinstance(person.app.screen, NewName), "the form")


@pytest.mark.usefixtures("soon_over")
async def test_a_question_that_comes_up_is_not_answered_by_it(opened: Open, demo: Callable[..., World]) -> None:
    async with working(opened, demo) as (person, work):
        answers: list[bool | None] = []
        work.start(lambda: person.app.push_screen(Question("Work", "Really?"), answers.append))
        await person.press("m", "y")
        await work.end()
        await person.shows("Really?")
        # The word goes on for a while, and then a key is an answer.
        await person.press("y", "n", "y")
        assert answers == []
        work.moment += 1
        await person.press("y")
        await person.until(lambda: answers == [True], "the answer")


async def test_the_rest_of_a_word_does_nothing_when_the_screen_of_the_work_goes(
    opened: Open, demo: Callable[..., World]
) -> None:
    async with working(opened, demo) as (person, work):
        work.start()
        await person.until(lambda: isinstance(person.app.screen, JobScreen), "the screen of the work")
        # The screen has no use for these.
        await person.press("m", "l")
        await work.end()
        await person.until(lambda: person.app.screen is person.app.home, "the table")
        await person.press("a", "l", "d", "question_mark")
        assert person.app.screen is person.app.home
        assert not person.app.jobs.running
        work.moment += 1
        await person.press("question_mark")
        await person.shows("Escape goes back")


async def test_work_in_the_background_does_not_take_what_is_typed_into_a_form(
    opened: Open, demo: Callable[..., World]
) -> None:
    async with working(opened, demo) as (person, work):
        answers: list[bool | None] = []
        work.start(lambda: person.app.push_screen(Question("Work", "Really?"), answers.append))
        await person.until(lambda: isinstance(person.app.screen, JobScreen), "the screen of the work")
        await person.press("b", "m")
        await person.until(lambda: isinstance(person.app.screen, NewName), "the form")
        work.moment += 1
        await person.press("x")
        await work.end()
        await person.shows("Really?")
        await person.press("y")
        assert answers == []
        work.moment += 1
        await person.press("n")
        await person.until(lambda: answers == [False], "the answer")
        await person.shows("New name   acmex")


@pytest.mark.parametrize(("keys", "answers"), [("left enter", [True]), ("left right enter", [False])])
async def test_keys_that_arrive_together_press_the_button_they_moved_to(
    keys: str, answers: list[bool], opened: Open
) -> None:
    async with opened() as person:
        said: list[bool | None] = []
        person.app.push_screen(Question("Delete", "Delete it?"), said.append)
        await person.shows("Delete it?")
        await person.press_at_once(*keys.split())
        assert said == answers


async def test_keys_that_arrive_together_choose_the_line_they_moved_to(opened: Open) -> None:
    async with opened() as person:
        chosen: list[str | None] = []
        person.app.push_screen(
            ChoiceDialog("Which", dict.fromkeys(("one", "two", "three"), ""), "Take it"), chosen.append
        )
        await person.shows("three")
        await person.press_at_once("j", "down", "k", "enter")
        assert chosen == ["two"]
