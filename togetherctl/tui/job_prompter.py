"""The prompter of a job: a screen shows what it says and answers what it asks."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from togetherctl.auth.prompter import Cancelled, DeviceCode
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.errors import Remedy

# How many seconds pass at most until a waiting thread notices that its job is cancelled.
_CANCEL_WITHIN = 0.1


@dataclass(frozen=True)
class Said:
    """One thing that the job said; `warning` where something went wrong without stopping it; `command` may help."""

    text: str
    warning: bool = False
    command: str | None = None


@dataclass(frozen=True)
class Page:
    """The page a person must open; `device` has the code to enter there. `opened`: a browser was started at it."""

    url: str
    opened: bool
    device: DeviceCode | None = None


@dataclass(frozen=True)
class Wait:
    """What the job waits for; it `ends` on the monotonic clock."""

    what: str
    ends: float

    @property
    def left(self) -> int:
        """Whole seconds."""
        return max(int(self.ends - monotonic()), 0)


@dataclass(frozen=True, eq=False)
class LineQuestion:
    """A question for one line of text; the repr does not show the answer."""

    text: str
    hidden: bool
    # No SimpleQueue: with Python 3.11, a signal that is handled past its deadline makes it wait for ever.
    _answers: queue.Queue[str] = field(default_factory=queue.Queue, repr=False)

    def answer(self, line: str) -> None:
        self._answers.put(line)

    def wait(self, seconds: float) -> str | None:
        """The answer; None after `seconds`."""
        try:
            return self._answers.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None


class JobPrompter:
    """What a job has said so far, and asks now. The job writes on its thread, screens read on theirs.

    `sleep` is the world's own. Raises Cancelled in the job's thread once the job is cancelled.
    """

    def __init__(self, sleep: Callable[[float], None], *, can_ask: bool = True) -> None:
        self.can_ask = can_ask
        self.is_seen = True
        self.lines: tuple[Said, ...] = ()
        self.shown: Page | None = None
        self.wait: Wait | None = None
        self.question: LineQuestion | None = None
        # The place for an address that a person pastes while the job waits for a browser.
        self.paste_here: LineQuestion | None = None
        self._sleep = sleep
        self._cancelled = Event()

    def cancel(self) -> None:
        """Cancel the job: it ends wherever it waits."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def forget(self) -> None:
        """Drop the page and the question of the step before."""
        self.shown = self.wait = self.question = self.paste_here = None

    def go_on(self) -> None:
        if self.cancelled:
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Sleep as the world does, but end when the job is cancelled."""
        self.go_on()
        while seconds > 0:
            self._sleep(min(_CANCEL_WITHIN, seconds))
            seconds -= _CANCEL_WITHIN
            self.go_on()

    def say(self, sentence: str) -> None:
        self.lines = (*self.lines, Said(printable(sentence, limit=4000)))

    def warn(self, sentence: str) -> None:
        self.lines = (*self.lines, Said(printable(sentence, limit=4000), warning=True))

    def advise(self, sentence: str, remedy: Remedy | None = None) -> None:
        said = f"{sentence} {_as_sentence(remedy.text)}" if remedy and remedy.text else sentence
        command = remedy.hint_command if remedy else None
        self.lines = (*self.lines, Said(printable(said, limit=4000), command=command))

    @property
    def takes_pasted(self) -> bool:
        return self.can_ask

    @contextmanager
    def pasted(self) -> Iterator[Callable[[], str | None]]:
        if not self.can_ask:
            yield lambda: None
            return
        place = LineQuestion("Paste the address of the browser's last page:", hidden=True)
        self.paste_here = place
        try:
            yield lambda: place.wait(0)
        finally:
            self.paste_here = None

    def page(self, url: str, *, opened: bool) -> None:
        self.shown = Page(printable(url, limit=8000), opened)

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        self.shown = Page(printable(device.complete or device.uri, limit=8000), opened, device)

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        self.wait = Wait(printable(what), monotonic() + seconds)
        try:
            yield
        finally:
            self.wait = None

    def ask_line(self, question: str, seconds: float) -> str:
        return self._ask(question, seconds, hidden=False).strip()

    def ask_secret(self, question: str, seconds: float) -> str:
        return self._ask(question, seconds, hidden=True)

    def _ask(self, text: str, seconds: float, *, hidden: bool) -> str:
        question = LineQuestion(printable(text, limit=1000), hidden)
        with self.waiting("your answer", seconds):
            ends = monotonic() + seconds
            self.question = question
            try:
                while (left := ends - monotonic()) > 0:
                    self.go_on()
                    answer = question.wait(min(_CANCEL_WITHIN, left))
                    if answer is not None:
                        return answer
            finally:
                self.question = None
        raise TimeoutError


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


class NullPrompter(JobPrompter):
    """The prompter of the watcher, which only reads: it asks nothing and what it says is not shown."""

    def __init__(self) -> None:
        super().__init__(lambda _seconds: None, can_ask=False)
        self.is_seen = False

    def ask_line(self, question: str, seconds: float) -> str:
        raise EOFError

    ask_secret = ask_line

    def say(self, sentence: str) -> None:
        return

    warn = say
