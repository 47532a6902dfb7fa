"""What the checks of storage share: our folders and session files, a trial write, a session's lock."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.disk import is_ours, open_to_others, temporary_beside
from togetherctl.errors import StorageError, os_error_as
from togetherctl.finding import Skip
from togetherctl.lock import LockTimeout

if TYPE_CHECKING:
    from togetherctl.auth.cache.base import Sessions
    from togetherctl.config.profile import Profile
    from togetherctl.doctor.facts import Facts
    from togetherctl.paths import Paths

# What a session with large tokens takes.
_TRIAL_BYTES = 64 * 1024
_TRIAL = threading.Lock()
_SESSION = re.compile(r"(?P<key>[0-9a-f]{64})\.json")
_LOGIN = re.compile(r"(?P<key>[0-9a-f]{64})\.login")


def own_folders(paths: Paths) -> list[Path]:
    """Every folder that only togetherctl fills, the outer ones first."""
    from togetherctl.auth.cache.purge import SEALED

    state = [paths.state, paths.sessions, paths.sessions / SEALED, paths.shim.parent, paths.bundles, paths.edits]
    cache = [paths.cache, paths.ready, paths.known, paths.discovery]
    runtime = [paths.runtime, paths.runtime / "ready"] if paths.runtime else []
    return [*state, *cache, *runtime]


def existing(folder: Path) -> Path:
    """The folder, or the first of its parents that is there."""
    return next(each for each in (folder, *folder.parents) if os.path.lexists(each))


def refuse_open_session(facts: Facts, profile: Profile) -> None:
    """Raises Skip where the session's file is open to others, which the check of the folders says with what helps."""
    path = (profile.sessions or facts.world.paths.sessions) / f"{profile.key}.json"
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and is_ours(status) and open_to_others(status):
            raise Skip("the file of the session is open to others, so it is not used")


def try_writing(facts: Facts, folder: Path) -> OSError | None:
    """Why a session could not be written into the folder; a trial file is there for a moment."""

    def write() -> OSError | None:
        # One at a time: where there is little room, two would take it from each other.
        with _TRIAL:
            return _write(folder)

    return facts.once(("write", folder), write)


def _write(folder: Path) -> OSError | None:
    path = temporary_beside(folder / "doctor")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(b"\0" * _TRIAL_BYTES)
                file.flush()
                os.fsync(file.fileno())
        finally:
            with suppress(OSError):
                path.unlink()
    except OSError as error:
        return error
    return None


def change_mode(path: Path, mode: int) -> None:
    """Raises StorageError, also where the path is not what it was."""
    with os_error_as(StorageError, f"the mode of {path} cannot be changed"):
        if goes_by_link(path):
            raise StorageError(f"{path} is reached by a link by now; it was left alone")
        if not is_ours(path.stat()):
            raise StorageError(f"{path} belongs to another user by now; it was left alone")
        path.chmod(mode)


def goes_by_link(path: Path) -> bool:
    """Whether the path, or a folder on the way, is a link of a user's: what it leads to may be shared on purpose.

    The links of the system, such as /var of macOS, do not count.
    """
    there = (each.lstat() for each in (path, *path.parents) if each.is_symlink())
    return any(is_ours(status) or status.st_uid != 0 for status in there)


def session_files(folder: Path) -> dict[str, Path]:
    """The files in a folder of sessions that are called like one, by their KEY."""
    return _named(folder, _SESSION)


def login_files(folder: Path) -> dict[str, Path]:
    """The records of logins in a folder of sessions, by their KEY."""
    return _named(folder, _LOGIN)


def _named(folder: Path, name: re.Pattern[str]) -> dict[str, Path]:
    from togetherctl.auth.cache.ready_file import files_in

    matches = ((name.fullmatch(path.name), path) for path in files_in(folder))
    return {match["key"]: path for match, path in matches if match}


@contextmanager
def locked(sessions: Sessions, key: str) -> Iterator[None]:
    """Hold a session's lock, and take over what killed writers left. Raises StorageError where it is not free."""
    try:
        with sessions.lock(key):
            yield
    except LockTimeout:
        raise StorageError("another togetherctl is busy with the session", hint="try again later") from None


def set_aside(sessions: Sessions, key: str) -> None:
    """Put a session that cannot be understood out of the way. Raises StorageError."""
    with locked(sessions, key):
        if sessions.set_aside(key, only_broken=True) is None:
            raise StorageError("nothing was moved: it can be read by now, or the system refused")
