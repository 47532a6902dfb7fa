"""Session files: 0600 in a 0700 folder, replaced whole, one advisory lock each."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from togetherctl.auth.cache import record
from togetherctl.auth.cache.base import FoundSession, Unopenable, Unsafe
from togetherctl.auth.cache.login_record import LoginFile
from togetherctl.disk import (
    PRIVATE_FILE,
    is_ours,
    leftovers,
    make_private_folder,
    open_to_others,
    read_whole,
    remove,
    replace_durably,
    sweep_folder,
    write_whole,
)
from togetherctl.errors import StorageError, run
from togetherctl.lock import Held, hold_lock, inherit_lock
from togetherctl.records import Protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from togetherctl.auth.session import Session

# Well above what the largest answer of a token endpoint makes of a session, sealed and in base64.
MAX_BYTES = 8 * 1024 * 1024


class FileForm(Protocol):
    """What a session file looks like inside."""

    def ready(self) -> None:
        """Get what encoding needs. Raises StorageError."""

    def encode(self, key: str, session: Session) -> bytes:
        """The session of KEY as it is written. Raises StorageError."""

    def decode(self, key: str, data: bytes) -> Session:
        """The session of KEY. Raises NewerRecord, BrokenRecord, ClosedRecord and StorageError."""


class FileSessions:
    """The folder of session files of one form. Reading takes no lock and writes nothing."""

    def __init__(self, folder: Path, form: FileForm | None = None) -> None:
        self.folder = folder
        self._form = form or record.Plain()

    def load(self, key: str) -> Session | None:
        """The session, or None where there is none; a file that cannot be understood counts as none.

        Raises StorageError where a file is there but must not be used: newer than us, or open to others. Raises
        Unsafe where it is not ours or cannot be read, and Unopenable for another form, or where its key is gone.
        """
        return self._decode(key, self._read(self._path(key)))

    def damaged(self, key: str) -> Path | None:
        """The session's file, if it holds something that cannot be understood. Raises StorageError as `load` does."""
        data = self._read(self._path(key))
        return self._path(key) if data and self._decode(key, data) is None else None

    def found(self, key: str, *, if_left: bool = False) -> FoundSession:
        """Every session in the files of KEY, and why the current one must not be used, if so.

        To end a session it does not matter who else may read it, whose file it is, or what leads to it.
        """
        path = self._path(key)
        trouble: StorageError | None = None
        there = list(leftovers(self.folder, of=path.name))
        if if_left and not there:
            return FoundSession(None)
        try:
            data = self._read(path, though_open=True)
            session = self._decode(key, data)
            if data and session is None:
                trouble = StorageError(f"{path} cannot be understood")
        except StorageError as error:
            trouble, session = error, self._salvage(key, path)
        read = (self._salvage(key, left.path) for left in there)
        left = [each for each in read if each is not None]
        if left and session is not None:
            left.append(session)
        return FoundSession(session, tuple(left), trouble)

    def save(self, key: str, session: Session) -> None:
        """Replace the session, durably. Raises OSError and StorageError."""
        self._make_folder()
        path = self._path(key)
        data = self._form.encode(key, session)
        if len(data) > MAX_BYTES:
            raise OSError(errno.EFBIG, "its tokens are too large to be kept")
        # What killed writers left of other sessions may still save those: it is looked at under their locks.
        sweep_folder(self.folder, beside=path.name, alone=True)
        write_whole(path, data, sweep=False)

    def set_aside(self, key: str, *, only_broken: bool = False) -> Path | None:
        """Rename what cannot be read, understood or opened to `.bad` and give its new path. Call it under the lock.

        One that holds tokens unsealed where they should be sealed is left to be replaced. Raises StorageError where
        the form cannot be written. With `only_broken` one that cannot be read or opened stays, and no key is made.
        """
        if not only_broken:
            self._form.ready()
        path = self._path(key)
        if not self._is_spoiled(key, path, only_broken=only_broken):
            return None
        aside = self._aside(key)
        if aside.is_dir() or path.is_dir():
            # No folder is replaced, and none replaces anything.
            aside = aside.with_name(f"{aside.name}.{os.urandom(4).hex()}")
        with suppress(OSError):
            return path.replace(aside)
        return None

    def delete(self, key: str) -> bool:
        """Forget the session, what was set aside of it, and what killed writers left; False where there was none.

        Raises StorageError where any of it cannot be deleted, or is left alone because a newer togetherctl wrote it.
        Where one file cannot be deleted, the others are.
        """
        path = self._path(key)
        # It goes even if others may read it; only a session whose worth we cannot know stays.
        if form_of(path) == "newer":
            raise _refuse_newer(path)
        stays: list[StorageError] = []
        there = self._delete_file(path, stays)
        aside = [path for path in self._set_aside(key) if path.is_symlink() or not path.is_dir()]
        for other in [*aside, *(left.path for left in leftovers(self.folder, of=path.name))]:
            self._delete_file(other, stays)
        if stays:
            raise stays[0]
        return there

    def sweep(self, key: str) -> None:
        """Remove what writers that were killed left beside the session. Call it under the lock. Raises OSError."""
        for left in leftovers(self.folder, of=self._path(key).name):
            left.path.unlink(missing_ok=True)

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

        Raises LockTimeout, and StorageError where the lock cannot be made.
        """
        path = self.folder / f"{key}.lock"
        with ExitStack() as stack:
            try:
                self._make_folder()
                held = stack.enter_context(
                    hold_lock(path, seconds=seconds, waiting=waiting, ours=True)
                    if handed_over is None
                    else inherit_lock(path, handed_over)
                )
            except OSError as error:
                if os.path.lexists(path):
                    raise StorageError(
                        f"{path} cannot be used as the session's lock: {error.strerror}",
                        hint=run("ls", "-ld", path, words="look at what is there, then remove it"),
                    ) from None
                raise StorageError(f"{self.folder} cannot be used for sessions: {error.strerror}") from None
            with suppress(OSError, StorageError):
                self._take_over(key)
            yield held

    def login_file(self, key: str) -> LoginFile:
        """The record of the login that is under way, or failed."""
        return LoginFile(self.folder / f"{key}.login")

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _aside(self, key: str) -> Path:
        return self.folder / f"{key}.json.bad"

    def _set_aside(self, key: str) -> list[Path]:
        aside = self._aside(key)
        return [aside, *self.folder.glob(f"{aside.name}.*")]

    def _is_spoiled(self, key: str, path: Path, *, only_broken: bool) -> bool:
        data = None
        try:
            data = self._read(path)
            if data is not None:
                self._form.decode(key, data)
        except record.BrokenRecord:
            return True
        except Unsafe:
            return not only_broken
        except record.ClosedRecord:
            return not only_broken and data is not None and "sealed" in record.parse(data)
        except record.NewerRecord:
            pass
        return False

    def _delete_file(self, path: Path, stays: list[StorageError]) -> bool:
        """Delete one file; False where there was none. Why it stays goes to the end of `stays`."""
        with suppress(OSError):
            path.rmdir()  # a folder holds no session, and an empty one nothing at all
        try:
            return remove(path)
        except OSError as error:
            stays.append(StorageError(f"{path} cannot be deleted: {error.strerror}"))
        return True

    def _take_over(self, key: str) -> None:
        """Let the newest whole session of a writer that was killed before its last step be the session.

        Only under the lock, only on the machine of that writer, and only where it is younger than the session: so no
        refresh token is lost that the issuer has given out. Raises OSError, and StorageError where none can be opened.
        """
        path = self._path(key)
        dead = [left.path for left in leftovers(self.folder, of=path.name) if left.owner.is_dead()]
        if not dead:
            return
        try:
            newest = path.lstat().st_mtime_ns
        except FileNotFoundError:
            newest = -1
        for left in sorted(dead, key=lambda left: left.stat().st_mtime_ns, reverse=True):
            if left.stat().st_mtime_ns > newest and self._is_whole(key, left):
                newest = left.stat().st_mtime_ns
                replace_durably(left, path)
            else:
                left.unlink()

    def _is_whole(self, key: str, left: Path) -> bool:
        """Whether a leftover holds a session in this form, of the same client as the session. Raises StorageError."""
        try:
            data = self._read(left)
            session = None if data is None else self._form.decode(key, data)
            now = self.load(key)
        except (Unopenable, record.BrokenRecord):
            return False
        except (record.ClosedRecord, record.NewerRecord):
            raise StorageError(f"{left} is of another form") from None
        return session is not None and (now is None or session.is_of(now.issuer, now.client_id))

    def _decode(self, key: str, data: bytes | None) -> Session | None:
        path = self._path(key)
        if data is None:
            return None
        try:
            return self._form.decode(key, data)
        except record.BrokenRecord:
            return None
        except record.NewerRecord:
            raise _refuse_newer(path) from None
        except record.ClosedRecord as closed:
            raise Unopenable(f"{path} {closed.reason}", hint=closed.remedy) from None

    def _salvage(self, key: str, path: Path) -> Session | None:
        """What a session to revoke may be read from, whatever is odd about the file; None where that is nothing."""
        try:
            data, _ = read_whole(path, limit=2 * MAX_BYTES)
        except PermissionError:
            try:
                path.chmod(PRIVATE_FILE)
                data, _ = read_whole(path, limit=2 * MAX_BYTES)
            except OSError:
                return None
        except OSError:
            return None
        try:
            return self._form.decode(key, data)
        except (StorageError, record.BrokenRecord, record.ClosedRecord, record.NewerRecord):
            # Tokens that lie open where they should be sealed can be revoked, too.
            with suppress(record.BrokenRecord, record.NewerRecord):
                return record.decode(data)
        return None

    def _make_folder(self) -> None:
        make_private_folder(self.folder)
        status = self.folder.stat()
        if not is_ours(status):
            raise StorageError(f"{self.folder} belongs to another user (uid {status.st_uid})")
        if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o022:
            raise StorageError(f"{self.folder} can be written by others", hint=run("chmod", "700", self.folder))

    def _read(self, path: Path, *, though_open: bool = False) -> bytes | None:
        try:
            data, status = read_whole(path, limit=MAX_BYTES, follow=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unsafe(
                f"{path} cannot be read: {error.strerror}", hint="look at what is there; a login sets it aside"
            ) from None
        if not is_ours(status):
            raise Unsafe(
                f"{path} belongs to another user (uid {status.st_uid}) and is not used",
                hint=run("rm", path, words="look at who put it there, then remove it"),
            )
        if open_to_others(status) and not though_open:
            raise StorageError(
                f"{path} holds tokens and is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
                hint=run("chmod", "600", path, words="log out and in again if others use this machine"),
            )
        return data


def form_of(path: Path) -> Literal["plain", "sealed", "newer", "other"]:
    """The form of a session file, even if others may read it; `other` for what is no session or cannot be read."""
    try:
        fields = record.parse(read_whole(path, limit=MAX_BYTES, follow=False)[0])
    except record.NewerRecord:
        return "newer"
    except (OSError, record.BrokenRecord):
        return "other"
    return "sealed" if "sealed" in fields else "plain"


def _refuse_newer(path: Path) -> StorageError:
    return StorageError(f"{path} was written by a newer togetherctl; it is left alone", hint="upgrade togetherctl")


def clients_in(folder: Path) -> Iterator[tuple[str, str]]:
    """The issuer and client ID of every plain session in `folder`, also of those that killed writers left."""
    for path in [*folder.glob("*.json"), *(left.path for left in leftovers(folder))]:
        with suppress(OSError, record.BrokenRecord, record.NewerRecord):
            session = record.decode(read_whole(path, limit=MAX_BYTES, follow=False)[0])
            yield session.issuer, session.client_id
