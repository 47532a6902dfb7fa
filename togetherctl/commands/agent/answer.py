"""`togetherctl agent answer`: answer the questions that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.agent.choices import Choice
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import Item, output_option, rfc3339, show_list
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.humanize import time_left
from togetherctl.usecases.agent_questions import (
    WaitingQuestion,
    answer_question,
    forget_answers,
    list_failed_logins,
    list_questions,
    read_duration,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


# How often, and after how many seconds each, it is looked whether a login failed at once.
_LOOKS, _LOOK_SECONDS = 10, 0.3

_COLUMNS: dict[str, Callable[[Item], str]] = {
    "ID": lambda item: str(item["id"]),
    "ASKS FOR": lambda item: "login, runs" if item["runs"] else str(item["kind"]),
    "PROFILE": lambda item: str(item["profile"]),
    "HOST": lambda item: item["host"] or "not known",
    "ENDS": lambda item: str(item["ends_at"]),
}


@click.command(
    "answer",
    cls=Command,
    examples=[
        "togetherctl agent answer  # ask me each question, one after the other",
        "togetherctl agent answer 3f9a1c --yes --for 1h",
        "togetherctl agent answer --forget  # from now on, ask me again",
    ],
)
@click.argument("number", metavar="[ID]", required=False)
@click.option("--yes/--no", "answer", default=None, help="Answer the question ID; --no also ends a login that runs.")
@click.option(
    "--for", "duration", metavar="DURATION", help="How long the answer counts, such as 15m or 8h; without it, once."
)
@click.option("--forget", is_flag=True, help="Forget the answers that still count.")
@output_option
@pass_app
def command(app: App, number: str | None, answer: bool | None, duration: str | None, forget: bool) -> None:
    """Answer the questions that wait at the agent.

    On a terminal it asks you each question. Elsewhere, and with -o, it lists the questions; ID with --yes or --no
    answers one. Your answer counts at once. A question without an answer becomes a "no" after a minute.
    """
    if forget:
        if number is not None or answer is not None or duration is not None:
            raise UsageError("--forget goes alone")
        forgotten = forget_answers(app.world.paths, now=app.world.clock())
        app.console.say(f"Forgot {_count(forgotten, 'answer')}.")
        return
    if answer is None and (duration is not None or number is not None):
        raise UsageError("say what the answer is: --yes or --no, with the ID of a question")
    if answer is not None:
        if number is None:
            raise UsageError("which question? --yes and --no need its ID", hint="togetherctl agent answer -o json")
        seconds = read_duration(duration) if duration is not None else 0.0
        answer_question(app.world.paths, number, yes=answer, seconds=seconds)
        app.console.say(f"Answered {'yes' if answer else 'no'}{f' for {time_left(seconds)}' if seconds else ''}.")
        return
    questions = list_questions(app.world.paths)
    if app.output == "table" and app.console.can_ask:
        _ask(app, questions)
        return
    show_list(app, [_record(one) for one in questions], _COLUMNS, name="id")
    if not questions and app.output == "table":
        app.console.say("No question waits.")


def _ask(app: App, questions: Sequence[WaitingQuestion]) -> None:
    """Ask what waits, and what comes up meanwhile; tell which logins failed."""
    asked: set[str] = set()
    told: set[str] = set()
    began = app.world.clock()
    while questions:
        question = questions[0]
        asked.add(question.number)
        choice = _choose(app, question)
        if choice is not None:
            _answer(app, question, choice)
            if choice.yes and question.kind == "login":
                # Where no browser opens, it fails within this time, and there is nothing to cancel.
                _wait_for_failure(app, began, told)
        _tell_failed(app, began, told)
        questions = [one for one in list_questions(app.world.paths) if one.number not in asked]
    app.console.say("No other question waits." if asked else "No question waits.")


def _wait_for_failure(app: App, began: float, told: set[str]) -> None:
    from time import sleep

    for _ in range(_LOOKS):
        sleep(_LOOK_SECONDS)
        if _tell_failed(app, began, told):
            return


def _tell_failed(app: App, began: float, told: set[str]) -> bool:
    """Say which logins failed since then, each once; whether there was one."""
    failed = {
        number: said for number, said in list_failed_logins(app.world.paths, since=began).items() if number not in told
    }
    for said in failed.values():
        app.console.say(said)
    told.update(failed)
    return bool(failed)


def _answer(app: App, question: WaitingQuestion, choice: Choice) -> None:
    try:
        answer_question(app.world.paths, question.number, yes=choice.yes, seconds=choice.seconds)
    except TogetherctlError as error:
        if error.code != "not_found":
            raise
        # It ended while the person thought about it; the others still wait.
        app.console.error(error)
    else:
        app.console.say(f"Answered: {choice.label}.")


def _choose(app: App, question: WaitingQuestion) -> Choice | None:
    from togetherctl.cli.prompts import PromptChoice, Prompts

    if question.meaning:
        app.console.say(question.meaning)
    # Enter alone agrees to nothing.
    offered = sorted(question.choices, key=lambda one: one.yes)
    answers: list[PromptChoice[Choice | None]] = [
        PromptChoice("decide later", None),
        *(PromptChoice[Choice | None](one.label, one) for one in offered),
    ]
    return Prompts(app.environ).one(question.sentence, answers)


def _record(question: WaitingQuestion) -> Item:
    return {
        "id": question.number,
        "kind": question.kind,
        "profile": question.profile,
        "host": question.host,
        "runs": question.runs,
        "asked_at": rfc3339(question.asked_at),
        "ends_at": rfc3339(question.ends_at),
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
