"""A scripted agent on a Unix socket: answers as the agent does, or as a test says, and counts what it was asked."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import gmtime, strftime, time
from typing import Any, Self

TOKEN = "from-the-agent"
Document = dict[str, Any]
Reply = tuple[int, Document | bytes]


def credential(token: str, *, seconds: float = 3600) -> Reply:
    """The ExecCredential that the agent answers."""
    ends = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(time() + seconds))
    status = {"expirationTimestamp": ends, "token": token}
    return 200, {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}


def failure(status: int, code: str, message: str, *, exit_code: int = 1, hint: str | None = None) -> Reply:
    """The envelope of a failure."""
    error = {"code": code, "exit": exit_code, "message": message, "hint": hint, "hint_command": None}
    return status, {"version": 1, "error": error}


class ScriptedAgent:
    """Listens at `path` while it is entered; `answers` says what each "METHOD TARGET" gets, else 404."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[str] = []
        self.cut: threading.Event = threading.Event()
        self.answers: dict[str, Reply | Callable[[Handler], Reply]] = {
            "GET /v1/profiles": (200, {"profiles": [], "login_seconds": 60})
        }
        for folder in reversed([path.parent, *path.parent.parents]):
            # Each one private, as `togetherctl ssh` makes them.
            folder.mkdir(mode=0o700, exist_ok=True)

    def __enter__(self) -> Self:
        agent = self

        class Bound(Handler):
            """Of this agent."""

        Bound.scripted = agent

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(str(self.path), Bound)
        self.path.chmod(0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hands_out(self, name: str, token: str = TOKEN, *, seconds: float = 3600) -> None:
        """Give this credential of the profile `name`."""
        self.answers[f"GET /v1/credentials/{name}"] = credential(token, seconds=seconds)

    def offers(self, *profiles: Document, login_seconds: float = 60) -> None:
        """Have these profiles."""
        self.answers["GET /v1/profiles"] = 200, {"profiles": list(profiles), "login_seconds": login_seconds}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    scripted: ScriptedAgent
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        line = f"{self.command} {self.path}"
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.scripted.asked.append(line)
        said = self.scripted.answers.get(line, failure(404, "usage", f"there is no {self.path}", exit_code=2))
        status, document = said(self) if callable(said) else said
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        # A client that called it off reads no answer.
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def do_POST(self) -> None:
        self.do_GET()

    def wait_for_the_end(self, seconds: float = 60) -> bool:
        """Whether the client closes the connection within `seconds`."""
        self.connection.settimeout(seconds)
        try:
            return not self.connection.recv(1)
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 # as the base has it
        return
