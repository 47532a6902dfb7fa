"""What killed processes left: broken sessions, temporary files and folders, records of logins."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.disk import PRIVATE_FILE, Leftover, is_ours, leftovers
from togetherctl.doctor.check import Check, Skip
from togetherctl.doctor.facts import Facts
from togetherctl.doctor.storage import (
    change_mode,
    goes_by_link,
    locked,
    login_files,
    own_folders,
    session_files,
    set_aside,
)
from togetherctl.errors import ExitCode, StorageError, os_error_as, run
from togetherctl.finding import Finding, Mend
from togetherctl.lock import this_machine

if TYPE_CHECKING:
    from togetherctl.auth.cache.base import Sessions
    from togetherctl.config.profile import Profile
    from togetherctl.paths import Paths

_HOUR = 3600
_OF_SESSION = re.compile(r"[0-9a-f]{64}\.")


def _examine(facts: Facts, _machine: None) -> Iterator[Finding]:
    found = [*_broken(facts), *_dead_logins(facts), *_temporary_files(facts), *_temporary_folders(facts)]
    yield from found or [Finding("ok", "nothing was left by a process that was killed")]


def _sessions(facts: Facts, key: str) -> tuple[Sessions, Profile | None]:
    """The sessions as a profile of this KEY keeps them, and that profile, where there is one."""
    from togetherctl.auth.cache.files import FileSessions

    with suppress(Skip):
        name = next((name for name, its in facts.config.keys().items() if its == key), None)
        profile = facts.config.profile(name) if name else None
        if profile is not None and profile.storage != "memory":
            return facts.world.sessions(profile), profile
    return FileSessions(facts.world.paths.sessions), None


def _broken(facts: Facts) -> Iterator[Finding]:
    from togetherctl.auth.cache import record
    from togetherctl.auth.cache.files import MAX_BYTES, form_of
    from togetherctl.disk import read_whole

    for key, path in session_files(facts.world.paths.sessions).items():
        if form_of(path) in ("sealed", "newer"):
            continue
        try:
            record.decode(read_whole(path, limit=MAX_BYTES, follow=False)[0])
            continue
        except (record.BrokenRecord, record.NewerRecord):
            pass
        except FileNotFoundError:
            continue
        except OSError as error:
            yield _unreadable(path, error)
            continue
        sessions, profile = _sessions(facts, key)
        yield Finding(
            "failed" if profile else "warning",
            "it cannot be understood, so it counts as none",
            profile.ways.login if profile else run("ls", "-ld", path, words="look at what is there"),
            subject=str(path),
            exit_code=ExitCode.STORAGE,
            mend=Mend(f"move {path} aside", partial(set_aside, sessions, key)),
        )


def _unreadable(path: Path, error: OSError) -> Finding:
    """What cannot be read for another reason than its content, and may be a good session: it stays where it is."""
    mend, remedy = None, run("ls", "-ld", path, words="look at what is there; a login sets it aside")
    if isinstance(error, PermissionError) and _is_closed_to_us(path):
        mend = Mend(f"make {path} private (chmod 600)", partial(change_mode, path, PRIVATE_FILE))
        remedy = run("chmod", "600", path)
    return Finding(
        "failed",
        f"it cannot be read: {error.strerror}",
        remedy,
        subject=str(path),
        exit_code=ExitCode.STORAGE,
        mend=mend,
    )


def _is_closed_to_us(path: Path) -> bool:
    """Whether it is a file of ours whose mode does not let us read it."""
    with suppress(OSError):
        status = path.lstat()
        readable = status.st_mode & stat.S_IRUSR
        return stat.S_ISREG(status.st_mode) and is_ours(status) and not readable and not goes_by_link(path)
    return False


def _dead_logins(facts: Facts) -> Iterator[Finding]:
    for key, path in login_files(facts.world.paths.sessions).items():
        sessions, _ = _sessions(facts, key)
        login = sessions.login_file(key).read()
        if login is not None and login.under_way and login.is_abandoned:
            yield Finding(
                "warning",
                f"process {login.owner} ended while it waited for a login; the next login may be refused for half a "
                "minute",
                subject=str(path),
                mend=Mend(f"forget the login of process {login.owner}, which has ended", partial(_forget, facts, key)),
            )


def _forget(facts: Facts, key: str) -> None:
    sessions, _ = _sessions(facts, key)
    with locked(sessions, key):
        login = sessions.login_file(key).read()
        if login is not None and login.under_way and login.is_abandoned:
            sessions.login_file(key).clear()


def _temporary_files(facts: Facts) -> Iterator[Finding]:
    from togetherctl.auth.cache.purge import SEALED

    paths = facts.world.paths
    for folder in own_folders(paths):
        there = [left for left in sorted(leftovers(folder)) if _is_of_a_session(left) or not _is_in(folder, paths)]
        # Removed only where host and boot are these: another machine that shares this home may be at work.
        dead = [left for left in there if left.owner.machine == this_machine() and left.owner.is_dead()]
        if dead and folder == paths.sessions / SEALED:
            # One of them may be the newest session, which only its key tells.
            text = f"{_count(len(dead))} that a killed process left; the next use of its session takes it over"
            yield Finding("warning", text, subject=str(folder))
        elif dead:
            remove = partial(_take_over, facts) if folder == paths.sessions else _remove
            yield Finding(
                "warning",
                f"{_count(len(dead))} that a killed process left",
                subject=str(folder),
                mend=Mend(f"take over or remove {_count(len(dead))} in {folder}", partial(remove, dead)),
            )
        others = [left for left in there if left.owner.machine not in ("", this_machine()) and _is_old(facts, left)]
        if others:
            yield Finding(
                "warning",
                f"{_count(len(others))} of another machine, or from before this one was started last",
                run(
                    "togetherctl",
                    "clean",
                    "--dry-run",
                    words="clean removes them with all sessions; this shows which go",
                ),
                subject=str(folder),
            )


def _is_in(folder: Path, paths: Paths) -> bool:
    """Whether the folder is one of those that hold sessions."""
    return paths.sessions in (folder, folder.parent)


def _is_of_a_session(left: Leftover) -> bool:
    """Whether it is of a session, or of a trial of the folder; others have no lock to take it over under."""
    return left.of == "doctor" or _OF_SESSION.match(left.of) is not None


def _is_old(facts: Facts, left: Leftover) -> bool:
    with suppress(OSError):
        return facts.world.clock() - left.path.lstat().st_mtime > _HOUR
    return False


def _take_over(facts: Facts, dead: Sequence[Leftover]) -> None:
    """Under its lock each session takes over the newest whole one of what was left, and the rest goes."""
    for key in {left.of.partition(".")[0] for left in dead}:
        sessions, _ = _sessions(facts, key)
        with locked(sessions, key):
            pass
        # What is left of other files, such as the record of a login, holds nothing.
        _remove([left for left in dead if left.of == f"{key}.login"])
    _remove([left for left in dead if left.of == "doctor"])


def _remove(dead: Sequence[Leftover]) -> None:
    for left in dead:
        with os_error_as(StorageError, f"{left.path} cannot be removed"):
            left.path.unlink(missing_ok=True)


def _temporary_folders(facts: Facts) -> Iterator[Finding]:
    from togetherctl.temporary_folder import abandoned, remove_folder

    paths = facts.world.paths
    for parent in (*paths.own_kubeconfigs, paths.edits):
        for path in abandoned(parent):
            yield Finding(
                "warning",
                "a killed process left this folder",
                subject=str(path),
                mend=Mend(f"remove {path}", partial(remove_folder, path)),
            )


def _count(number: int) -> str:
    return "1 temporary file" if number == 1 else f"{number} temporary files"


CHECK = Check(
    name="storage-leftovers",
    area="storage",
    title="What killed processes left",
    each="machine",
    examine=_examine,
    signs=("… cannot be understood", "the last two logins ended before a person could answer"),
    means="A process that is killed leaves temporary files, and a disk that fails leaves broken ones. A session that "
    "cannot be understood counts as none.",
    helps="`togetherctl doctor --fix` moves a broken session aside, lets a session take over a newer one that was "
    "written whole, and removes the rest: only what processes of this machine, since its last start, have left.",
    place=60,
)
