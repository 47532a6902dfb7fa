"""Where `get-token` speaks, though its caller may swallow stderr or take it for a part of the answer.

Some clients read stdout and stderr through one pipe, so that a word before the credential spoils it; others show stderr
to no person. The terminal that the caller runs in is the third place, where there is one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO

_TERMINAL = "/dev/tty"


@contextmanager
def stderr_apart() -> Iterator[None]:
    """Keep all that goes to stderr, from us or a child, out of an answer that goes into the same pipe.

    It goes to the terminal that the caller runs in; without one it is held back, and said only where this ends without
    an answer.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    terminal = _open_terminal()
    with terminal or TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        answered = False
        try:
            yield
            answered = True
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            if terminal is None and not answered:
                held.seek(0)
                with suppress(OSError):
                    copyfileobj(held, sys.stderr.buffer)
                    sys.stderr.flush()


def has_terminal() -> bool:
    """Whether there is a terminal that the caller runs in."""
    with _open_terminal() or nullcontext() as terminal:
        return terminal is not None


def say_on_terminal(text: str) -> None:
    """Write to the terminal that the caller runs in, if there is one."""
    with suppress(OSError), _open_terminal() or nullcontext() as terminal:
        if terminal is not None:
            terminal.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def _open_terminal() -> IO[bytes] | None:
    try:
        return open(_TERMINAL, "wb", buffering=0, opener=lambda path, flags: os.open(path, flags | os.O_NOCTTY))
    except OSError:
        return None
