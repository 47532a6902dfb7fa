"""A loop on a clock that a test turns: time passes at once, and only as far as the test says."""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable

NOON = 1_800_000_000.0


class ScriptedLoop:
    """What `protocol.Loop` says. `now` is the wall clock too, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = NOON
        self._timers: dict[int, tuple[float, Callable[[], None]]] = {}
        self._watched: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()

    def after(self, seconds: float, call: Callable[[], None]) -> Callable[[], None]:
        number = next(self._numbers)
        self._timers[number] = (self.now + seconds, call)
        return lambda: self._timers.pop(number, None) and None

    def watch(self, descriptor: int, readable: Callable[[], None]) -> Callable[[], None]:
        assert descriptor not in self._watched
        self._watched[descriptor] = readable

        def cancel() -> None:
            if self._watched.get(descriptor) is readable:
                del self._watched[descriptor]

        return cancel

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := sorted((at, number) for number, (at, _call) in self._timers.items() if at <= end):
            at, number = due[0]
            self.now = max(self.now, at)
            self._timers.pop(number)[1]()
        self.now = end

    def turn(self, seconds: float = 60.0) -> None:
        """Wait, in real seconds, until something watched can be read, and see to it."""
        ready, _, _ = select.select(list(self._watched), [], [], seconds)
        for descriptor in ready:
            if descriptor in self._watched:
                self._watched[descriptor]()

    def drain(self) -> None:
        """See to what is watched until nothing is."""
        while self._watched:
            self.turn()

    @property
    def is_idle(self) -> bool:
        """Whether nothing would wake it."""
        return not self._timers and not self._watched
