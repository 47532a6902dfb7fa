"""Defer Ctrl-C, SIGTERM and SIGHUP until a block is done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def defer_signals() -> Iterator[Callable[[], None]]:
    """Run the block; Ctrl-C, SIGTERM and SIGHUP take effect after it, a second one at once.

    What is given lets a signal that waits take effect where that harms nothing. Signals reach the main thread alone,
    so elsewhere there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    usual: dict[int, Any] = {}
    noted: list[int] = []

    def note(number: int, frame: object) -> None:
        if noted:
            _take_effect(number, usual[number], frame)
        noted.append(number)

    def let_through() -> None:
        while noted:
            number = noted.pop(0)
            _take_effect(number, usual[number], None)

    for name in _ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            usual[int(number)] = signal.signal(number, note)
    try:
        yield let_through
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        let_through()


def _take_effect(number: int, handler: Any, frame: object) -> None:
    if callable(handler):
        handler(number, frame)
    else:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
