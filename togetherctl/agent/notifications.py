"""Ask by a notification of the desktop, whose buttons are answers: notify-send, without a shell."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from togetherctl.agent.choices import choices, login_failed, meaning, sentence
from togetherctl.agent.questions import host_in_words
from togetherctl.environment import for_child
from togetherctl.printable import printable
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from togetherctl.agent.protocol import Cancel, Loop
    from togetherctl.agent.questions import End, Question, QuestionDesk

_PROGRAM = "notify-send"
# A notification has room for a few buttons; the other answers are in the terminal and in togetherctl.
_BUTTONS = ("y", "1h", "n", "never")
_LONGEST_ANSWER = 256
_PATIENCE = 2.0


@dataclass
class _Shown:
    question: Question
    process: subprocess.Popen[bytes]
    unwatch: Cancel
    output: bytes = b""


class Notifications:
    """One notification for each question; `program` is notify-send."""

    def __init__(self, desk: QuestionDesk, loop: Loop, environ: Mapping[str, str], program: str) -> None:
        self._desk, self._loop, self._program = desk, loop, program
        self._environ = for_child(environ)
        self._shown: dict[str, _Shown] = {}

    def show(self, question: Question) -> None:
        """See `questions.Asker`."""
        given = choices(question.kind, runs=question.runs)
        buttons = [choice for choice in given if question.runs or choice.word in _BUTTONS]
        self._start(question, [f"--action={choice.word}={choice.label.capitalize()}" for choice in buttons])

    def hide(self, question: Question, end: End) -> None:  # an Asker is told
        """See `questions.Asker`."""
        shown = self._shown.pop(question.number, None)
        if shown is not None:
            shown.unwatch()
            # It takes its notification from the screen at Ctrl-C, and only then.
            with suppress(OSError):
                shown.process.send_signal(signal.SIGINT)
            self._loop.after(_PATIENCE, lambda: _end(shown.process))
        if question.problem:
            self._start(question, [])

    def _start(self, question: Question, buttons: Sequence[str]) -> None:
        try:
            process = subprocess.Popen(
                [self._program, *_words(question), *buttons, "--", *_texts(question)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=self._environ,
                cwd="/",
            )
        except OSError:
            # The other ways to the person stay.
            return
        output = process.stdout
        if output is None:
            return
        os.set_blocking(output.fileno(), False)  # os's signature
        unwatch = self._loop.watch(output.fileno(), lambda: self._read(question.number))
        self._shown[question.number] = _Shown(question, process, unwatch)

    def _read(self, number: str) -> None:
        shown = self._shown.get(number)
        if shown is None or shown.process.stdout is None:
            return
        try:
            data = os.read(shown.process.stdout.fileno(), _LONGEST_ANSWER)
        except BlockingIOError:
            return
        shown.output += data
        if data and len(shown.output) < _LONGEST_ANSWER:
            return
        shown.unwatch()
        del self._shown[number]
        with suppress(subprocess.TimeoutExpired):
            # Its stdout is closed, so this is its end.
            shown.process.wait(_PATIENCE)
        self._take(shown)
        _end(shown.process)

    def _take(self, shown: _Shown) -> None:
        question = shown.question
        word = shown.output.decode("ascii", "replace").strip()
        choice = next((one for one in choices(question.kind, runs=question.runs) if one.word == word), None)
        if choice is not None:
            self._desk.answer(question.number, yes=choice.yes, seconds=choice.seconds)
        elif shown.process.returncode not in (0, None) and not shown.output and "--action=" in str(shown.process.args):
            # Before 0.8 notify-send knows no buttons: then it says at least that there is a question.
            self._start(question, [])


def find_notifications(desk: QuestionDesk, loop: Loop, environ: Mapping[str, str]) -> Notifications | None:
    """Notifications, where there is the program for them and a desktop's session bus."""
    program = shutil.which(_PROGRAM, path=environ.get("PATH"))
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    has_bus = bool(environ.get("DBUS_SESSION_BUS_ADDRESS")) or (bool(runtime) and Path(runtime, "bus").exists())
    return Notifications(desk, loop, environ, program) if program and has_bus else None


def _words(question: Question) -> list[str]:
    seconds = int(question.ends_at - question.asked_at)
    return [
        "--app-name=togetherctl",
        "--urgency=critical",
        f"--expire-time={seconds * 1000}",
        "--category=transfer",
        "--icon=dialog-password",
    ]


def _texts(question: Question) -> list[str]:
    """The heading and the text, in which servers read markup."""
    if question.problem:
        return ["togetherctl", _escape(login_failed(host_in_words(question.host), question.problem))]
    said = sentence(
        question.kind, printable(question.profile, limit=80), host_in_words(question.host), runs=question.runs
    )
    more = "" if question.runs else f"\n{meaning(question.host)}\nOther answers: togetherctl agent answer"
    return ["togetherctl", _escape(said) + _escape(more)]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave neither a process nor a pipe."""
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
