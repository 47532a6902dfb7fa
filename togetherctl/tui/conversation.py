"""The engine's conversation for work on a thread: what it says is kept here, where a screen looks it up and answers."""

from __future__ import annotations

import queue
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from togetherctl.auth.conversation import Cancelled
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from togetherctl.auth.conversation import DeviceCode

# How soon a thread that waits hears that it is called off.
_LOOK = 0.1


@dataclass(frozen=True)
class Line:
    """One thing that was said; `warning` where it went wrong without stopping the work."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Page:
    """Where a person is to go; `device` where a code is entered there. `opened`: a browser was started at it."""

    url: str
    opened: bool
    device: DeviceCode | None = None


@dataclass(frozen=True)
class Wait:
    """What is waited for; it `ends` on the monotonic clock."""

    what: str
    ends: float

    @property
    def left(self) -> int:
        """Whole seconds."""
        return max(int(self.ends - monotonic()), 0)


@dataclass(frozen=True, eq=False)
class Question:
    """One line that is asked for; the repr does not show the answer."""

    text: str
    hidden: bool
    _answers: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue, repr=False)

    def answer(self, line: str) -> None:
        self._answers.put(line)

    def wait(self, seconds: float) -> str | None:
        """The answer; None after `seconds`."""
        try:
            return self._answers.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None


class Talk:
    """What one piece of work has said so far, and asks now. The work writes on its thread, screens read on theirs.

    `sleep` is the world's own. Raises Cancelled in the work's thread once it is called off.
    """

    def __init__(self, sleep: Callable[[float], None], *, can_ask: bool = True) -> None:
        self.can_ask = can_ask
        self.lines: tuple[Line, ...] = ()
        self.shown: Page | None = None
        self.wait: Wait | None = None
        self.question: Question | None = None
        self._sleep = sleep
        self._cancelled = Event()

    @property
    def is_seen(self) -> bool:
        return True

    def cancel(self) -> None:
        """Call it off: wherever the work waits, it ends."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def begin_anew(self) -> None:
        """The next part of the work: pages and questions of the one before are over."""
        self.shown = self.wait = self.question = None

    def go_on(self) -> None:
        if self.cancelled:
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """As the world's, but it ends when the work is called off."""
        self.go_on()
        while seconds > 0:
            self._sleep(min(_LOOK, seconds))
            seconds -= _LOOK
            self.go_on()

    def say(self, sentence: str) -> None:
        self.lines = (*self.lines, Line(printable(sentence, limit=4000)))

    def warn(self, sentence: str) -> None:
        self.lines = (*self.lines, Line(printable(sentence, limit=4000), warning=True))

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
        asked = Question(printable(text, limit=1000), hidden)
        with self.waiting("your answer", seconds):
            ends = monotonic() + seconds
            self.question = asked
            try:
                while (left := ends - monotonic()) > 0:
                    self.go_on()
                    answer = asked.wait(min(_LOOK, left))
                    if answer is not None:
                        return answer
            finally:
                self.question = None
        raise TimeoutError
