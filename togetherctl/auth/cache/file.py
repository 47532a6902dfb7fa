"""Sessions as files: 0600 in a 0700 folder, replaced whole, one advisory lock each."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from togetherctl.auth.cache import record
from togetherctl.auth.cache.login import LoginFile
from togetherctl.auth.cache.sessions import Unopenable
from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.errors import StorageError
from togetherctl.lock import Held, inherited, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from togetherctl.auth.session import Session

_MAX_BYTES = 1024 * 1024


class Form(Protocol):
    """What a session file looks like inside."""

    def ready(self) -> None:
        """Get what encoding needs. Raises StorageError."""

    def encode(self, key: str, session: Session) -> bytes:
        """The session of KEY as it is written. Raises StorageError."""

    def decode(self, key: str, data: bytes) -> Session:
        """The session of KEY. Raises NewerRecord, BrokenRecord, ClosedRecord and StorageError."""


class FileSessions:
    """The folder of session files of one form. Reading takes no lock and writes nothing."""

    def __init__(self, folder: Path, form: Form | None = None) -> None:
        self.folder = folder
        self._form = form or record.Plain()

    def load(self, key: str, *, though_open: bool = False) -> Session | None:
        """The session, or None where there is none; a file that cannot be understood counts as none.

        Raises StorageError where a file is there but must not be used: not ours, newer than us, or open to others.
        The last may be read `though_open` to revoke what it holds. Raises Unopenable for a file of another form, or
        one whose key is gone.
        """
        path = self._path(key)
        data = self._read(path, though_open=though_open)
        if data is None:
            return None
        try:
            return self._form.decode(key, data)
        except record.BrokenRecord:
            return None
        except record.NewerRecord:
            raise _newer(path) from None
        except record.ClosedRecord as closed:
            raise Unopenable(f"{path} {closed.reason}", hint=closed.hint) from None

    def save(self, key: str, session: Session) -> None:
        """Replace the session, durably. Raises OSError and StorageError."""
        self._make_folder()
        write_whole(self._path(key), self._form.encode(key, session))

    def set_aside(self, key: str) -> Path | None:
        """Rename a file that cannot be understood or opened to `.bad` and give its new path. Call it under the lock.

        One that holds tokens unsealed where they should be sealed is left to be replaced. Raises StorageError where
        the form cannot be written.
        """
        self._form.ready()
        path = self._path(key)
        data = self._read(path)
        if data is None:
            return None
        try:
            self._form.decode(key, data)
        except record.BrokenRecord:
            pass
        except record.ClosedRecord:
            if "sealed" not in record.parse(data):
                return None
        except record.NewerRecord:
            return None
        else:
            return None
        with suppress(OSError):
            return path.replace(self._aside(key))
        return None

    def delete(self, key: str) -> bool:
        """Forget the session, and what was set aside of it; False where there was none.

        Raises StorageError where it cannot be deleted, or is left alone because a newer togetherctl wrote it.
        """
        path = self._path(key)
        with suppress(OSError):
            self.sweep(key)
        try:
            self._aside(key).unlink(missing_ok=True)
            # Whoever may read it, it goes; only what we may not understand the worth of stays.
            record.parse(read_whole(path, limit=_MAX_BYTES, follow=False)[0])
        except record.NewerRecord:
            raise _newer(path) from None
        except (OSError, record.BrokenRecord):
            pass
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"{path} cannot be deleted: {error.strerror}") from None
        return True

    def sweep(self, key: str) -> None:
        """Remove what writers that were killed left beside the session. Call it under the lock. Raises OSError."""
        for temporary in self.folder.glob(f".{key}.json.*.tmp"):
            temporary.unlink(missing_ok=True)

    def anything(self, key: str) -> bool:
        """Whether a file of the session is there, of whatever form and worth."""
        return os.path.lexists(self._path(key)) or os.path.lexists(self._aside(key))

    @contextmanager
    def lock(
        self,
        key: str,
        *,
        seconds: float | Callable[[], float] = 0.0,
        waiting: Callable[[float], None] | None = None,
        handed_over: int | None = None,
    ) -> Iterator[Held]:
        """Hold the session's lock, or go on holding the one `handed_over` as an open file by the process before.

        Raises LockTimeout, and StorageError where there is no lock to be had.
        """
        path = self.folder / f"{key}.lock"
        with ExitStack() as stack:
            try:
                self._make_folder()
                held = stack.enter_context(
                    locked(path, seconds=seconds, waiting=waiting)
                    if handed_over is None
                    else inherited(path, handed_over)
                )
            except OSError as error:
                raise StorageError(f"{self.folder} cannot be used for sessions: {error.strerror}") from None
            yield held

    def login_file(self, key: str) -> LoginFile:
        """The record of the login that is under way, or failed."""
        return LoginFile(self.folder / f"{key}.login")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _aside(self, key: str) -> Path:
        return self.folder / f"{key}.json.bad"

    def _make_folder(self) -> None:
        make_private_folder(self.folder)
        status = self.folder.stat()
        if not is_ours(status):
            raise StorageError(f"{self.folder} belongs to another user (uid {status.st_uid})")
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o022:
            raise StorageError(f"{self.folder} can be written by others", hint=f"chmod 700 {self.folder}")

    def _read(self, path: Path, *, though_open: bool = False) -> bytes | None:
        try:
            data, status = read_whole(path, limit=_MAX_BYTES, follow=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from None
        if not is_ours(status):
            raise StorageError(
                f"{path} belongs to another user (uid {status.st_uid}) and is not used",
                hint=f"look at who put it there, then remove it: rm {path}",
            )
        if open_to_others(status) and not though_open:
            raise StorageError(
                f"{path} holds tokens and is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=f"chmod 600 {path}; log out and in again if others use this machine",
            )
        return data


def _newer(path: Path) -> StorageError:
    return StorageError(f"{path} was written by a newer togetherctl; it is left alone", hint="upgrade togetherctl")
