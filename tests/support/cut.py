"""`python -m tests.support.cut FOLDER WORDS…`: run a command again and again, killed at each of its steps in turn.

A step is whatever changes something on disk: a file that is made, written through (fsync), renamed or removed, a
folder, a lock. FOLDER is a home, put back as it was before each run. Prints a JSON list with one record for each step:
whether it was killed, the files after it, how the same command ended then, and the files after that; the last record is
of a run that was not killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.chmod", "os.link", "os.symlink", "os.truncate"}
_LOADED = (
    "commands.init",
    "commands.profile.import_profiles",
    "commands.kubeconfig.convert",
    "commands.entries.edit",
    "usecases.rename_entry",
    "kubelogin.import_cache",
    "importing.fetch",
    "config.editing",
    "wiring",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Knife:
    """Kills this process before the step number `at`; 0 never."""

    def __init__(self, at: int) -> None:
        self._left = at
        self._fsync = os.fsync
        setattr(os, "fsync", self._through)  # noqa: B010 # the type of the real one names its parameter
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING):
            self._step()

    def _through(self, descriptor: Any) -> None:
        self._step()
        self._fsync(descriptor)

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(home: Path, words: list[str]) -> None:
    from togetherctl.commands.run import run

    # Loaded once: each run is a fork of this.
    for name in _LOADED:
        import_module(f"togetherctl.{name}")
    kept = home.with_name(f"{home.name}-kept")
    shutil.copytree(home, kept, symlinks=True)
    records: list[dict[str, Any]] = []
    at = 1
    while not records or records[-1]["killed"]:
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        killed = _forked(run, words, at)
        seen = _files(home)
        again = _forked(run, words, 0) if killed < 0 else killed
        records.append({"killed": killed < 0, "code": again, "seen": seen, "after": _files(home)})
        at += 1
    os.write(1, json.dumps(records).encode())


def _forked(run: Any, words: list[str], at: int) -> int:
    """The exit code of the command; below 0 where it was killed."""
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        Knife(at)
        code = 70
        try:
            code = run(words, dict(os.environ))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _files(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text("utf-8") for path in sorted(home.rglob("*")) if path.is_file()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
