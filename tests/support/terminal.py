"""A real terminal: tmux with a person at its keys, who reads what the screen shows."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import need

_SECONDS = 30.0


class Terminal:
    """One tmux server of our own, with one window."""

    def __init__(self, program: str, socket: Path) -> None:
        self._tmux = [program, "-S", str(socket), "-f", "/dev/null"]

    def call(self, *words: str, typed: str | None = None) -> str:
        done = subprocess.run(
            [*self._tmux, *words],
            # What the server starts with, all its windows get.
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
            input=typed,
        )
        return done.stdout

    def screen(self, *, styled: bool = False) -> str:
        """What stands on the screen now, wrapped lines as they are seen."""
        return self.call("capture-pane", "-p", *(["-e"] if styled else []))

    def everything(self) -> str:
        """The screen and what has scrolled off it, wrapped lines joined."""
        return self.call("capture-pane", "-p", "-J", "-S", "-")

    def until(self, text: str) -> str:
        """The screen once it shows `text`."""
        ends = time.monotonic() + _SECONDS
        # A sentence is broken between words where the terminal ends.
        while text not in (seen := self.everything()) and text not in " ".join(seen.split()):
            assert time.monotonic() < ends, seen
            time.sleep(0.1)
        return self.screen()

    def paste(self, text: str) -> None:
        """Paste as a person does, then press Enter."""
        self.call("load-buffer", "-", typed=text)
        self.call("paste-buffer", "-d")
        self.press("Enter")

    def press(self, key: str) -> None:
        self.call("send-keys", key)


@contextmanager
def terminal(
    words: Sequence[str], environ: Mapping[str, str], folder: Path, *, columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """Run `words` in a terminal of that size; what they leave on the screen stays until the end."""
    # A name of its own: the server before may still be ending.
    opened = Terminal(need("tmux"), folder / f"tmux-{os.urandom(2).hex()}")
    variables = [word for name, value in environ.items() for word in ("-e", f"{name}={value}")]
    # A Ctrl-C is for the command; the window stays to show what it left.
    command = f"trap : INT; unset TMUX TMUX_PANE; {shlex.join(words)}; echo ended with $?; sleep 600"
    opened.call(
        *("new-session", "-d", "-x", str(columns), "-y", str(lines), *variables, "sh", "-c", command),
    )
    try:
        yield opened
    finally:
        opened.call("kill-server")
