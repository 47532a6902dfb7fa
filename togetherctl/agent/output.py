"""Write lines to a terminal, pipe or file that may stand still, without ever waiting for it."""

from __future__ import annotations

import os
import queue
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

# Lines that wait for a terminal that was stopped with Ctrl-S, or for a pager; more than these are left out.
_MOST_LINES = 500
# Seconds that the last lines have at the end.
_LAST_SECONDS = 0.5


class Output:
    """What goes to one stream. A thread of its own waits for that, and is left behind at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_LINES)
        self._left_out = 0
        self._thread: threading.Thread | None = None

    def say(self, line: str) -> None:
        """Write it, a line end after it, as soon as the stream takes it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, name="output", daemon=True)
            self._thread.start()
        try:
            if self._left_out:
                self._lines.put_nowait(f"({self._left_out} lines are left out here)")
                self._left_out = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def end(self) -> None:
        """Give what was said a moment to get out."""
        if self._thread is not None:
            try:
                self._lines.put_nowait(None)
            except queue.Full:
                return
            self._thread.join(_LAST_SECONDS)

    def _write(self) -> None:
        # Not through Python's own buffer: its lock would be held while this waits, and the end of the process needs it.
        try:
            descriptor, encoding = self._stream.fileno(), self._stream.encoding
        except (OSError, ValueError):
            return
        while (line := self._lines.get()) is not None:
            data = f"{line}\n".encode(encoding, "backslashreplace")
            try:
                while data:
                    data = data[os.write(descriptor, data) :]
            except OSError:
                continue  # a terminal that is gone ends no agent
