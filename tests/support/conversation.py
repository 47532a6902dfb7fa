"""A conversation that remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.auth.prompter import DeviceCode
    from togetherctl.errors import Remedy


@dataclass
class Remembered:
    """`answer` plays the person: it gets each question and gives, or raises, what comes back."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    pages: list[tuple[str, bool]] = field(default_factory=list)
    devices: list[tuple[DeviceCode, bool]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answer: Callable[[str], str] | None = None
    is_seen: bool = True
    advice: list[tuple[str, str | None]] = field(default_factory=list)
    # What a person pastes while a login waits for a browser; each look takes one, and may find None.
    pastes: Callable[[], str | None] | None = None

    @property
    def can_ask(self) -> bool:
        return self.answer is not None

    def ask_line(self, question: str, seconds: float) -> str:
        assert seconds > 0
        assert self.answer is not None
        self.asked.append(question)
        return self.answer(question)

    ask_secret = ask_line

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        self.devices.append((device, opened))

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)

    def advise(self, sentence: str, remedy: Remedy | None = None) -> None:
        words = f" {remedy.text}" if remedy and remedy.text else ""
        self.advice.append((f"{sentence}{words}", remedy.hint_command if remedy else None))

    @property
    def takes_pasted(self) -> bool:
        return self.pastes is not None

    @contextmanager
    def pasted(self) -> Iterator[Callable[[], str | None]]:
        yield self.pastes or (lambda: None)

    def page(self, url: str, *, opened: bool) -> None:
        self.pages.append((url, opened))

    def go_on(self) -> None:
        """Nobody calls it off."""

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        self.said.append(f"waiting for {what}, {seconds:.0f} s")
        yield
