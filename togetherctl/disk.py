"""Files that are written whole or not at all, and folders nobody else can look into."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def write_whole(path: Path, data: bytes, *, like: os.stat_result | None = None) -> None:
    """Replace `path` in one step: a temporary file beside it, 0600 from birth, fsync, rename, fsync of the folder.

    The new file gets the mode and owner of `like`, if given. Whoever reads sees the old content or the new one, after
    a power cut too. Raises OSError, and then leaves nothing behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
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
            os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def read_whole(path: Path, *, limit: int, follow: bool = True) -> tuple[bytes, os.stat_result]:
    """The content of a regular file of at most `limit` bytes, and its status.

    Never waits: a pipe or a device in its place is refused. A symlink is followed only if `follow`. Raises OSError.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"Larger than {limit // 1024} KiB")
    return data, status


def make_private_folder(folder: Path) -> None:
    """Create `folder` with mode 0700, and its missing parents likewise. Raises OSError."""
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)


def is_ours(status: os.stat_result) -> bool:
    """Whether the user who runs this process owns the file; always so on Windows, where the profile folder decides."""
    return sys.platform == "win32" or status.st_uid == os.geteuid()


def open_to_others(status: os.stat_result) -> bool:
    """Whether group or others can read, write or enter."""
    return sys.platform != "win32" and bool(stat.S_IMODE(status.st_mode) & 0o077)


def _sync_folder(folder: Path) -> None:
    # A rename survives a power cut only once the folder is on disk too; not every file system lets us ask for that.
    if sys.platform == "win32":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
