"""An advisory lock between processes, with a deadline: the system frees it when its owner dies."""

from __future__ import annotations

import errno
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_POLL = 0.05


class LockTimeout(Exception):
    """Somebody else held the lock until the deadline."""


class Held(NamedTuple):
    """A lock that is held: the open file it hangs on, and whether somebody else had to be waited for."""

    descriptor: int
    waited: bool


@contextmanager
def locked(
    path: Path, *, seconds: float | Callable[[], float], waiting: Callable[[float], None] | None = None
) -> Iterator[Held]:
    """Hold the lock file `path` (made with mode 0600, never deleted) for as long as the block runs.

    While somebody else holds it, `waiting` is told again and again for how many seconds that has been so, and
    `seconds`, if it is a function, is asked again. Raises LockTimeout after `seconds`, and OSError where the file
    cannot be opened.
    """
    descriptor = os.open(
        path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600
    )
    try:
        began = time.monotonic()
        tries = 0
        while not _try_lock(descriptor):
            tries += 1
            waited = time.monotonic() - began
            if waited >= (seconds if isinstance(seconds, (int, float)) else seconds()):
                raise LockTimeout(str(path))
            if waiting:
                waiting(waited)
            time.sleep(_POLL)
        yield Held(descriptor, waited=tries > 0)
    finally:
        os.close(descriptor)


@contextmanager
def inherited(path: Path, descriptor: int) -> Iterator[Held]:
    """Hold on to the lock `path` that whoever started this process had taken and left open as `descriptor`.

    Raises OSError where that is not so.
    """
    os.set_inheritable(descriptor, False)  # noqa: FBT003 # os's signature
    there, given = path.stat(), os.fstat(descriptor)
    if (there.st_dev, there.st_ino) != (given.st_dev, given.st_ino) or not _try_lock(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    try:
        yield Held(descriptor, waited=False)
    finally:
        os.close(descriptor)


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number; where that cannot be told, there is."""
    if os.name != "posix" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
