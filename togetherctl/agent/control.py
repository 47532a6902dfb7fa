"""Answer what is never forwarded: status, stop, questions, and sockets for the forwarding of one connection."""

from __future__ import annotations

import os
import secrets
import time

from togetherctl.agent.broker import allows, no_such_path
from togetherctl.agent.protocol import FORWARDS, MAX_FORWARDS, QUESTIONS, STATUS, STOP, Failure, failure, failure_of
from togetherctl.agent.stopped import refusal, stop_for_good
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.agent.connection import Exchange
    from togetherctl.agent.protocol import Ahead, Document, Questions
    from togetherctl.agent.snapshot import Configuration, Snapshot
    from togetherctl.paths import Paths

    # Opens a socket of this name for a host, and gives what closes it.
    Open = Callable[[str, str], Callable[[], None]]

_LONGEST_HOST = 255


class Control:
    """What the person at this machine asks of the agent."""

    def __init__(
        self,
        paths: Paths,
        configuration: Configuration,
        questions: Questions,
        ahead: Ahead,
        *,
        open_socket: Open,
        count_children: Callable[[], int],
        stop: Callable[[], None],
    ) -> None:
        self._paths, self._configuration, self._questions, self._ahead = paths, configuration, questions, ahead
        self._open_socket, self._count_children, self._stop = open_socket, count_children, stop
        self._since = time.time()
        self._hosts: list[str] = []

    def handle(self, exchange: Exchange) -> None:
        """Answer one request of control.sock."""
        path, _, number = exchange.request.path.partition(f"{QUESTIONS}/")
        paths = {
            STATUS: ("GET", self._tell_status),
            STOP: ("POST", self._end),
            QUESTIONS: ("GET", self._tell_questions),
            FORWARDS: ("POST", self._forward),
            "": ("POST", lambda exchange: self._take_answer(exchange, number)),
        }
        if path not in paths:
            exchange.answer(no_such_path(exchange.request.method, exchange.request.path))
            return
        method, answer = paths[path]
        if allows(exchange, method):
            answer(exchange)

    def _tell_status(self, exchange: Exchange) -> None:
        exchange.when_gone(self._configuration.ask(lambda snapshot: exchange.answer(self._status(snapshot))))

    def _tell_questions(self, exchange: Exchange) -> None:
        # What changed in the configuration takes questions back; the next look does not find them any more.
        self._configuration.ask(lambda _snapshot: None)
        exchange.answer({"questions": list(self._questions.pending()), "failed": list(self._questions.failed())})

    def _end(self, exchange: Exchange) -> None:
        """A stop counts until the person starts the agent, but for one that says that another comes."""
        answer: Document | Failure = {"pid": os.getpid(), "stopped": True}
        if (exchange.request.document() or {}).get("restart") is not True:
            try:
                stop_for_good(self._paths.agent)
            except TogetherctlError as error:
                answer = failure_of(error)
        exchange.answer(answer)
        self._stop()

    def _status(self, snapshot: Snapshot | Failure) -> Document:
        stopped = refusal(self._paths.agent)
        wrong = stopped or (snapshot if isinstance(snapshot, Failure) else None)
        problem = wrong.document["error"] if wrong else None
        known = self._configuration.last_good if isinstance(snapshot, Failure) else snapshot
        states = self._ahead.states()
        return {
            "pid": os.getpid(),
            "socket": str(self._paths.agent_socket),
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._since)),
            "config": str(self._paths.config),
            "profiles": [
                {"name": profile.name, "forward": profile.forward, **states.get(profile.name, {})}
                for profile in (known.profiles if known else ())
            ],
            "opens_too": {
                profile.name: others
                for profile in (known.profiles if known else ())
                if known is not None and (others := known.opens_too(profile))
            },
            "hosts": list(self._hosts),
            "questions": len(self._questions.pending()),
            "children": self._count_children(),
            "stopped": stopped is not None,
            "problem": problem,
        }

    def _take_answer(self, exchange: Exchange, number: str) -> None:
        exchange.answer(self._read_answer(number, exchange.request.document()))

    def _read_answer(self, number: str, document: Document | None) -> Document | Failure:
        given = (document or {}).get("answer")
        seconds = (document or {}).get("seconds", 0)
        if given not in ("yes", "no") or not isinstance(seconds, (int, float)) or not 0 <= seconds < 1 << 31:
            return failure("bad_request", 'the body has to be {"answer": "yes" or "no", "seconds": N}', ExitCode.USAGE)
        if not self._questions.answer(number, yes=given == "yes", seconds=float(seconds)):
            return failure("not_found", "there is no such question any more", ExitCode.FAILED)
        return {"answered": number}

    def _forward(self, exchange: Exchange) -> None:
        exchange.answer(self._open_forward(exchange))

    def _open_forward(self, exchange: Exchange) -> Document | Failure:
        host = (exchange.request.document() or {}).get("host")
        if not isinstance(host, str) or not host or len(host) > _LONGEST_HOST or printable(host) != host:
            return failure("bad_request", 'the body has to be {"host": HOST}', ExitCode.USAGE)
        stopped = refusal(self._paths.agent)
        if stopped is not None:
            return stopped
        if len(self._hosts) >= MAX_FORWARDS:
            return failure("busy", f"the agent forwards to {MAX_FORWARDS} hosts already", ExitCode.UNREACHABLE)
        name = f"forward-{secrets.token_hex(4)}.sock"
        try:
            close = self._open_socket(name, host)
        except TogetherctlError as error:
            return failure(error.code, error.message, int(error.exit_code))
        self._hosts.append(host)

        def end() -> None:
            close()
            self._hosts.remove(host)

        # It ends with the connection that asked for it, so that a killed client leaves nothing.
        exchange.connection.is_held = True
        exchange.connection.when_closed.append(end)
        return {"socket": str(self._paths.agent / name)}
