"""Make the agent's private folder and its sockets, and take over those of an agent that was killed."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from togetherctl.agent.protocol import AGENT_LOCK
from togetherctl.disk import PRIVATE_FOLDER, is_ours, make_private_folder, open_to_others
from togetherctl.errors import TogetherctlError, run
from togetherctl.lock import LockTimeout, hold_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

_BACKLOG = 512
# sun_path of unix(7), with its end; 104 on macOS.
_LONGEST_PATH = 103
# sd_listen_fds(3).
_FIRST_GIVEN = 3
# A client that cannot connect at once is not waited for.
_KNOCK_SECONDS = 2.0


def prepare_folder(folder: Path) -> None:
    """Make it, or make it private. Raises TogetherctlError where it is not ours or its path is too long."""
    # The longest name in it.
    if len(os.fsencode(folder / "forward-00000000.sock")) > _LONGEST_PATH:
        raise TogetherctlError(
            f"the path of the agent's folder is too long for a Unix socket: {folder}",
            hint="set XDG_RUNTIME_DIR to a folder with a short path",
        )
    try:
        make_private_folder(folder)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or not is_ours(status):
            raise TogetherctlError(f"{folder} is not a folder of this user, so the agent makes no sockets in it")
        if open_to_others(status):
            folder.chmod(PRIVATE_FOLDER)
    except OSError as error:
        raise TogetherctlError(f"the agent's folder {folder} cannot be made: {error.strerror}") from None


def be_the_only_one(folder: Path) -> AbstractContextManager[object]:
    """Hold the lock that one agent of this user has; the file says its process number. Raises TogetherctlError."""
    from contextlib import contextmanager

    @contextmanager
    def hold() -> Iterator[None]:
        path = folder / AGENT_LOCK
        try:
            with hold_lock(path, seconds=0.0, ours=True) as held:
                os.ftruncate(held.descriptor, 0)
                os.pwrite(held.descriptor, b"%d\n" % os.getpid(), 0)
                try:
                    yield
                finally:
                    os.ftruncate(held.descriptor, 0)
        except LockTimeout:
            raise TogetherctlError(
                f"an agent runs already (pid {pid_in(folder) or 'not known'})",
                hint=run("togetherctl", "agent", "status"),
            ) from None
        except OSError as error:
            raise TogetherctlError(f"{path}: {error.strerror}") from None

    return hold()


def pid_in(folder: Path) -> int | None:
    """The process number that the agent's lock names; None where there is none. It may be of an agent long gone."""
    try:
        text = (folder / AGENT_LOCK).read_bytes()[:20]
    except OSError:
        return None
    return int(text) if text.strip().isdigit() else None


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, 0600; one that no process listens at any more is replaced. Raises TogetherctlError.

    The caller holds the lock, so no other agent of ours listens there.
    """
    try:
        if is_left(path):
            path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Private from birth: no other user connects between bind and chmod.
        usual = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(usual)
        listening.listen(_BACKLOG)
        listening.setblocking(False)  # noqa: FBT003 # socket's signature
    except OSError as error:
        raise TogetherctlError(f"the agent cannot listen at {path}: {error.strerror or error}") from None
    return listening


def unlink(path: Path, listening: socket.socket, born: os.stat_result) -> None:
    """Close it, and remove its file if it is still the one."""
    with suppress(OSError):
        if os.path.samestat(path.lstat(), born):
            path.unlink()
    listening.close()


def given(environ: Mapping[str, str]) -> dict[str, socket.socket]:
    """The listening sockets that the service manager opened for this process (sd_listen_fds(3)), by file name.

    Raises TogetherctlError where one of them is no Unix socket that listens.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()) or not environ.get("LISTEN_FDS", "").isdecimal():
        return {}
    found = {}
    for descriptor in range(_FIRST_GIVEN, _FIRST_GIVEN + min(int(environ["LISTEN_FDS"]), 8)):
        try:
            listening = socket.socket(fileno=descriptor)
            name = listening.getsockname()
            listens = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise TogetherctlError(f"LISTEN_FDS names no socket: {error.strerror}") from None
        if listening.family != socket.AF_UNIX or not listens:
            raise TogetherctlError("LISTEN_FDS names a socket that is no listening Unix socket")
        listening.set_inheritable(False)
        listening.setblocking(False)  # noqa: FBT003 # socket's signature
        found[Path(os.fsdecode(name)).name] = listening
    return found


def is_left(path: Path) -> bool:
    """Whether a socket is there that no process listens at any more. Raises OSError where something else is there."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EEXIST, "something else is there, which is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(_KNOCK_SECONDS)
        try:
            knocking.connect(str(path))
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ENOENT):
                raise
            return True
    raise OSError(errno.EADDRINUSE, "another process listens there")
