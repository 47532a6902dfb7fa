"""The interface of every session storage: load, save, lock, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from togetherctl.errors import StorageError
from togetherctl.records import NamedTuple, Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from togetherctl.auth.cache.login_record import LoginRecord
    from togetherctl.auth.session import Session
    from togetherctl.lock import Held


class Unopenable(StorageError):
    """A session is there that cannot be opened the way its profile says. A login replaces it, nothing else does."""


class Unsafe(Unopenable):
    """What is in the session's place is no file of ours that can be read. A login sets it aside."""


class FoundSession(NamedTuple):
    """Every session that the files of one KEY hold: the current one, what killed writers `left`, and why not to use it.

    With what was left, `left` also holds the current one, since that may be replaced under the lock.
    """

    session: Session | None
    left: tuple[Session, ...] = ()
    trouble: StorageError | None = None


class LoginRecords(Protocol):
    """The record of one session's login. What cannot be read or written is let go."""

    def read(self) -> LoginRecord | None:
        """The record, or None where there is none that can be understood."""

    def write(self, record: LoginRecord) -> None:
        """Replace it."""

    def clear(self) -> None:
        """Forget it."""


class Sessions(Protocol):
    """Sessions by KEY. Whatever fails is a StorageError in words, or an OSError where a write fails."""

    def load(self, key: str) -> Session | None:
        """The session, or None where there is none; what cannot be understood counts as none. Takes no lock.

        Raises StorageError where one is there but must not be used.
        """

    def damaged(self, key: str) -> Path | None:
        """The file that is in the session's place and cannot be understood, which `load` counts as none."""

    def found(self, key: str, *, if_left: bool = False) -> FoundSession:
        """All that there is to revoke, read from wherever it can be read: to end the session, and for nothing else.

        With `if_left` nothing is looked at unless killed writers left something.
        """

    def save(self, key: str, session: Session) -> None:
        """Replace the session, durably. Raises OSError and StorageError."""

    def set_aside(self, key: str, *, only_broken: bool = False) -> Path | None:
        """Make room for the session of a login that is about to begin; the new path of what was put aside for it.

        With `only_broken` no login is about to begin: what another key may still open stays, and no key is made.

        Call it under the lock. Raises StorageError where no session could be kept, before a person is asked to log in.
        """

    def delete(self, key: str) -> bool:
        """Forget the session, what was set aside of it, and what killed writers left; False where there was none.

        One that a newer togetherctl wrote stays. Raises StorageError.
        """

    def lock(
        self,
        key: str,
        *,
        seconds: float | Callable[[], float] = 0.0,
        waiting: Callable[[float], None] | None = None,
        handed_over: int | None = None,
    ) -> AbstractContextManager[Held]:
        """Hold the session's lock, or go on holding the one `handed_over` as an open file by the process before.

        Raises LockTimeout, and StorageError where the lock cannot be made.
        """

    def login_file(self, key: str) -> LoginRecords:
        """The record of the login that is under way, or failed."""
