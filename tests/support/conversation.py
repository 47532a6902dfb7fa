"""A conversation that remembers what it was told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Remembered:
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    pages: list[tuple[str, bool]] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)

    def page(self, url: str, *, opened: bool) -> None:
        self.pages.append((url, opened))

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        self.said.append(f"waiting for {what}, {seconds:.0f} s")
        yield
