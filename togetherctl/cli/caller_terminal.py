"""Where `get-token` speaks, though its caller may swallow stderr or take it for a part of the answer.

Some clients read stdout and stderr through one pipe, so that a word before the credential spoils it; others show stderr
to no person. The terminal that the caller runs in is the third place, where there is one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TERMINAL = "/dev/tty"


@contextmanager
def stderr_apart() -> Iterator[None]:
    """Keep all that goes to stderr, from us or a child, out of an answer that goes into the same pipe.

    It goes to the terminal that the caller runs in; without one it is held back, and said only where this ends without
    an answer.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    terminal = _opened_terminal()
    held = terminal if terminal is not None else _nameless_file()
    os.dup2(held, 2)
    failed = True
    try:
        yield
        failed = False
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        if failed and terminal is None:
            _say_again(held)
        os.close(held)


def has_terminal() -> bool:
    """Whether there is a terminal that the caller runs in."""
    terminal = _opened_terminal()
    if terminal is None:
        return False
    os.close(terminal)
    return True


def say_on_terminal(text: str) -> None:
    """Write to the terminal that the caller runs in, if there is one."""
    terminal = _opened_terminal()
    if terminal is None:
        return
    with suppress(OSError), open(terminal, "w", encoding="utf-8", errors="backslashreplace") as opened:
        opened.write(f"{text}\n")


def _opened_terminal() -> int | None:
    try:
        return os.open(_TERMINAL, os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        return None


def _nameless_file() -> int:
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        return os.dup(file.fileno())


def _say_again(held: int) -> None:
    os.lseek(held, 0, os.SEEK_SET)
    with suppress(OSError):
        while piece := os.read(held, 65536):
            sys.stderr.buffer.write(piece)
        sys.stderr.flush()
