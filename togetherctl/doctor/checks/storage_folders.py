"""Whether togetherctl's own folders are private and can be written to."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from togetherctl.disk import PRIVATE_FILE, PRIVATE_FOLDER, is_ours, open_to_others
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import change_mode, existing, goes_by_link, own_folders, session_files, try_writing
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding, Mend

# What a check of space says.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    paths, fine = facts.world.paths, True
    for folder in own_folders(paths):
        for finding in _look(facts, folder):
            fine = False
            yield finding
    for folder in (paths.sessions, paths.sessions / "keyring"):
        for path in session_files(folder).values():
            for finding in _look_at_session(path):
                fine = False
                yield finding
    if fine:
        there = paths.state if paths.state.exists() else existing(paths.state)
        yield Finding("ok", "togetherctl's folders are private, and can be written to", subject=str(there))


def _look(facts: Facts, folder: Path) -> Iterator[Finding]:
    subject = str(folder)
    if not os.path.lexists(folder):
        if folder in (facts.world.paths.state, facts.world.paths.cache):
            yield from _look_where_it_goes(folder)
        return
    try:
        status = folder.stat()
    except OSError as error:
        yield _failed(f"it cannot be looked at: {error.strerror}", folder)
        return
    mode = stat.S_IMODE(status.st_mode)
    what = f"make {folder} private (chmod 700)"
    mend = None if goes_by_link(folder) else Mend(what, partial(change_mode, folder, PRIVATE_FOLDER))
    remedy = run("chmod", "700", folder)
    if not stat.S_ISDIR(status.st_mode):
        yield _failed("it is no folder, so nothing can be kept there", folder)
    elif not is_ours(status):
        yield _failed(f"it belongs to another user (uid {status.st_uid})", folder)
    elif os.name == "posix" and mode & PRIVATE_FOLDER != PRIVATE_FOLDER:
        text = f"its owner may not use it (mode {mode:04o}), so nothing can be kept there"
        yield Finding("failed", text, remedy, subject=subject, exit_code=ExitCode.STORAGE, mend=mend)
    elif os.name == "posix" and mode & 0o022:
        text = f"others can write to it (mode {mode:04o}), so nothing there is trusted"
        yield Finding("failed", text, remedy, subject=subject, exit_code=ExitCode.STORAGE, mend=mend)
    elif open_to_others(status):
        paths = facts.world.paths
        what = ", so finished credentials are not kept there" if folder in (paths.cache, paths.ready) else ""
        text = f"others can look into it (mode {mode:04o}){what}"
        yield Finding("warning", text, remedy, subject=subject, mend=mend)
    elif (refused := _try(facts, folder)) is not None:
        yield _failed(f"it cannot be written to: {refused.strerror}", folder)


def _try(facts: Facts, folder: Path) -> OSError | None:
    """Why nothing can be written to the folder, unless it is full; not tried in all: each trial waits for the disk."""
    paths = facts.world.paths
    if folder not in (paths.state, paths.sessions, paths.cache, paths.ready):
        return None
    refused = try_writing(facts, folder)
    return refused if refused is not None and refused.errno not in _FULL else None


def _look_where_it_goes(folder: Path) -> Iterator[Finding]:
    parent = existing(folder)
    if not parent.is_dir():
        yield _failed(f"it cannot be made, because {parent} is no folder", parent)
    elif not os.access(parent, os.W_OK | os.X_OK):
        yield _failed(f"it cannot be made, because {parent} cannot be written to", parent)


def _look_at_session(path: Path) -> Iterator[Finding]:
    try:
        status = path.lstat()
    except OSError:
        return  # it went meanwhile
    if stat.S_ISREG(status.st_mode) and is_ours(status) and open_to_others(status):
        mode = stat.S_IMODE(status.st_mode)
        yield Finding(
            "failed",
            f"it holds tokens and is open to others (mode {mode:04o}), so it is not used; "
            "if others use this machine, log out and in again after that",
            run("chmod", "600", path),
            subject=str(path),
            exit_code=ExitCode.STORAGE,
            mend=None
            if goes_by_link(path)
            else Mend(f"make {path} private (chmod 600)", partial(change_mode, path, PRIVATE_FILE)),
        )


def _failed(text: str, path: Path) -> Finding:
    remedy = run("ls", "-ld", path, words="look at what is there")
    return Finding("failed", text, remedy, subject=str(path), exit_code=ExitCode.STORAGE)


CHECK = Check(
    name="storage-folders",
    area="storage",
    title="togetherctl's own folders",
    each="machine",
    examine=_examine,
    signs=("… holds tokens and is open to others", "… can be written by others", "… cannot be used for sessions"),
    means="Sessions and finished credentials lie in folders that only you may enter. What others may read is not used, "
    "what others may write is not trusted, and where nothing can be written each token is the last one.",
    helps="`togetherctl doctor --fix` makes folders and files of togetherctl's own private again, but for those "
    "that a link leads to. A folder of another user, or a file in its place, is yours to look at.",
    place=10,
)
