"""Whether there is room for a session where sessions and finished credentials are kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import existing, try_writing
from togetherctl.errors import ExitCode, run
from togetherctl.finding import Finding

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE_BYTES = 10 * 1024 * 1024
_FEW_FILES = 100


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    paths = facts.world.paths
    places: dict[int, Path] = {}
    for folder in (paths.sessions, paths.ready, *([paths.runtime] if paths.runtime else [])):
        with suppress(OSError):
            places.setdefault(existing(folder).stat().st_dev, folder)
    if not places:
        raise Skip("the folders cannot be looked at")
    for folder in places.values():
        yield _look(facts, folder)


def _look(facts: Facts, folder: Path) -> Finding:
    there = existing(folder)
    error = try_writing(facts, folder) if there == folder else None
    free, files = _room(there)
    remedy = run("df", "-h", there, words="make room there")
    if error is not None and error.errno in _FULL:
        text = f"there is no room for a session: {error.strerror}; the next token cannot be kept"
        return Finding("failed", text, remedy, subject=str(folder), exit_code=ExitCode.STORAGE)
    if free is not None and free < _LITTLE_BYTES:
        return Finding("warning", f"only {free // 1024} KiB are free there", remedy, subject=str(folder))
    if files is not None and files < _FEW_FILES:
        remedy = run("df", "-i", there, words="make room there")
        return Finding("warning", f"only {files} more files can be made there", remedy, subject=str(folder))
    said = "there is room for sessions" if free is None else f"{free // 1024 // 1024} MiB are free"
    return Finding("ok", said, subject=str(folder))


def _room(folder: Path) -> tuple[int | None, int | None]:
    """The free bytes and files for this user; None where the system does not say."""
    if not hasattr(os, "statvfs"):
        return None, None
    try:
        status = os.statvfs(folder)
    except OSError:
        return None, None
    # Some file systems make files as they are needed, and count none.
    return status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None


CHECK = Check(
    name="storage-space",
    area="storage",
    title="Room for sessions",
    each="machine",
    examine=_examine,
    signs=("the session of … could not be saved (No space left on device)", "Disk quota exceeded"),
    means="A token that cannot be kept is still served, and the session ends with it: an issuer that gives a new "
    "refresh token with each refresh has taken the old one back.",
    helps="Make room on that disk, or in your quota, before the next refresh: `df -h FOLDER`, `quota`.",
    place=20,
)
