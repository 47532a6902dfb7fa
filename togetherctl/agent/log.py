"""The small log of what was handed out and refused: a line of JSON each, without tokens, cut where it grows long."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterator

from togetherctl.disk import PRIVATE_FILE, make_private_folder
from togetherctl.printable import printable
from togetherctl.quick_json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from togetherctl.agent.protocol import Document

NAME = "log.jsonl"
_OLDER = "log.old.jsonl"
_MAX_BYTES = 256 * 1024
_LONGEST_HOST = 255
# So many entries of one kind are written within so many seconds; the rest is counted, so that a flood hides nothing.
_MOST_ALIKE = 20
_FLOOD_SECONDS = 60.0


class Log:
    """The log in `folder`; `said` gets each entry, `warn` why it cannot be written, once; `after` is the loop's."""

    def __init__(
        self,
        folder: Path,
        *,
        warn: Callable[[str], None],
        said: Callable[[Document], None],
        after: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._folder, self._warn, self._said, self._after = folder, warn, said, after
        self._warned = False
        self._alike: dict[tuple[str, str, str, str | None], int] = {}

    def write(self, what: str, answer: str, *, profile: str, host: str | None) -> bool:
        """Note that a `what` (`credential`, `login`) was asked for, and the answer: `given`, or an error's code.

        After some of one kind within a minute, the others are one entry with their `count`. False where it could not be
        written.
        """
        # Names that are made up are one kind.
        kind = (what, answer, "" if answer == "usage" else profile, host)
        before = self._alike.get(kind, 0)
        self._alike[kind] = before + 1
        if before == 0:
            self._after(_FLOOD_SECONDS, lambda: self._sum_up(kind, profile))
        if before < _MOST_ALIKE:
            return self._note(what, answer, profile=profile, host=host)
        return not self._warned

    def close(self) -> None:
        """Write what was counted."""
        for kind in list(self._alike):
            self._sum_up(kind, kind[2])

    def _sum_up(self, kind: tuple[str, str, str, str | None], profile: str) -> None:
        more = self._alike.pop(kind, 0) - _MOST_ALIKE
        if more > 0:
            self._note(kind[0], kind[1], profile=profile, host=kind[3], more=more)

    def _note(self, what: str, answer: str, *, profile: str, host: str | None, more: int = 0) -> bool:
        entry: Document = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "what": what,
            "profile": printable(profile, limit=80),
            "host": printable(host, limit=_LONGEST_HOST) if host is not None else None,
            "answer": answer,
        }
        if more:
            entry["count"] = more
        self._said(entry)
        try:
            self._append(json.dumps(entry).encode("ascii") + b"\n")
            self._warned = False
        except OSError as error:
            if not self._warned:
                self._warn(f"the log cannot be written: {self._folder / NAME}: {error.strerror}")
            self._warned = True
        return not self._warned

    def _append(self, line: bytes) -> None:
        path = self._folder / NAME
        make_private_folder(self._folder)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, PRIVATE_FILE)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # The disk was full in the middle of the line before.
                line = b"\n" + line
            if size + len(line) > _MAX_BYTES:
                path.replace(self._folder / _OLDER)
                os.close(descriptor)
                descriptor = os.open(path, flags, PRIVATE_FILE)
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)


def files(folder: Path) -> list[Path]:
    """The log's files, the older one first, whether they are there or not."""
    return [folder / _OLDER, folder / NAME]


def read(folder: Path) -> list[Document]:
    """What was noted, the oldest first; a line that is none of ours is left out. Raises OSError."""
    return [*read_older(folder), *Follower(folder).more()]


def read_older(folder: Path) -> list[Document]:
    """What was cut off last. Raises OSError."""
    try:
        return list(parse((folder / _OLDER).read_bytes()))
    except FileNotFoundError:
        return []


class Follower:
    """Gives what is added to the log in `folder`, also where it is cut meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = (0, 0)
        self._offset = 0

    def more(self) -> list[Document]:
        """What was added since the last call, at first all of it. Raises OSError."""
        found: list[Document] = []
        # What came before the cut, since the last call.
        for name in (_OLDER, NAME) if self._offset else (NAME,):
            try:
                with (self._folder / name).open("rb") as file:
                    found += self._read(file, is_newest=name == NAME)
            except FileNotFoundError:
                continue
        return found

    def _read(self, file: BinaryIO, *, is_newest: bool) -> Iterator[Document]:
        status = os.fstat(file.fileno())
        place = (status.st_dev, status.st_ino)
        if place != self._place:
            if not is_newest:
                return
            self._place, self._offset = place, 0
        file.seek(self._offset)
        whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._offset += len(whole) + 1
            yield from parse(whole)


def parse(data: bytes) -> Iterator[Document]:
    """The entries in whole lines of the log."""
    for line in data.split(b"\n"):
        try:
            entry = loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("time"), str):
            yield entry
