"""An agent in a process of its own, and parties that ask it over its sockets as curl would."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

_SECONDS = 60.0


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("agent", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))


def call(path: Path, method: str, target: str, document: Any = None) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of one request."""
    connection = _Connection(path)
    try:
        connection.request(method, target, json.dumps(document) if document is not None else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


class Far:
    """A far party that waits for its answer; `leave` is what Ctrl-C there does."""

    def __init__(self, path: Path, method: str, target: str, document: Any = None) -> None:
        self._connection = _Connection(path)
        self._connection.request(method, target, json.dumps(document) if document is not None else None)
        self._told: list[tuple[int, dict[str, Any]]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            answer = self._connection.getresponse()
            self._told.append((answer.status, json.loads(answer.read())))
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            return
        finally:
            self._connection.close()

    @property
    def waits(self) -> bool:
        return not self._told

    def answer(self) -> tuple[int, dict[str, Any]]:
        self._thread.join(_SECONDS)
        [told] = self._told
        return told

    def leave(self) -> None:
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(_SECONDS)


class RunningAgent:
    """One agent of the home in `environ`."""

    def __init__(self, environ: dict[str, str], runtime: Path) -> None:
        self.environ = {**environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
        self.folder = runtime / "togetherctl"
        self.socket, self.control = self.folder / "agent.sock", self.folder / "control.sock"
        self.state = Path(environ["TOGETHERCTL_HOME"]) / "state" / "agent"
        self.process: subprocess.Popen[str] | None = None
        self._held: list[_Connection] = []

    def start(self, **changes: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "togetherctl.agent"],
            env={**self.environ, **changes},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.until(self._listens, "the agent's sockets")

    def _listens(self) -> bool:
        try:
            return call(self.control, "GET", "/v1/questions")[0] == 200
        except OSError:
            return False

    def stop(self) -> str:
        """End it, if it runs; what it said."""
        if self.process is None:
            return ""
        self.process.send_signal(signal.SIGTERM)
        said, _ = self.process.communicate(timeout=_SECONDS)
        self.process = None
        self._let_go()
        return said

    def forward(self, host: str) -> Path:
        """A socket for `host`, until the end of the test."""
        connection = _Connection(self.control)
        connection.request("POST", "/v1/forwards", json.dumps({"host": host}))
        self._held.append(connection)
        return Path(json.loads(connection.getresponse().read())["socket"])

    def questions(self) -> list[dict[str, Any]]:
        status, document = call(self.control, "GET", "/v1/questions")
        assert status == 200
        return list(document["questions"])

    def question(self, **what: object) -> dict[str, Any]:
        """The only question there is, once there is one that is `what`."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.questions() if what.items() <= one.items()]

        self.until(found, f"a question with {what}")
        [one] = found()
        return one

    def answer(self, question: dict[str, Any], word: str, seconds: float = 0) -> None:
        status, _ = call(self.control, "POST", f"/v1/questions/{question['id']}", {"answer": word, "seconds": seconds})
        assert status == 200

    def until(self, condition: Callable[[], object], what: str) -> None:
        ends = time.monotonic() + _SECONDS
        while not condition():
            assert time.monotonic() < ends, f"{what} did not come"
            assert self.process is None or self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.05)

    def children(self, word: str) -> list[int]:
        """The processes of this home that have `word` among their arguments."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if word.encode() in (process / "cmdline").read_bytes().split(b"\0") and (
                    f"TOGETHERCTL_HOME={self.environ['TOGETHERCTL_HOME']}".encode()
                    in (process / "environ").read_bytes().split(b"\0")
                ):
                    found.append(int(process.name))
            except (OSError, ValueError):
                continue
        return found

    def _let_go(self) -> None:
        for connection in self._held:
            connection.close()
        self._held.clear()

    def close(self) -> None:
        self._let_go()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@contextmanager
def running_agent(environ: dict[str, str]) -> Iterator[RunningAgent]:
    """An agent that is not started yet; its sockets have short paths, as Unix sockets need them."""
    with tempfile.TemporaryDirectory(prefix="tctl-") as runtime:
        agent = RunningAgent(environ, Path(runtime))
        try:
            yield agent
        finally:
            agent.close()
