"""Accept connections at a socket: of this user alone, and a bounded number at once."""

from __future__ import annotations

import errno
from contextlib import suppress

from togetherctl.agent import peer
from togetherctl.agent.connection import Connection
from togetherctl.agent.protocol import MAX_CONNECTIONS, failure
from togetherctl.errors import ExitCode

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from togetherctl.agent.connection import Handle
    from togetherctl.agent.loop import EventLoop
    from togetherctl.agent.protocol import Cancel, Failure

# Beyond the limit so many are told so; the rest is closed without a word.
_MOST_REFUSED = 64
_AT_ONCE = 64
# Seconds without a new connection where this process may open no more files.
_PAUSE = 1.0
_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Limit:
    """The connections at the sockets that share this: at most `most`, so that some flood keeps no other out."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.served: set[Connection] = set()
        self.refused: set[Connection] = set()


class Listener:
    """Hands what comes at `listening` to `handle`; `host` is what its requests come from, None where not known."""

    def __init__(
        self,
        loop: EventLoop,
        listening: socket.socket,
        handle: Handle,
        limit: Limit,
        *,
        host: str | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self._loop, self._listening, self._handle, self._limit = loop, listening, handle, limit
        self._host, self._warn = host, warn
        self._mine: set[Connection] = set()
        self._is_closed = False
        self._unwatch: Cancel = lambda: None
        self._open()

    def close(self) -> None:
        """Accept no more, and end the connections that came here. The socket itself stays open."""
        self._is_closed = True
        self._unwatch()
        for connection in list(self._mine):
            connection.close()

    def _open(self) -> None:
        if not self._is_closed:
            self._unwatch = self._loop.watch(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                opened, _address = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._warn(f"no new connection for a moment: {error.strerror}")
                self._unwatch()
                self._loop.after(_PAUSE, self._open)
                return
            self._take(opened)

    def _take(self, opened: socket.socket) -> None:
        refused: Failure | None = None
        if not peer.is_ours(opened):
            uid = peer.uid_of(opened)
            self._warn(f"a process of another user (uid {'not known' if uid is None else uid}) was refused")
            refused = failure("forbidden", "this agent answers the user who started it, and no other")
        elif len(self._limit.served) >= self._limit.most or len(self._mine) >= MAX_CONNECTIONS:
            words = "the agent has as many connections as it takes; try again in a moment"
            refused = failure("busy", words, ExitCode.UNREACHABLE)
        if refused is not None and len(self._limit.refused) >= _MOST_REFUSED:
            with suppress(OSError):
                opened.close()
            return
        group = self._limit.served if refused is None else self._limit.refused

        def closed(connection: Connection) -> None:
            group.discard(connection)
            self._mine.discard(connection)

        connection = Connection(self._loop, opened, self._handle, host=self._host, closed=closed)
        group.add(connection)
        self._mine.add(connection)
        if refused is not None:
            connection.refuse(refused)
