"""The world as checks see it: no question, no browser, no login, and not a word from their threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from togetherctl.records import replace

if TYPE_CHECKING:
    from togetherctl.auth.prompter import DeviceCode
    from togetherctl.errors import Remedy
    from togetherctl.wiring import World


def quiet(world: World, log: Callable[[str], None]) -> World:
    """`world` before it read the configuration, in which nothing is said, asked or opened.

    `log` gets its lines of detail, from the threads of the checks.
    """
    silent = world.reread(NoConversation())
    return replace(
        silent,
        log=log,
        open_browser=lambda _url, _profile: None,
        refresh_in_background=lambda _profile, _lock: None,
        # Where a browser that is named would count as one that comes up.
        place=world.place or world.look_around,
    )


class NoConversation:
    """Says nothing, and has no person to ask."""

    can_ask = False
    is_seen = False
    takes_pasted = False

    def ask_line(self, question: str, seconds: float) -> str:
        raise EOFError

    def ask_secret(self, question: str, seconds: float) -> str:
        raise EOFError

    def say(self, sentence: str) -> None:
        """Nothing is shown."""

    def warn(self, sentence: str) -> None:
        """Nothing is shown."""

    def advise(self, sentence: str, remedy: Remedy | None = None) -> None:
        """Nothing is shown."""

    @contextmanager
    def pasted(self) -> Iterator[Callable[[], str | None]]:
        yield lambda: None

    def page(self, url: str, *, opened: bool) -> None:
        """Nothing is shown."""

    @contextmanager
    def waiting(self, what: str, seconds: float) -> Iterator[None]:
        yield

    def device_code(self, device: DeviceCode, *, opened: bool) -> None:
        """Nothing is shown."""

    def go_on(self) -> None:
        """Each check has a deadline of its own."""
