"""An advisory lock between processes, with a deadline: the system frees it when its owner dies."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL = 0.05


class LockTimeout(Exception):
    """Somebody else held the lock until the deadline."""


@contextmanager
def locked(path: Path, *, seconds: float, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` (made with mode 0600, never deleted) for as long as the block runs.

    `waiting` is called once, as soon as somebody else is seen to hold it. Raises LockTimeout after `seconds`, and
    OSError where the file cannot be opened.
    """
    descriptor = os.open(
        path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600
    )
    try:
        deadline = time.monotonic() + seconds
        told = False
        while not _try_lock(descriptor):
            if waiting and not told:
                told = True
                waiting()
            if time.monotonic() >= deadline:
                raise LockTimeout(str(path))
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
