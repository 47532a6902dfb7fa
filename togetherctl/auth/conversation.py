"""What the engine has to say to a person while it works; each face says it in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Conversation(Protocol):
    """Tells, never asks. Nothing here may raise or block for long."""

    def say(self, sentence: str) -> None:
        """Something worth knowing."""

    def warn(self, sentence: str) -> None:
        """Something that went wrong without stopping the work."""

    def page(self, url: str, *, opened: bool) -> None:
        """A page for the person to go to, and whether a browser was started at it."""

    def waiting(self, what: str, seconds: float) -> AbstractContextManager[None]:
        """Wait for `what` at most `seconds`: a countdown on a terminal, a line elsewhere."""
