"""Asking somebody at a terminal: a line they see, or one that stays hidden, each within a deadline."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from select import select
from time import monotonic
from typing import TYPE_CHECKING

from togetherctl.environment import may_ask
from togetherctl.errors import UsageError
from togetherctl.kube.exec_credential import may_use_stdin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHUNK = 4096
_LONGEST = 64 * 1024
_END_OF_FILE, _ERASE_LINE = 4, 21
_ERASE = frozenset({8, 127})
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"


def can_ask(environ: Mapping[str, str]) -> bool:
    """Whether this run may read what somebody types: a terminal on both sides, and nobody who forbids it."""
    if not may_ask(environ) or not sys.stdin.isatty() or not sys.stderr.isatty():
        return False
    try:
        return may_use_stdin(environ)
    except UsageError:
        return False


def read_line(question: str, *, seconds: float, hidden: bool) -> str:
    """What is typed until Enter. Raises TimeoutError after `seconds`, and EOFError where the terminal ends.

    The terminal's own line editing holds 4096 characters at most, on macOS 1024, and an authorization code may be
    longer; so a hidden line is read character by character.
    """
    _show(question)
    try:
        import termios  # noqa: F401 # only to learn whether there is such a terminal here
    except ImportError:
        return _elsewhere(hidden=hidden)
    ends = monotonic() + seconds
    descriptor = sys.stdin.fileno()
    if not hidden:
        return _chunk(descriptor, ends).decode("utf-8", "replace").strip()
    try:
        with _unechoed(descriptor):
            return _until_enter(descriptor, ends)
    finally:
        _show("\n")


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _elsewhere(*, hidden: bool) -> str:
    from getpass import getpass

    return getpass("", stream=sys.stderr) if hidden else input()


def _until_enter(descriptor: int, ends: float) -> str:
    line = bytearray()
    while True:
        for char in _chunk(descriptor, ends):
            if char in b"\r\n":
                return line.replace(_PASTE_BEGINS, b"").replace(_PASTE_ENDS, b"").decode("utf-8", "replace")
            if char == _END_OF_FILE:
                raise EOFError
            if char in _ERASE:
                del line[-1:]
            elif char == _ERASE_LINE:
                line.clear()
            elif len(line) < _LONGEST:
                line.append(char)


def _chunk(descriptor: int, ends: float) -> bytes:
    ready, _, _ = select([descriptor], [], [], max(ends - monotonic(), 0))
    if not ready:
        raise TimeoutError
    data = os.read(descriptor, _CHUNK)
    if not data:
        raise EOFError
    return data


@contextmanager
def _unechoed(descriptor: int) -> Iterator[None]:
    """The terminal without echo and without a line's end; Ctrl-C still interrupts."""
    import termios

    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    try:
        # What was typed before the question stays: pasting may be quicker than we are.
        termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
