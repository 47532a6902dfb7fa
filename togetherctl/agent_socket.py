"""Find the socket of an agent that another machine forwards, check that it is this user's, and connect to it.

Every call from afar passes through here, so it loads `_socket` alone, which is what `socket` is made of.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from sys import byteorder
from time import time

from togetherctl.environment import AGENT
from togetherctl.errors import Remedy, Unreachable, Untrusted, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket as _socket
else:
    import _socket

RECONNECT = Remedy("connect again from where the agent runs: togetherctl ssh HOST")
# A forwarded socket listens on when the agent behind it has ended; a new one takes its place by itself.
START = Remedy("where the agent runs, togetherctl agent start is enough; else connect again: togetherctl ssh HOST")
# Seconds in which an agent that is awake takes a connection, and says something.
SILENCE_SECONDS = 5.0
# One kubectl calls several times; so for a minute after a silence, each call waits for a sign of life only this long.
_LESS_PATIENCE, _REMEMBERED = 1.0, 60.0
# The empty file beside a socket that was silent, which the script for `curl` knows too.
MARK = ".silent"
_MOMENT_SECONDS = 0.25
# A socket that refuses may be younger than the call that lets it listen.
_JUST_MADE = 10.0


def folders_of_sockets(environ: Mapping[str, str]) -> list[str]:
    """Where `togetherctl ssh` puts sockets on this side."""
    found = []
    runtime, home = environ.get("XDG_RUNTIME_DIR", ""), environ.get("HOME", "")
    if runtime.startswith("/"):
        found.append(f"{runtime.rstrip('/')}/togetherctl/agents")
    if home.startswith("/"):
        found.append(f"{home.rstrip('/')}/.cache/togetherctl/agents")
    return found


class Silent(Unreachable):
    """What listens at a socket says nothing."""


class Gone(Exception):
    """Nothing listens at a socket, or what listens passes nothing on."""


class NoneBehind(Gone):
    """The socket takes a connection and ends it: the agent behind it has ended, or the connection to its machine."""

    def __init__(self) -> None:
        super().__init__("no agent is behind that socket any more")


def connect_to(path: str) -> _socket.socket:
    """An open connection to a socket that no other user can have put there. Raises Untrusted and Gone."""
    family = getattr(_socket, "AF_UNIX", None)
    if family is None:
        raise UsageError("this system's Python has no Unix sockets, so no agent can be forwarded to it")
    _check_owner(path)
    connection = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        connection.settimeout(_LESS_PATIENCE if was_silent(path) else SILENCE_SECONDS)
        connection.connect(path)
        _check_peer(connection, path)
    except TimeoutError:
        connection.close()
        raise silent(path) from None
    except OSError as error:
        connection.close()
        raise Gone(_reason(error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _check_peer(connection: _socket.socket, path: str) -> None:
    """Raises Untrusted where another user listens, who may have exchanged a folder above after the look at the path."""
    uid = _uid_behind(connection)
    # sshd may listen as root for those who log in.
    if uid is not None and uid not in (os.geteuid(), 0):
        raise Untrusted(f"a process of another user (uid {uid}) listens at {path}", hint=RECONNECT)


def _uid_behind(connection: _socket.socket) -> int | None:
    """The uid of the process that listens; None where the system does not say (Linux does). See `agent.peer`."""
    peer = getattr(_socket, "SO_PEERCRED", None)
    if peer is None:
        return None
    # getsockopt(2): `struct ucred` is pid, uid, gid, of 4 bytes each.
    return int.from_bytes(connection.getsockopt(_socket.SOL_SOCKET, peer, 12)[4:8], byteorder)


def _check_owner(path: str) -> None:
    """Raises Untrusted unless the socket is this user's, where no other can exchange it; Gone where there is none."""
    if not path.startswith("/"):
        raise UsageError(f"{AGENT} is {path}, which is no absolute path of a socket")
    try:
        status, folder = os.lstat(path), os.stat(os.path.dirname(path))
    except OSError as error:
        raise Gone(_reason(error)) from None
    if not stat.S_ISSOCK(status.st_mode):
        raise Untrusted(f"{path} is no socket", hint=RECONNECT)
    # Root may give this user a folder, as container runtimes do, and /tmp lets each user remove only what is theirs.
    kept = folder.st_uid in (os.geteuid(), 0) and (not folder.st_mode & 0o022 or folder.st_mode & stat.S_ISVTX)
    if status.st_uid != os.geteuid() or not kept:
        raise Untrusted(
            f"{path} may be another user's: the socket must be yours, in a folder that others cannot change",
            hint=RECONNECT,
        )


def newest_first(environ: Mapping[str, str]) -> list[str]:
    """The sockets in our folders that are this user's alone."""
    found = []
    for folder in folders_of_sockets(environ):
        try:
            status = os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
                continue
            for name in os.listdir(folder):
                one = os.lstat(f"{folder}/{name}")
                if stat.S_ISSOCK(one.st_mode) and one.st_uid == os.geteuid():
                    found.append((one.st_mtime_ns, f"{folder}/{name}"))
        except OSError:
            continue
    return [path for _, path in sorted(found, reverse=True)]


def has_socket(environ: Mapping[str, str]) -> bool:
    """Whether a socket is named, or in our folders; it may answer no more."""
    return bool(environ.get(AGENT) or newest_first(environ))


def forget(path: str) -> None:
    """Remove a socket of ours, made on this host, at which nothing listens any more.

    In a home that several hosts share, that of another host refuses too, and may be alive there.
    """
    if not os.path.basename(path).startswith(f"{os.uname().nodename}-"):
        return
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if time() - os.lstat(path).st_mtime >= _JUST_MADE:
            probe.settimeout(_MOMENT_SECONDS)
            probe.connect(path)
    except ConnectionRefusedError:
        forget_silence(path)
        try:
            os.unlink(path)
        except OSError:
            return
    except OSError:
        return
    finally:
        probe.close()


def silent(path: str) -> Silent:
    """The error for an agent that takes a connection, or does not, and says nothing; it is remembered for a minute."""
    if not was_silent(path):
        _remember_silence(path)
    return Silent(
        f"the agent at {path} does not answer; the machine where it runs may be asleep or cut off", hint=RECONNECT
    )


def was_silent(path: str) -> bool:
    """Whether the agent at `path` said nothing a moment ago."""
    try:
        status = os.lstat(path + MARK)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and abs(time() - status.st_mtime) < _REMEMBERED


def forget_silence(path: str) -> None:
    """The agent at `path` has answered."""
    try:
        os.unlink(path + MARK)
    except OSError:
        return


def _remember_silence(path: str) -> None:
    """Only in a folder that is this user's alone to change; where it cannot be written, each call waits as long."""
    try:
        folder = os.stat(os.path.dirname(path))
        if folder.st_uid == os.geteuid() and not folder.st_mode & 0o022:
            forget_silence(path)
            os.close(os.open(path + MARK, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there any more"
    return f"it cannot be used: {error.strerror or error}"
