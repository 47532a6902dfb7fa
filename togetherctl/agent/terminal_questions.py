"""Ask at the terminal in which the agent runs, a line at a time, without holding up the agent."""

from __future__ import annotations

import os
import sys

from togetherctl.agent.choices import choices, login_failed, meaning, sentence
from togetherctl.agent.questions import host_in_words
from togetherctl.humanize import time_left
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.protocol import Cancel, Loop
    from togetherctl.agent.questions import End, Question, QuestionDesk

_LONGEST_LINE = 4096
_ENDS = {
    "yes": "Answered elsewhere: yes.",
    "no": "Answered elsewhere: no.",
    "late": "There was no answer in time: no.",
    "withdrawn": "The question was taken back.",
}


class TerminalQuestions:
    """Shows one question after the other with `say`, and reads answers from the terminal `descriptor`."""

    def __init__(self, desk: QuestionDesk, loop: Loop, say: Callable[[str], object], descriptor: int) -> None:
        self._desk, self._loop, self._say, self._descriptor = desk, loop, say, descriptor
        self._waiting: list[Question] = []
        self._unwatch: Cancel | None = None
        # The end of one's own answer is no news.
        self._answering = ""

    def show(self, question: Question) -> None:
        """See `questions.Asker`."""
        self._waiting.append(question)
        if len(self._waiting) == 1:
            self._ask()

    def hide(self, question: Question, end: End) -> None:
        """See `questions.Asker`."""
        if question not in self._waiting:
            return
        was_asked = self._waiting[0] is question
        self._waiting.remove(question)
        if was_asked and question.number != self._answering:
            self._say(_login_ended(question, end) if question.runs else _ENDS[end])
        elif question.problem:
            self._say(_login_ended(question, end))
        if was_asked and self._waiting:
            self._ask()
        elif not self._waiting:
            self._leave()

    def _ask(self) -> None:
        question = self._waiting[0]
        host = host_in_words(question.host)
        self._say("")
        self._say(sentence(question.kind, printable(question.profile, limit=80), host, runs=question.runs))
        if not question.runs:
            self._say(f"  {meaning(question.host)}")
        given = choices(question.kind, runs=question.runs)
        for choice in given:
            self._say(f"    {choice.word:<6} {choice.label}")
        self._say(f"  Type one of them and press Enter ({time_left(question.ends_at - question.asked_at)}):")
        self._listen()

    def _listen(self) -> None:
        if not self._is_ours():
            self._say("  This terminal is in other hands; togetherctl agent answer answers elsewhere.")
            return
        # What was typed before the question stood there is no answer to it.
        _forget_typed(self._descriptor)
        if self._unwatch is None:
            self._unwatch = self._loop.watch(self._descriptor, self._read)

    def _leave(self) -> None:
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def _read(self) -> None:
        # In the background, reading would stop the whole agent.
        if not self._is_ours():
            self._leave()
            return
        try:
            line = os.read(self._descriptor, _LONGEST_LINE)
        except OSError:
            line = b""
        if not line:
            self._leave()
            return
        if self._waiting:
            self._take(line.decode("utf-8", "replace").strip().lower())

    def _take(self, word: str) -> None:
        question = self._waiting[0]
        given = choices(question.kind, runs=question.runs)
        choice = next((one for one in given if word in (one.word, one.label)), None)
        if choice is None:
            self._say(f"  That is none of {', '.join(one.word for one in given)}.")
            return
        self._answering = question.number
        self._say(f"  {choice.label[:1].upper()}{choice.label[1:]}.")
        self._desk.answer(question.number, yes=choice.yes, seconds=choice.seconds)

    def _is_ours(self) -> bool:
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return False


def at_a_terminal() -> bool:
    """Whether a person sees what is written here, and can type."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _login_ended(question: Question, end: End) -> str:
    if question.problem:
        return login_failed(host_in_words(question.host), question.problem)
    return "The login is done." if end == "yes" else "The login is over, without success."


def _forget_typed(descriptor: int) -> None:
    import termios

    try:
        termios.tcflush(descriptor, termios.TCIFLUSH)
    except termios.error:
        return
