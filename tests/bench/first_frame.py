"""How long the terminal interface takes to its first useful frame, from the start of the process, in a real terminal.

Useful is a frame with the names of profiles; the second figure is the moment when the first states stand beside them.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.crowd import crowd
from togetherctl.paths import locate

_SECONDS = 30.0
_SIZE = (24, 80)


def main() -> None:
    """Open it a few times over a crowd of profiles, and say the medians."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--profiles", type=int, default=500)
    words.add_argument("--times", type=int, default=7)
    asked = words.parse_args()
    with TemporaryDirectory() as folder:
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm-256color", "PYTHONPATH": str(Path.cwd())}
        crowd(locate(environ), asked.profiles, now=time.time())
        taken = [first_frame(environ) for _ in range(asked.times)]
    names, states = (statistics.median(column) for column in zip(*taken, strict=True))
    sys.stdout.write(f"{asked.profiles} profiles: names after {names:.2f} s, states after {states:.2f} s\n")


def first_frame(environ: dict[str, str]) -> tuple[float, float]:
    """Seconds until names, and until states are on the screen."""
    import fcntl
    import pty
    import struct
    import termios

    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
        program = [sys.executable, "-m", "togetherctl", "ui"]
        os.execve(program[0], program, environ)  # noqa: S606 # no shell is what it is for
    try:
        seen, names = b"", 0.0
        while time.monotonic() - began < _SECONDS:
            seen += os.read(terminal, 65536)
            plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen).decode("utf-8", "replace")
            if not names and "p0 " in plain:
                names = time.monotonic() - began
            if names and "● valid" in plain:
                return names, time.monotonic() - began
        raise SystemExit("nothing was shown")
    finally:
        os.write(terminal, b"\x11")
        _drain(terminal)
        os.waitpid(pid, 0)
        os.close(terminal)


def _drain(terminal: int) -> None:
    """Read what it says while it ends; a terminal nobody reads from would hold it up."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


if __name__ == "__main__":
    main()
