"""Ask a person at the terminal without a prompt library: may we ask, and one line that is typed, shown or hidden."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from select import select
from time import monotonic

from togetherctl.cli.hidden_lines import CHUNK, HiddenLine, hide_typing
from togetherctl.environment import may_ask
from togetherctl.errors import UsageError
from togetherctl.kube.exec_credential import may_use_stdin


def can_ask(environ: Mapping[str, str]) -> bool:
    """Whether this run may ask: stdin and stderr are a terminal, and no variable forbids it."""
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
        return _read_without_termios(hidden=hidden)
    ends = monotonic() + seconds
    descriptor = sys.stdin.fileno()
    if not hidden:
        return _chunk(descriptor, ends).decode("utf-8", "replace").strip()
    try:
        with hide_typing(descriptor):
            return _until_enter(descriptor, ends)
    finally:
        _show("\n")


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _read_without_termios(*, hidden: bool) -> str:
    from getpass import getpass

    return getpass("", stream=sys.stderr) if hidden else input()


def _until_enter(descriptor: int, ends: float) -> str:
    line = HiddenLine()
    while (whole := line.take(_chunk(descriptor, ends))) is None:
        pass
    return whole


def _chunk(descriptor: int, ends: float) -> bytes:
    ready, _, _ = select([descriptor], [], [], max(ends - monotonic(), 0))
    if not ready:
        raise TimeoutError
    data = os.read(descriptor, CHUNK)
    if not data:
        raise EOFError
    return data
