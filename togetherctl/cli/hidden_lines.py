"""Lines that are typed or pasted at the terminal and shown nowhere, waited for or read beside other work."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from select import select

CHUNK = 4096
_LONGEST = 64 * 1024
_END_OF_FILE, _ERASE_LINE = 4, 21
_ERASE = frozenset({8, 127})
_PASTE_BEGINS, _PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"


class HiddenLine:
    """One line as it grows, edited as a terminal would."""

    def __init__(self) -> None:
        self._line = bytearray()

    def take(self, typed: bytes) -> str | None:
        """The line, if `typed` ends it; what follows is dropped. Raises EOFError at Ctrl-D."""
        for char in typed:
            if char in b"\r\n":
                line = self._line.replace(_PASTE_BEGINS, b"").replace(_PASTE_ENDS, b"").decode("utf-8", "replace")
                self._line.clear()
                return line
            if char == _END_OF_FILE:
                raise EOFError
            if char in _ERASE:
                del self._line[-1:]
            elif char == _ERASE_LINE:
                self._line.clear()
            elif len(self._line) < _LONGEST:
                self._line.append(char)
        return None


@contextmanager
def hide_typing(descriptor: int) -> Iterator[Callable[[], None]]:
    """The terminal without echo and without a line's end; Ctrl-C still interrupts. Gives what hides it once more."""
    import termios

    before = termios.tcgetattr(descriptor)

    def hide() -> None:
        changed = termios.tcgetattr(descriptor)
        if changed[3] & (termios.ECHO | termios.ICANON):
            changed[3] &= ~(termios.ECHO | termios.ICANON)
            # What was typed before the question stays: pasting may be quicker than we are.
            termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)

    try:
        hide()
        yield hide
    finally:
        # A terminal that has gone needs nothing.
        with suppress(termios.error):
            if is_in_foreground(descriptor):
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def is_in_foreground(descriptor: int) -> bool:
    """Whether this process may touch the terminal now; one in the background would be stopped."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        # There is no job control at a terminal that controls no session.
        return True


@contextmanager
def lines_pasted() -> Iterator[Callable[[], str | None]]:
    """What gives the next whole line, or None at once.

    Where there is no such terminal, or it is not this process's, it never gives one. No thread reads: this looks
    whenever it is called.
    """
    try:
        import termios
    except ImportError:
        yield lambda: None
        return
    descriptor, line = sys.stdin.fileno(), HiddenLine()
    if not is_in_foreground(descriptor):
        yield lambda: None
        return
    with hide_typing(descriptor) as hide_again:

        def read() -> str | None:
            # The terminal may have gone, and Ctrl-D ends nothing here.
            with suppress(OSError, EOFError, termios.error):
                if is_in_foreground(descriptor):
                    # A shell that stopped us and went on has set its own way of typing.
                    hide_again()
                while is_in_foreground(descriptor) and select([descriptor], [], [], 0)[0]:
                    typed = os.read(descriptor, CHUNK)
                    if not typed or (whole := line.take(typed)) is not None:
                        return whole if typed else None
            return None

        yield read
