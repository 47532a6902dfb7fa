"""Tell from files which sessions are used: ready files say when they were read, sessions who wrote them last.

What the agent's own children wrote is no use. `used.json` in the agent's folder says what that was, and when each
profile was used last, so that a restart forgets nothing:

    {"version": 1, "profiles": {NAME: {"used_at": SECONDS, "session": NANOSECONDS, "written": SECONDS}}}
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from togetherctl import fastpath
from togetherctl.agent.ahead_due import Facts
from togetherctl.disk import is_ours, make_private_folder, read_whole, write_whole
from togetherctl.records import NamedTuple

USED = "used.json"
_LONGEST = 1024 * 1024
# A header has two paths of at most 4096 bytes each.
_LONGEST_HEADER = 10 * 1024
# A use that is younger by less than this, in seconds, is not worth a write.
_WORTH_NOTING = 600.0


class Place(NamedTuple):
    """Where the files of one profile are; `ready` is None where it has none."""

    name: str
    session: Path
    ready: Path | None


class _Known(NamedTuple):
    """When a profile was used last, and what our own child wrote last: the session's mtime, the ready file's time."""

    used_at: float
    session: int
    written: int


class _Ready(NamedTuple):
    """What a ready file says of itself."""

    mtime: int
    atime: int
    written: int
    until: int


class Uses:
    """When each profile was used last; `folder` is the agent's own."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / USED
        self._known = _read(self._path)
        self._saved = dict(self._known)
        self._headers: dict[Path, tuple[tuple[int, int, int], int, int]] = {}

    def look(self, place: Place, *, now: float, idle: float) -> Facts:
        """What is on disk of the profile at this moment. `now` in seconds since 1970, `idle` in seconds."""
        session = _mtime(place.session)
        if session is None:
            return Facts(None, 0.0, None)
        known = self._known.get(place.name) or _Known(0.0, 0, 0)
        used_at = known.used_at
        if session != known.session:
            used_at = max(used_at, session / 1e9)
        ready = self._read_ready(place.ready) if place.ready else None
        if ready is not None and place.ready is not None:
            used_at = max(used_at, self._used_by(place.ready, ready, known, session, now=now, idle=idle))
        # A clock that was ahead must not keep a session for ever.
        known = known._replace(used_at=min(used_at, now))
        self._known[place.name] = known
        good = ready is not None and ready.mtime == session and ready.written <= now
        return Facts(session, known.used_at, float(ready.until) if ready is not None and good else None)

    def _used_by(self, path: Path, ready: _Ready, known: _Known, session: int, *, now: float, idle: float) -> float:
        """When the ready file was read last, or else written for a caller, as far as it can be told; 0.0: never."""
        used_at = 0.0
        if session != known.session or ready.written > known.written:
            used_at = float(ready.written)
        # It is written with the mtime of its session as both times; most file systems note the first read after that.
        if ready.atime > ready.mtime:
            used_at = max(used_at, ready.atime / 1e9)
            # The next read is noted only if this one is forgotten, or a day has gone by.
            if now - ready.atime / 1e9 > idle / 2:
                with suppress(OSError):
                    os.utime(path, ns=(ready.mtime, ready.mtime), follow_symlinks=False)
        return used_at

    def own(self, place: Place) -> None:
        """Note that what is there now was written by a child of ours, and is no use of the profile."""
        session = _mtime(place.session)
        ready = self._read_ready(place.ready) if place.ready else None
        known = self._known.get(place.name)
        if session is not None and known is not None:
            written = ready.written if ready is not None and ready.mtime == session else known.written
            self._known[place.name] = known._replace(session=session, written=written)

    def save(self) -> None:
        """Write down what a restart must not forget, if there is anything new. Raises OSError."""
        if not any(self._is_worth_noting(name, known) for name, known in self._known.items()):
            return
        make_private_folder(self._path.parent)
        profiles = {name: known._asdict() for name, known in self._known.items()}
        data = json.dumps({"version": 1, "profiles": profiles}, indent=1).encode("ascii") + b"\n"
        write_whole(self._path, data, durable=False)
        self._saved = dict(self._known)

    def keep_only(self, names: frozenset[str]) -> None:
        """Forget profiles that the configuration has no more."""
        for name in self._known.keys() - names:
            del self._known[name]

    def _is_worth_noting(self, name: str, known: _Known) -> bool:
        saved = self._saved.get(name)
        if saved is None or saved[1:] != known[1:]:
            return True
        return abs(known.used_at - saved.used_at) > _WORTH_NOTING

    def _read_ready(self, path: Path) -> _Ready | None:
        """What stands in the header; the file is opened only if it is another one than before, and without a trace."""
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or not is_ours(status):
                return None
            of = (status.st_ino, status.st_ctime_ns, status.st_size)
            known = self._headers.get(path)
            if known is None or known[0] != of:
                known = (of, *_read_times(path))
                self._headers[path] = known
        except (OSError, ValueError):
            return None
        return _Ready(status.st_mtime_ns, status.st_atime_ns, *known[1:])


def notes_reads(folder: Path) -> bool:
    """Whether the file system of this folder notes when a file is read first after it was written.

    A mount with `noatime` does not, nor do some network file systems.
    """
    probe = folder / f".probe.{os.getpid()}"
    try:
        make_private_folder(folder)
        write_whole(probe, b"probe\n", sweep=False, durable=False)
        try:
            before = probe.stat().st_mtime_ns
            os.utime(probe, ns=(before - 10**9, before - 10**9))
            probe.read_bytes()
            return probe.stat().st_atime_ns > before - 10**9
        finally:
            probe.unlink()
    except OSError:
        return False


def _mtime(path: Path) -> int | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns if stat.S_ISREG(status.st_mode) else None


def _read_times(path: Path) -> tuple[int, int]:
    """From when and until when a ready file is good. Raises OSError and ValueError."""
    data, _ = read_whole(path, limit=_LONGEST, follow=False, traceless=True)
    words = data[:_LONGEST_HEADER].partition(b"\n")[0].decode("utf-8", "surrogateescape").split(" ", 8)
    if len(words) != 9 or " ".join(words[:2]) != fastpath.FORM:
        raise ValueError
    return int(words[3]), int(words[4])


def _read(path: Path) -> dict[str, _Known]:
    """What was noted before; what cannot be understood is nothing."""
    found: dict[str, _Known] = {}
    with suppress(OSError, ValueError, AttributeError, TypeError, KeyError):
        fields = json.loads(read_whole(path, limit=_LONGEST, follow=False)[0])
        for name, of in fields["profiles"].items():
            found[str(name)] = _Known(float(of["used_at"]), int(of["session"]), int(of["written"]))
    return found
