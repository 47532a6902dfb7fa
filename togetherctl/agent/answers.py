"""Remember what the person answered, for as long as the person said: `state/agent/answers.json`."""

from __future__ import annotations

from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.lock import LockTimeout, hold_lock
from togetherctl.quick_json import loads
from togetherctl.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from togetherctl.agent.protocol import Kind

# Seconds. What is meant for longer than a day stands in the configuration.
LONGEST = 86_400.0
_VERSION = 1
_MAX_BYTES = 256 * 1024
_MOST = 500
# Seconds for a lock that is held for one small write.
_PATIENCE = 1.0


class Remembered(NamedTuple):
    """An answer to all questions of this `kind` about `profile` by `host` (None: not known), until then (UTC).

    It counts as long as the profile has this `key` (`snapshot.KnownProfile`), so not for another login of that name.
    """

    kind: Kind
    profile: str
    key: str
    host: str | None
    yes: bool
    until: float

    @property
    def about(self) -> tuple[Kind, str, str, str | None]:
        """Of equal ones the last counts."""
        return self.kind, self.profile, self.key, self.host


class Answers:
    """The remembered answers in `file`; each look sees what other processes made of it.

    `tell` gets one sentence where the file cannot be used; then nothing is remembered, and the person is asked again.
    """

    def __init__(self, file: Path, tell: Callable[[str], object]) -> None:
        self._file = file
        self._tell = tell
        self._seen: tuple[int, ...] | None = None
        self._known: tuple[Remembered, ...] = ()

    def find(self, about: tuple[Kind, str, str, str | None], *, now: float) -> Remembered | None:
        """The answer that counts at `now` (seconds since 1970); `about` is that of `Remembered`."""
        return next((one for one in self.list(now=now) if one.about == about), None)

    def list(self, *, now: float) -> Sequence[Remembered]:
        """All that count at `now`, those that end first before the others."""
        try:
            status = self._file.lstat()
        except OSError:
            self._seen, self._known = None, ()
            return ()
        seen = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        if seen != self._seen:
            self._seen, self._known = seen, self._read()
        return sorted(_counting(self._known, now), key=lambda one: one.until)

    def remember(self, answer: Remembered, *, now: float) -> bool:
        """Keep it in place of the one before; False, with a sentence, where it cannot be written."""
        answer = answer._replace(until=min(answer.until, now + LONGEST))
        try:
            make_private_folder(self._file.parent)
            with hold_lock(self._file.with_suffix(".lock"), seconds=_PATIENCE, ours=True):
                others = [one for one in self.list(now=now) if one.about != answer.about]
                self._write([*others[-_MOST + 1 :], answer])
        except (OSError, LockTimeout) as error:
            self._tell(f"the answer is not remembered: {self._file} cannot be written: {_reason(error)}")
            return False
        return True

    def keep(self, counts: Callable[[Remembered], bool], *, now: float) -> int:
        """Forget the answers that do not count; how many these were. Raises OSError and LockTimeout."""
        if not self._file.exists() or (self.list(now=now) and all(map(counts, self._known))):
            return 0
        with hold_lock(self._file.with_suffix(".lock"), seconds=_PATIENCE, ours=True):
            known = self.list(now=now)
            kept = [one for one in known if counts(one)]
            if kept:
                self._write(kept)
            else:
                self._file.unlink(missing_ok=True)
        return len(known) - len(kept)

    def _write(self, answers: Sequence[Remembered]) -> None:
        import json

        known = [one._asdict() for one in answers]
        write_whole(self._file, json.dumps({"version": _VERSION, "answers": known}, indent=1).encode("ascii"))

    def _read(self) -> tuple[Remembered, ...]:
        try:
            return _parse(*read_whole(self._file, limit=_MAX_BYTES, follow=False))
        except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
            self._tell(f"{self._file} cannot be used ({_reason(error)}); what was answered before is asked again")
            return ()


def _parse(data: bytes, status: os.stat_result) -> tuple[Remembered, ...]:
    """Raises ValueError, TypeError, LookupError and RecursionError."""
    if not is_ours(status) or open_to_others(status):
        raise ValueError("others can write it")
    document = loads(data)
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ValueError("it is not of this version")
    return tuple(_checked(one) for one in document["answers"])


def _checked(one: Any) -> Remembered:
    """Raises ValueError, TypeError and LookupError."""
    kind, profile, key, host, yes, until = (one[name] for name in Remembered._fields)
    is_text = isinstance(profile, str) and isinstance(key, str) and (host is None or isinstance(host, str))
    is_time = isinstance(until, (int, float)) and not isinstance(until, bool)
    if kind not in ("credential", "login") or not is_text or not isinstance(yes, bool) or not is_time:
        raise ValueError("it holds something else than answers")
    return Remembered(kind, profile, key, host, yes, until)


def _counting(known: Sequence[Remembered], now: float) -> list[Remembered]:
    # One that would last longer than any may comes from a clock that was set back since.
    return [one for one in known if now < one.until <= now + LONGEST]


def _reason(error: Exception) -> str:
    if isinstance(error, LockTimeout):
        return "another process holds its lock"
    if isinstance(error, OSError):
        return error.strerror or "it cannot be read"
    return str(error) if type(error) is ValueError else "it is damaged"
