"""Run the agent's children: a bounded number at once, each with a time limit, and their answers in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from contextlib import suppress

from togetherctl.agent.protocol import MAX_CHILDREN, Ended
from togetherctl.environment import NO_INPUT, for_refresh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from togetherctl.agent.loop import EventLoop
    from togetherctl.agent.protocol import Cancel, Errand

# A snapshot of some thousand clusters with their certificates.
_MAX_OUTPUT = 16 * 1024 * 1024
# Seconds between the request to end and the end.
_PATIENCE = 5.0
_CHUNK = 64 * 1024


class ChildProcesses:
    """What `protocol.Children` says. `reap` is called when a child may have ended (SIGCHLD)."""

    def __init__(self, loop: EventLoop, environ: Mapping[str, str]) -> None:
        self._loop = loop
        # Nothing of what made this process special is theirs: no kubectl, no service manager.
        left_out = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "TOGETHERCTL_AGENT")
        kept = {name: value for name, value in for_refresh(environ).items() if name not in left_out}
        self._environ = kept | {NO_INPUT: "1"}
        self.started = 0
        self._running: set[_Child] = set()
        self._waiting: deque[_Child] = deque()
        self._idle: deque[_Child] = deque()

    def run(self, errand: Errand, ended: Callable[[Ended], None]) -> Cancel:
        """See `protocol.Children`."""
        child = _Child(errand, ended)
        if errand.apart:
            self._start(child)
        else:
            (self._waiting if errand.urgent else self._idle).append(child)
            self._start_next()

        def cancel() -> None:
            child.ended = lambda _ended: None
            for queue in (self._waiting, self._idle):
                with suppress(ValueError):
                    queue.remove(child)
            if child in self._running:
                self._end(child)

        return cancel

    def reap(self) -> None:
        """See which children have ended."""
        for child in list(self._running):
            if child.process is not None and child.process.poll() is not None:
                self._drain(child)
                self._finish(child, child.process.returncode)

    def _start_next(self) -> None:
        while sum(not child.errand.apart for child in self._running) < MAX_CHILDREN and (self._waiting or self._idle):
            self._start((self._waiting or self._idle).popleft())

    def _start(self, child: _Child) -> None:
        self._running.add(child)
        self.started += 1
        try:
            child.process = subprocess.Popen(
                # -P: nothing in the folder this happens to run in is ours.
                [sys.executable, "-P", "-m", child.errand.module, *child.errand.words],
                # A login looks at it: where this process is killed, nothing is left that writes to it.
                stdin=subprocess.PIPE if child.errand.ends_with_agent else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=self._environ | dict(child.errand.environ),
                pass_fds=tuple(child.errand.pass_fds),
                cwd="/",
            )
        except OSError:
            # Not from within the call that asked for it.
            self._loop.after(0.0, lambda: self._finish(child, 127))
            return
        if child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            child.unwatch = self._loop.watch(child.process.stdout.fileno(), lambda: self._drain(child))
        child.stop_clock = self._loop.after(child.errand.seconds, lambda: self._run_out(child))

    def _drain(self, child: _Child) -> None:
        if child.process is None or child.process.stdout is None or child.process.stdout.closed:
            return
        while True:
            try:
                data = os.read(child.process.stdout.fileno(), _CHUNK)
            except BlockingIOError:
                return
            child.output += data
            if not data:
                child.unwatch()
                return
            if len(child.output) > _MAX_OUTPUT:
                child.output = b""
                self._run_out(child)
                return

    def _run_out(self, child: _Child) -> None:
        child.is_late = True
        self._end(child)

    def _end(self, child: _Child) -> None:
        """Ask it to end, and make it end some seconds later."""
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
            child.stop_clock()
            child.stop_clock = self._loop.after(_PATIENCE, child.process.kill)

    def _finish(self, child: _Child, code: int) -> None:
        child.unwatch()
        child.stop_clock()
        if child.process is not None and child.process.stdout is not None:
            child.process.stdout.close()
        if child.process is not None and child.process.stdin is not None:
            child.process.stdin.close()
        self._running.discard(child)
        self._start_next()
        child.ended(Ended(None, b"") if child.is_late else Ended(code, child.output))


class _Child:
    """One child, that waits for its turn or runs."""

    def __init__(self, errand: Errand, ended: Callable[[Ended], None]) -> None:
        self.errand, self.ended = errand, ended
        self.process: subprocess.Popen[bytes] | None = None
        self.output = b""
        self.is_late = False
        self.unwatch: Cancel = lambda: None
        self.stop_clock: Cancel = lambda: None
