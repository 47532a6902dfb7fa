"""Write files whole or not at all, remove what killed writers left, and make private folders."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from togetherctl.lock import Owner, this_process
from togetherctl.records import NamedTuple

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_HEX = frozenset("0123456789abcdef")


class Leftover(NamedTuple):
    """A temporary file: the name `of` the file that it was meant to replace, and the process that made it."""

    path: Path
    of: str
    owner: Owner


def write_whole(
    path: Path, data: bytes, *, like: os.stat_result | None = None, sweep: bool = True, durable: bool = True
) -> None:
    """Replace `path` in one step: a temporary file beside it, 0600 from birth, fsync, rename, fsync of the folder.

    The new file gets the mode and owner of `like`, if given. A reader sees the old content or the new one, after a
    power cut too; without `durable`, for what can be made again, nothing waits for the disk, and a power cut may leave
    an empty file. With `sweep`, temporary files of dead writers in the folder go first. Raises OSError, and then leaves
    no temporary file.
    """
    if sweep:
        sweep_folder(path.parent, beside=path.name)
    temporary = temporary_beside(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), PRIVATE_FILE)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if like is not None and sys.platform != "win32":
                # By descriptor: a path could lead elsewhere by now.
                with suppress(PermissionError):
                    os.fchown(descriptor, like.st_uid, like.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            if durable:
                os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def rewrite(path: Path, data: bytes) -> None:
    """As `write_whole`, with the mode and owner of the file that is there; the folder is made. Raises OSError."""
    make_private_folder(path.parent)
    write_whole(path, data, like=path.stat() if path.exists() else None)


def replace_durably(source: Path, path: Path) -> None:
    """Rename the file `source` to `path`, both in one folder, and have it on disk. Raises OSError."""
    _sync(source)
    source.replace(path)
    _sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """A name beside `path` that says which process made it; no such file exists yet."""
    owner = this_process()
    return path.with_name(f".{path.name}.{owner.pid}.{os.urandom(4).hex()}.{owner.machine}.tmp")


def leftovers(folder: Path, of: str | None = None) -> Iterator[Leftover]:
    """The temporary files in `folder`: regular files of this user, known by their name; all, or those `of` one file."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 # every write asks, and a folder may hold thousands of files
    except OSError:
        return
    for name in names:
        if not name.endswith(".tmp") or not name.startswith("." if of is None else f".{of}."):
            continue
        made = _parse_name(name)
        if made is None or (of is not None and made[0] != of):
            continue
        path = folder / name
        with suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and is_ours(status):
                yield Leftover(path, *made)


def sweep_folder(folder: Path, *, beside: str, alone: bool = False) -> None:
    """Remove temporary files of dead writers on this machine in `folder`; `alone`: only those of the file `beside`."""
    for left in leftovers(folder, of=beside if alone else None):
        # A name without a machine may be of another program; it counts as ours only beside its own file.
        if (left.owner.machine or left.of == beside) and left.owner.is_dead():
            with suppress(OSError):
                left.path.unlink()


def remove(path: Path) -> bool:
    """Delete what is at `path`, unless it is a folder; False where there is nothing.

    A folder of ours in which even we may not delete is made writable; a file of ours that cannot be deleted is emptied,
    and the OSError that is raised says so. Raises OSError.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        if path.is_dir() and not path.is_symlink():
            raise
        if _make_writable(path.parent):
            path.unlink()
        elif _empty(path):
            raise OSError(error.errno, f"{error.strerror}; it was emptied") from None
        else:
            raise
    return True


def read_whole(path: Path, *, limit: int, follow: bool = True, traceless: bool = False) -> tuple[bytes, os.stat_result]:
    """The content of a regular file of at most `limit` bytes, and its status.

    Never waits: a pipe or a device in its place is refused. A symlink is followed only if `follow`. `traceless`: the
    file's access time stays what it is, so that it goes on saying when others read it. Raises OSError.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    with open(_open_traceless(path, flags) if traceless else os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        data = file.read(limit + 1)
        if traceless and not hasattr(os, "O_NOATIME"):
            with suppress(OSError):
                os.utime(file.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit // 1024} KiB")
    return data, status


def _open_traceless(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        # Only the owner may leave no trace.
        return os.open(path, flags)


def make_private_folder(folder: Path) -> None:
    """Create `folder` with mode 0700, and its missing parents likewise. Raises OSError."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)


def is_ours(status: os.stat_result, platform: str = sys.platform) -> bool:
    """Whether the user who runs this process owns the file; always so on Windows, where the profile folder decides."""
    return platform == "win32" or status.st_uid == os.geteuid()


def open_to_others(status: os.stat_result, platform: str = sys.platform) -> bool:
    """Whether group or others can read, write or enter; never so on Windows, whose modes say nothing of that."""
    return platform != "win32" and bool(stat.S_IMODE(status.st_mode) & 0o077)


def _parse_name(name: str) -> tuple[str, Owner] | None:
    """The file that a temporary one of this name was meant to replace, and its owner; None where it is not ours."""
    parts = name[1:].rsplit(".", 4)
    if len(parts) == 5 and _is_machine(parts[3]):
        of, pid, random, machine = parts[:4]
    else:
        # Version 0.1.0 did not name the machine.
        parts = name[1:].rsplit(".", 3)
        if len(parts) != 4:
            return None
        of, pid, random, machine = *parts[:3], ""
    number = pid.isascii() and pid.isdecimal() and len(pid) < 12
    return (of, Owner(int(pid), machine)) if of and number and len(random) == 8 and {*random} <= _HEX else None


def _is_machine(text: str) -> bool:
    return len(text) == 17 and text[8] == "-" and {*text[:8], *text[9:]} <= _HEX


def _make_writable(folder: Path) -> bool:
    with suppress(OSError):
        status = folder.stat()
        if is_ours(status) and stat.S_IMODE(status.st_mode) & PRIVATE_FOLDER != PRIVATE_FOLDER:
            folder.chmod(stat.S_IMODE(status.st_mode) | PRIVATE_FOLDER)
            return True
    return False


def _empty(path: Path) -> bool:
    with suppress(OSError):
        # By descriptor: where others may write, the path could lead to another file of ours by now.
        flags = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(path, flags)
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and is_ours(status) and status.st_nlink == 1:
                os.ftruncate(descriptor, 0)
                return True
        finally:
            os.close(descriptor)
    return False


def _sync_folder(folder: Path) -> None:
    # A rename survives a power cut only once the folder is on disk too; not every file system lets us ask for that.
    if sys.platform == "win32":
        return
    with suppress(OSError):
        _sync(folder, follow=True)


def _sync(path: Path, *, follow: bool = False) -> None:
    descriptor = os.open(path, os.O_RDONLY | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
