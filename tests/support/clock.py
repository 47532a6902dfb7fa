"""A clock that stands still until a test moves it."""

from __future__ import annotations

import time


class StoppedClock:
    """Seconds since 1970; starts now, so that certificates and files made by real clocks fit."""

    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Sleeping takes no time but the clock's own."""
        self.advance(seconds)
