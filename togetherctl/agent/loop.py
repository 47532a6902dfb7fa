"""Run the agent's one thread: descriptors that can be read or written, timers, and signals as descriptors."""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import signal
import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.protocol import Cancel

    Call = Callable[[], None]


class EventLoop:
    """What `protocol.Loop` says, and the writing side. `broken` is told of an exception that a call let through."""

    def __init__(self, broken: Callable[[Exception], None]) -> None:
        self._broken = broken
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, list[Call]]] = []
        self._order = itertools.count()
        self._ends = False

    def after(self, seconds: float, call: Call) -> Cancel:
        """Call once, `seconds` (monotonic) from now."""
        # A list, so that what was cancelled keeps nothing alive until its time.
        held = [call]
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), held))
        return held.clear

    def watch(self, descriptor: int, readable: Call | None, writable: Call | None = None) -> Cancel:
        """Call each time `descriptor` can be read or written, until that is cancelled."""
        events = (selectors.EVENT_READ if readable else 0) | (selectors.EVENT_WRITE if writable else 0)
        key = self._selector.register(descriptor, events, (readable, writable))

        def cancel() -> None:
            if self._selector.get_map().get(descriptor) == key:
                self._selector.unregister(descriptor)

        return cancel

    def catch(self, number: int, call: Call) -> None:
        """Call in this loop, not within other code, when the signal comes."""
        if not hasattr(self, "_signals"):
            self._signals: dict[int, Call] = {}
            self._woken, self._wakes = socket.socketpair()
            self._woken.setblocking(False)  # noqa: FBT003 # socket's signature
            self._wakes.setblocking(False)  # noqa: FBT003 # socket's signature
            signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
            self.watch(self._woken.fileno(), self._take_signals)
        self._signals[number] = call
        signal.signal(number, lambda _number, _frame: None)

    def end(self) -> None:
        """Let `run` return."""
        self._ends = True

    def run(self) -> None:
        """Until `end`."""
        while not self._ends:
            for key, events in self._selector.select(self._next_wait()):
                readable, writable = key.data
                # Watched no more, or as another, because of what came before.
                if self._selector.get_map().get(key.fd) is not key:
                    continue
                if not self._do(writable if events & selectors.EVENT_WRITE else readable):
                    # It would be called again at once, and break again.
                    self._unwatch(key)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                for call in heapq.heappop(self._timers)[2]:
                    self._do(call)

    def _do(self, call: Call | None) -> bool:
        try:
            if call is not None:
                call()
        except Exception as error:  # noqa: BLE001 # a bug in one request must not end all others
            self._broken(error)
            return False
        return True

    def _unwatch(self, key: selectors.SelectorKey) -> None:
        if self._selector.get_map().get(key.fd) is key:
            self._selector.unregister(key.fd)

    def _next_wait(self) -> float | None:
        while self._timers and not self._timers[0][2]:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _take_signals(self) -> None:
        for number in dict.fromkeys(self._woken.recv(4096)):
            if number in self._signals:
                self._signals[number]()


def is_open(descriptor: int) -> bool:
    """Whether this process has the descriptor open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
