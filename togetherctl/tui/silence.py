"""The conversation of whoever only looks: nothing is said and nobody is asked."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from togetherctl.auth.conversation import DeviceCode


class Silence:
    """There is nobody to ask."""

    can_ask = False
    is_seen = False

    def ask_line(self, question: str, seconds: float) -> str:
        raise EOFError

    ask_secret = ask_line

    def say(self, sentence: str) -> None:
        return

    warn = say

    def page(self, url: str, *, opened: bool) -> None:
        return

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        yield

    def go_on(self) -> None:
        return

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        return
