"""Tell who is at the other end of a Unix socket: the user of its process."""

from __future__ import annotations

import os
import socket
import struct
import sys

# getsockopt(2) of Linux: `struct ucred` is pid, uid, gid.
_CREDENTIALS = struct.Struct("=iII")
# unix(4) of macOS and FreeBSD: SOL_LOCAL, LOCAL_PEERCRED; `struct xucred` begins with version and uid.
_LOCAL, _PEER, _XUCRED_BYTES = 0, 1, 80
_XUCRED = struct.Struct("=II")


def uid_of(connection: socket.socket) -> int | None:
    """The effective uid of the process that connected, or listens; None where the system does not say."""
    try:
        return _ask(connection)
    except (OSError, struct.error):
        return None


if sys.platform == "linux":

    def _ask(connection: socket.socket) -> int | None:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(raw)[1])

else:

    def _ask(connection: socket.socket) -> int | None:
        version, uid = _XUCRED.unpack_from(connection.getsockopt(_LOCAL, _PEER, _XUCRED_BYTES))
        return int(uid) if version == 0 else None


def is_ours(connection: socket.socket) -> bool:
    """Whether the other end is a process of this user; one that cannot be told is not."""
    return uid_of(connection) == os.geteuid()
