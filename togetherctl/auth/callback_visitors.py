"""The connections to the callback listener: accept, read and limit them.

Any program on this machine may connect, as often as it likes. So nothing here waits for a single connection, and what
is full makes room for the newest. Those that have said nothing and those that have begun have a room each: a crowd of
one kind displaces none of the other.
"""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Literal

ROOM = 64
CONNECTION_SECONDS = 5.0
_AT_ONCE = 64
_LOOK = 0.1
_PIECE = 16 * 1024
_LONGEST_REQUEST = 256 * 1024
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_ENDS = (b"\r\n\r\n", b"\n\n")

State = Literal["silent", "begun", "whole", "gone"]


@dataclass(eq=False)
class _Visitor:
    """One connection, and what it has said so far. `came` in seconds of the monotonic clock."""

    connection: socket.socket
    came: float
    said: bytearray = field(default_factory=bytearray)
    begun: bool = False
    agreed: bool = True

    def read(self) -> State:
        """Take what has arrived, without waiting; `silent` where nothing has since the last time."""
        before = len(self.said)
        try:
            if not self.agreed and isinstance(self.connection, ssl.SSLSocket):
                self.connection.do_handshake()
                self.agreed = self.begun = True
            while piece := self.connection.recv(_PIECE):
                self.said += piece
                if any(end in self.said for end in _ENDS):
                    return "whole"
                if len(self.said) > _LONGEST_REQUEST:
                    return "gone"
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if len(self.said) == before:
                return "silent"
            self.begun = True
            return "begun"
        except (OSError, ValueError):
            # A browser may break off at any point; the login goes on.
            return "gone"
        # Half a request is none: what was cut off may be half of the code.
        return "gone"


class Visitors:
    """Accepts on `sockets` until `close`; gives each whole request to `hear`, with its connection."""

    def __init__(
        self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None, hear: Callable[[socket.socket, bytes], None]
    ) -> None:
        self._tls = tls
        self._hear = hear
        self._selector = selectors.DefaultSelector()
        # Each in the order in which they last sent something, or came.
        self._silent: dict[_Visitor, None] = {}
        self._begun: dict[_Visitor, None] = {}
        self._room = _room()
        self._closed = False
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        for listening in sockets:
            listening.settimeout(0)
            self._selector.register(listening, selectors.EVENT_READ)

    def run(self) -> None:
        """Returns after `close`, with every connection that has not been heard hung up on."""
        try:
            while not self._closed:
                self._round()
        finally:
            for visitor in [*self._silent, *self._begun]:
                self._see_off(visitor)
            self._selector.close()
            self._woken.close()

    def close(self) -> None:
        """End `run`, from any thread."""
        self._closed = True
        self._wake.close()

    def _round(self) -> None:
        came = []
        for key, _ in self._selector.select(_LOOK if self._silent or self._begun else None):
            if isinstance(key.data, _Visitor):
                # One that was read a moment ago to make room may be gone.
                if key.data in self._silent or key.data in self._begun:
                    self._listen_to(key.data)
            elif key.fileobj is not self._woken and isinstance(key.fileobj, socket.socket):
                came.append(key.fileobj)
        for listening in came:
            self._accept(listening)
        too_late = monotonic() - CONNECTION_SECONDS
        for visitor in [visitor for room in (self._silent, self._begun) for visitor in room if visitor.came < too_late]:
            self._see_off(visitor)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if self._closed:
                    return
                if error.errno in _NO_ROOM and not self._make_room():
                    sleep(_LOOK)
                continue
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.settimeout(0)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            visitor = _Visitor(connection, monotonic(), agreed=self._tls is None)
            self._selector.register(connection, selectors.EVENT_READ, visitor)
        except (OSError, ValueError):
            hang_up(connection)
            return
        self._silent[visitor] = None
        # A browser asks as soon as it is connected, so its request may be here already.
        self._listen_to(visitor)
        self._crowd(self._silent)

    def _listen_to(self, visitor: _Visitor) -> None:
        state = visitor.read()
        if state in ("whole", "gone"):
            self._forget(visitor)
            if state == "whole":
                self._hear(visitor.connection, bytes(visitor.said))
            else:
                hang_up(visitor.connection)
        elif state == "begun" or (visitor.begun and visitor in self._silent):
            self._silent.pop(visitor, None)
            self._begun.pop(visitor, None)
            self._begun[visitor] = None
            self._crowd(self._begun)

    def _crowd(self, room: dict[_Visitor, None]) -> None:
        """Where `room` is too full, the one that has sent nothing longest gives way; it is heard out first."""
        if len(room) <= self._room:
            return
        longest = next(iter(room))
        self._listen_to(longest)
        if len(room) > self._room:
            self._see_off(next(iter(room)))

    def _make_room(self) -> bool:
        """Whether a connection gave way where this process may open no more files."""
        room = self._silent or self._begun
        if not room:
            return False
        longest = next(iter(room))
        self._listen_to(longest)
        if longest in self._silent or longest in self._begun:
            self._see_off(longest)
        return True

    def _see_off(self, visitor: _Visitor) -> None:
        self._forget(visitor)
        hang_up(visitor.connection)

    def _forget(self, visitor: _Visitor) -> None:
        self._silent.pop(visitor, None)
        self._begun.pop(visitor, None)
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(visitor.connection)


def _room() -> int:
    """How many connections of each kind are kept: fewer where this process may open few files, which a login needs."""
    try:
        import resource
    except ImportError:
        return ROOM
    may_open, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ROOM if may_open == resource.RLIM_INFINITY else max(1, min(ROOM, may_open // 8))


def hang_up(connection: socket.socket) -> None:
    """End a connection; what was sent before still arrives."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
