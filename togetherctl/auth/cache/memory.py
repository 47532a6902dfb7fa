"""Sessions in memory: they end with the process and leave neither a file nor a lock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from togetherctl.auth.cache.base import FoundSession, LoginRecords, Sessions
from togetherctl.lock import Held, LockTimeout

if TYPE_CHECKING:
    from togetherctl.auth.cache.login_record import LoginRecord
    from togetherctl.auth.session import Session

_POLL = 0.05


class MemorySessions:
    """Two processes know nothing of each other here, so both may log in. The lock is between threads.

    `disk` is where a session may still lie that was kept there before; it is never read, and deleted at logout.
    """

    def __init__(self, disk: Sessions) -> None:
        self._disk = disk
        self._kept: dict[str, Session] = {}
        self._logins: defaultdict[str, _MemoryLogin] = defaultdict(_MemoryLogin)
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    def load(self, key: str) -> Session | None:
        """The session this process was given, if it was."""
        return self._kept.get(key)

    def damaged(self, key: str) -> Path | None:  # as the interface has it
        """None: the session is in no file of its own."""
        return None

    def found(self, key: str, *, if_left: bool = False) -> FoundSession:
        """The session this process was given; the disk is never read."""
        return FoundSession(None if if_left else self._kept.get(key))

    def save(self, key: str, session: Session) -> None:
        """Keep the session until the process ends."""
        self._kept[key] = session

    def set_aside(self, key: str, *, only_broken: bool = False) -> Path | None:
        """Nothing: there is always room."""
        return None

    def delete(self, key: str) -> bool:
        """Forget the session, here and on disk. Raises StorageError where the disk keeps it."""
        kept = self._kept.pop(key, None) is not None
        return self._disk.delete(key) or kept

    @contextmanager
    def lock(
        self,
        key: str,
        *,
        seconds: float | Callable[[], float] = 0.0,
        waiting: Callable[[float], None] | None = None,
        handed_over: int | None = None,
    ) -> Iterator[Held]:
        """Hold the session's lock within this process; there is none to be `handed_over`. Raises LockTimeout."""
        lock = self._locks[key]
        began = monotonic()
        waited = False
        while not lock.acquire(timeout=_POLL if waited else 0):
            waited = True
            so_far = monotonic() - began
            if so_far >= (seconds if isinstance(seconds, (int, float)) else seconds()):
                raise LockTimeout(key)
            if waiting:
                waiting(so_far)
        try:
            yield Held(-1, waited=waited)
        finally:
            lock.release()

    def login_file(self, key: str) -> LoginRecords:
        """The record of the login that is under way, or failed, in this process."""
        return self._logins[key]


@dataclass
class _MemoryLogin:
    """The record of one session's login, in this process."""

    record: LoginRecord | None = None

    def read(self) -> LoginRecord | None:
        return self.record

    def write(self, record: LoginRecord) -> None:
        self.record = record

    def clear(self) -> None:
        self.record = None
