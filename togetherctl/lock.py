"""Lock a file between processes, with a deadline, and identify processes across machines."""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from togetherctl.records import NamedTuple

_POLL = 0.05
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_PROCESSES = "/proc/self/ns/pid"
_MACHINE: list[str] = []


class LockTimeout(Exception):
    """Another process held the lock until the deadline."""


class Held(NamedTuple):
    """A lock that is held: its open file, and whether this process waited for another one."""

    descriptor: int
    waited: bool


@contextmanager
def hold_lock(
    path: Path,
    *,
    seconds: float | Callable[[], float],
    waiting: Callable[[float], None] | None = None,
    ours: bool = False,
) -> Iterator[Held]:
    """Hold the lock file `path` (made with mode 0600, never deleted) for as long as the block runs.

    While another process holds it, `waiting` is called again and again with the seconds waited so far, and `seconds`,
    if it is a function, is called again. Raises LockTimeout after `seconds`, and OSError where the file cannot be
    opened, or with `ours` belongs to another user, who could hold it for ever.
    """
    flags = os.O_RDWR | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        _check(os.fstat(descriptor), ours=ours)
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
def inherit_lock(path: Path, descriptor: int) -> Iterator[Held]:
    """Keep the lock `path` that the parent process holds and left open as `descriptor`.

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


class Owner(NamedTuple):
    """A process: its number, and the machine that gave it the number; an empty `machine` means this one."""

    pid: int
    machine: str

    def is_dead(self) -> bool:
        """Whether it certainly does not run. False for a process of another machine, or before the last start."""
        return self.machine in ("", this_machine()) and not is_alive(self.pid)


def this_process() -> Owner:
    """The current process."""
    return Owner(os.getpid(), this_machine())


def this_machine() -> str:
    """What tells this machine, since its last start, from every other: `BOOT-HOST`, 17 characters.

    Homes are shared between machines, and containers share the boot ID of their host but not its process numbers. A
    system without a boot ID is told apart by its host name alone.
    """
    if not _MACHINE:
        from binascii import crc32

        boot, processes = "00000000", ""
        # As bytes, because a text file loads the tables of its encoding.
        with suppress(OSError, UnicodeDecodeError), open(_BOOT_ID, "rb", buffering=0) as file:
            boot = file.read(8).decode("ascii")
        with suppress(OSError, AttributeError):
            processes = os.readlink(_PROCESSES)  # noqa: PTH115 # as a path it would be one more import
        host = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
        _MACHINE.append(f"{boot:.8}-{crc32(f'{host} {processes}'.encode('utf-8', 'surrogateescape')):08x}")
    return _MACHINE[0]


def is_alive(pid: int) -> bool:
    """Whether there is a process of that number; where that cannot be told, there is."""
    if os.name != "posix" or pid <= 0:
        return True
    try:
        os.kill(pid, 0)
    except OSError as error:
        return not isinstance(error, ProcessLookupError)
    return True


def _check(status: os.stat_result, *, ours: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    if sys.platform != "win32" and ours and status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"It belongs to another user (uid {status.st_uid})")


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
