"""Ask the agent of this user on its control socket, within a deadline."""

from __future__ import annotations

import errno
import json
import socket
import time
from contextlib import suppress

import h11

from togetherctl.agent import peer
from togetherctl.agent.protocol import AGENT_LOCK, read_failure
from togetherctl.agent.sockets import pid_in
from togetherctl.errors import TogetherctlError, Unreachable, run
from togetherctl.lock import LockTimeout, hold_lock
from togetherctl.quick_json import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from togetherctl.agent.protocol import Document

_SECONDS = 5.0
_CHUNK = 64 * 1024
_MAX_BYTES = 4 * 1024 * 1024
_NOT_THERE = frozenset({errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR})


class NoAgent(TogetherctlError):
    """No agent of this user runs."""

    exit_code = 3
    code = "no_agent"

    def __init__(self) -> None:
        super().__init__("no agent runs", hint=run("togetherctl", "agent", "start"))


class AgentClient:
    """A connection to `path`, open until `close`; each request has to be answered within `seconds`.

    Raises NoAgent where nothing listens there, Unreachable where it does not answer in time, and TogetherctlError for
    what it answers otherwise.
    """

    def __init__(self, path: Path, *, seconds: float = _SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self._until = time.monotonic() + seconds
        self._http = h11.Connection(h11.CLIENT)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._wait()
            self._socket.connect(str(path))
        except TimeoutError:
            self.close()
            raise self._no_answer() from None
        except OSError as error:
            self.close()
            # Without a number: the path is too long for a socket, so no agent can listen there.
            if error.errno in _NOT_THERE or error.errno is None:
                raise NoAgent from None
            raise TogetherctlError(f"the agent's socket {path}: {error.strerror or error}") from None
        if not peer.is_ours(self._socket):
            self.close()
            raise TogetherctlError(f"another user listens at {path}; togetherctl does not talk to that process")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and what is bound to it."""
        self._socket.close()

    def fileno(self) -> int:
        """The socket; readable between two requests means that the agent is gone."""
        return self._socket.fileno()

    def ask(self, method: str, path: str, document: Document | None = None) -> Document:
        """The answer to one request. Raises as the class says."""
        self._until = time.monotonic() + self._seconds
        try:
            status, body = self._exchange(method, path, document)
        except TimeoutError:
            raise self._no_answer() from None
        except (OSError, h11.ProtocolError):
            raise Unreachable(
                "the agent ended before it answered", hint=run("togetherctl", "agent", "status")
            ) from None
        try:
            found = loads(body)
        except (ValueError, RecursionError):
            found = None
        failure = read_failure(found)
        if failure is not None:
            raise failure.error
        if status != 200 or not isinstance(found, dict):
            raise TogetherctlError(f"the agent answered {method} {path} with {status} and no JSON object")
        return found

    def _exchange(self, method: str, path: str, document: Document | None) -> tuple[int, bytes]:
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        content = json.dumps(document).encode("ascii") if document is not None else b""
        headers = [("Host", "agent"), ("Content-Length", str(len(content)))]
        data = self._http.send(h11.Request(method=method, target=path, headers=headers)) or b""
        data += (self._http.send(h11.Data(data=content)) or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        self._wait()
        self._socket.sendall(data)
        status, body = 0, b""
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._wait()
                self._http.receive_data(self._socket.recv(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > _MAX_BYTES:
                    raise h11.RemoteProtocolError("too much")
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("closed")

    def _wait(self) -> None:
        """Give the next step what is left of the time. Raises TimeoutError where that is nothing."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)

    def _no_answer(self) -> Unreachable:
        pid = pid_in(self._path.parent)
        which = f"the agent (pid {pid})" if pid else "the agent"
        hint = (
            f"is it stopped? kill -CONT {pid} lets it go on, kill {pid} ends it" if pid else "togetherctl agent status"
        )
        return Unreachable(f"{which} did not answer within {self._seconds:.0f} seconds", hint=hint)


def runs(folder: Path) -> bool:
    """Whether an agent of this user has the lock in its folder; one that is stopped has it too."""
    path = folder / AGENT_LOCK
    if not path.exists():
        return False
    with suppress(OSError):
        try:
            with hold_lock(path, seconds=0.0, ours=True):
                return False
        except LockTimeout:
            return True
    return False
