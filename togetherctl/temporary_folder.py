"""Make a private folder that goes with the processes that use it, and find those that killed ones left."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from togetherctl.disk import PRIVATE_FOLDER, is_ours, make_private_folder, open_to_others
from togetherctl.lock import LockTimeout, Owner, hold_lock, this_machine, this_process
from togetherctl.signals import defer_signals

_LOCK = ".lock"
_NAME = re.compile(r".+\.(?P<pid>\d{1,11})\.[0-9a-f]{8}\.(?P<machine>[0-9a-f]{8}-[0-9a-f]{8})")


class TemporaryFolder(NamedTuple):
    """A folder, and the descriptor of its lock: a child that keeps it open keeps the folder from being swept."""

    path: Path
    lock: int


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[TemporaryFolder]:
    """A new folder, 0700, in `parent` while the block runs; what killed processes left in `parent` goes first.

    Raises OSError, also where others may write to `parent`.
    """
    make_private_folder(parent)
    status = parent.stat()
    if not is_ours(status) or open_to_others(status):
        raise PermissionError(1, "It is not private", str(parent))
    for path in abandoned(parent):
        remove_folder(path)
    owner = this_process()
    path = parent / f"{name}.{owner.pid}.{os.urandom(4).hex()}.{owner.machine}"
    path.mkdir(mode=PRIVATE_FOLDER)
    try:
        with hold_lock(path / _LOCK, seconds=0.0) as held:
            yield TemporaryFolder(path, held.descriptor)
    finally:
        with defer_signals():
            remove_folder(path)


def abandoned(parent: Path, *, anywhere: bool = False) -> Iterator[Path]:
    """The folders in `parent` that no process uses any more; with `anywhere`, those of other machines count too."""
    try:
        found = sorted(parent.iterdir())
    except OSError:
        return
    for path in found:
        match = _NAME.fullmatch(path.name)
        if match is None or not _is_folder_of_ours(path):
            continue
        owner = Owner(int(match["pid"]), match["machine"])
        elsewhere = owner.machine != this_machine()
        if (anywhere if elsewhere else owner.is_dead()) and not _in_use(path):
            yield path


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


def _is_folder_of_ours(path: Path) -> bool:
    with suppress(OSError):
        status = path.lstat()
        return stat.S_ISDIR(status.st_mode) and is_ours(status)
    return False


def _in_use(path: Path) -> bool:
    """Whether a child that outlived its togetherctl holds the lock that it was given."""
    try:
        with hold_lock(path / _LOCK, seconds=0.0, ours=True):
            return False
    except (LockTimeout, OSError):
        return True
