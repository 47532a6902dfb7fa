"""Sessions that live as long as the process and leave nothing behind, neither a file nor a lock."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.session import Session


class MemorySessions:
    """Two processes know nothing of each other here, so both may log in. The lock is between threads.

    `disk` is where a session may still lie that was kept there before; it is never read, and deleted at logout.
    """

    def __init__(self, disk: Sessions) -> None:
        self._disk = disk
        self._kept: dict[str, Session] = {}
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

    def load(self, key: str, *, though_open: bool = False) -> Session | None:
        """The session this process was given, if it was."""
        return self._kept.get(key)

    def save(self, key: str, session: Session) -> None:
        """Keep the session until the process ends."""
        self._kept[key] = session

    def set_aside(self, key: str) -> Path | None:
        """Nothing: there is always room."""
        return None

    def delete(self, key: str) -> bool:
        """Forget the session, here and on disk. Raises StorageError where the disk keeps it."""
        kept = self._kept.pop(key, None) is not None
        return self._disk.delete(key) or kept

    @contextmanager
    def lock(self, key: str, *, seconds: float, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the session's lock within this process. Raises LockTimeout."""
        lock = self._locks[key]
        if not lock.acquire(blocking=False):
            if waiting:
                waiting()
            if not lock.acquire(timeout=seconds):
                raise LockTimeout(key)
        try:
            yield
        finally:
            lock.release()
