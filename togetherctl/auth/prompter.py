"""Prompts and messages: what the engine says to a person and asks, whichever face shows it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from togetherctl.errors import Remedy


class Cancelled(KeyboardInterrupt):
    """A person called it off in a face that reads the keys itself; it ends a login just as Ctrl-C does."""


@dataclass(frozen=True)
class DeviceCode:
    """Where a person enters which code (RFC 8628, 3.2); `complete` is the same page with the code filled in."""

    uri: str
    code: str
    complete: str | None = None


class Prompter(Protocol):
    """Tells a person, and asks where there is one. Only asking may block; it and `go_on` may raise."""

    @property
    def can_ask(self) -> bool:
        """Whether a person is at a terminal and may be asked."""

    @property
    def is_seen(self) -> bool:
        """Whether a person may see what is said."""

    def ask_line(self, question: str, seconds: float) -> str:
        """One line the person types within `seconds`. Raises TimeoutError, and EOFError where there is no answer."""

    def ask_secret(self, question: str, seconds: float) -> str:
        """The same, shown nowhere, and of any length: authorization codes can be longer than a terminal's line."""

    def say(self, sentence: str) -> None:
        """Something worth knowing."""

    def warn(self, sentence: str) -> None:
        """Something that went wrong without stopping the work."""

    def advise(self, sentence: str, remedy: Remedy | None = None) -> None:
        """What may help while something is waited for. A Kubernetes client is told at most once, at a terminal."""

    @property
    def takes_pasted(self) -> bool:
        """Whether a person can paste a line while something else is waited for."""

    def pasted(self) -> AbstractContextManager[Callable[[], str | None]]:
        """What gives the next line that was pasted, shown nowhere, or None: at once, while something else is awaited.

        It never gives one unless `takes_pasted`.
        """

    def page(self, url: str, *, opened: bool) -> None:
        """A page for the person to go to, and whether a browser was started at it."""

    def waiting(self, what: str, seconds: float) -> AbstractContextManager[None]:
        """Wait for `what` at most `seconds`: a countdown on a terminal, a line elsewhere."""

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        """A page to open on any device and the code to enter there, and whether a browser was started at it."""

    def go_on(self) -> None:
        """Asked again and again while something is waited for. Raises Cancelled where the person called it off."""
