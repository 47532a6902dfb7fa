"""The small log of what was handed out and refused: a line of JSON each, without tokens, cut where it grows long."""

from __future__ import annotations

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

    from togetherctl.agent.protocol import Document

NAME = "log.jsonl"
_OLDER = "log.old.jsonl"
_MAX_BYTES = 256 * 1024
_LONGEST_HOST = 255


class Log:
    """The log in `folder`; `warn` is told, once, where it cannot be written."""

    def __init__(self, folder: Path, warn: Callable[[str], None], said: Callable[[Document], None]) -> None:
        self._folder, self._warn, self._said = folder, warn, said
        self._warned = False

    def write(self, what: str, answer: str, *, profile: str, host: str | None) -> None:
        """Note that a `what` (`credential`, `login`) was asked for, and the answer: `given`, or an error's code."""
        entry: Document = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "what": what,
            "profile": printable(profile, limit=80),
            "host": printable(host, limit=_LONGEST_HOST) if host is not None else None,
            "answer": answer,
        }
        self._said(entry)
        try:
            self._append(json.dumps(entry).encode("ascii") + b"\n")
            self._warned = False
        except OSError as error:
            if not self._warned:
                self._warn(f"the log cannot be written: {self._folder / NAME}: {error.strerror}")
            self._warned = True

    def _append(self, line: bytes) -> None:
        path = self._folder / NAME
        make_private_folder(self._folder)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(path, flags, PRIVATE_FILE)
        try:
            if os.fstat(descriptor).st_size + len(line) > _MAX_BYTES:
                path.replace(self._folder / _OLDER)
                os.close(descriptor)
                descriptor = os.open(path, flags, PRIVATE_FILE)
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def files(folder: Path) -> list[Path]:
    """The log's files, the older one first, whether they are there or not."""
    return [folder / _OLDER, folder / NAME]


def read(folder: Path) -> Iterator[Document]:
    """What was noted, the oldest first; a line that is none of ours is left out. Raises OSError."""
    for path in files(folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        yield from parse(data)


def parse(data: bytes) -> Iterator[Document]:
    """The entries in whole lines of the log."""
    for line in data.split(b"\n"):
        try:
            entry = loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get("time"), str):
            yield entry
