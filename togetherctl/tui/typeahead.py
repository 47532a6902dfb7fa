"""Keep keys from doing what they were not typed for, when a screen comes or goes by itself."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.screen import Screen

# Keys that follow each other within so many seconds are one word to the person who types them.
_PAUSE = 0.5


class _Typed(NamedTuple):
    screen: Screen[object] | None
    at: float
    used: bool


class TypeAhead:
    """What was typed last, and whether it did anything. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._last: _Typed | None = None

    def passes(self, screen: Screen[object], *, used: bool) -> bool:
        """Whether a key is for `screen`; `used` says whether it does anything there.

        It is not for it where the keys right before it were dropped, or went to another screen that had no use for
        them and has gone: then it is the rest of a word.
        """
        last, now = self._last, self.clock()
        if last is not None and last.screen is not screen and not last.used and now - last.at < _PAUSE:
            self._last = last._replace(at=now)
            return False
        self._last = _Typed(screen, now, used)
        return True

    def drop(self) -> None:
        """A key is dropped, and the rest of its word with it."""
        self._last = _Typed(None, self.clock(), used=False)

    def interrupt(self, since: float) -> None:
        """A screen came up by itself: what goes on from keys that were typed `since` then is not for it."""
        if self._last is not None and self._last.at > since:
            self._last = self._last._replace(used=False)
