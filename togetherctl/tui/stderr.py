"""Keep other programs' stderr off the screen while the app draws on it.

Textual draws on stderr itself. A client secret's command or a keyring that writes there would write over the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def for_the_screen_alone() -> Iterator[None]:
    """Within, descriptor 2 is the null device, and `sys.__stderr__` the terminal that it was."""
    own = os.dup(_STDERR)
    before = sys.__stderr__
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with open(own, "w", encoding="utf-8", closefd=False) as screen:  # a descriptor, no path
            os.dup2(nowhere, _STDERR)
            sys.__stderr__ = screen  # type: ignore[misc] # what Textual draws on
            yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc] # as it was
        os.dup2(own, _STDERR)
        os.close(own)
        os.close(nowhere)
