"""The agent's process: puts its parts together, and runs until it is told to stop.

All that it needs is imported before it begins, because the package may be upgraded while it runs.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from contextlib import ExitStack
from functools import partial

from togetherctl.agent.ahead import KeepAhead
from togetherctl.agent.answers import Answers
from togetherctl.agent.askers import find_askers
from togetherctl.agent.broker import Broker, refusal_of
from togetherctl.agent.children import ChildProcesses
from togetherctl.agent.control import Control
from togetherctl.agent.listener import Limit, Listener
from togetherctl.agent.log import Log
from togetherctl.agent.logins import LoginDesk
from togetherctl.agent.loop import EventLoop
from togetherctl.agent.protocol import MAX_CONTROL, MAX_FORWARDABLE, Failure
from togetherctl.agent.questions import QuestionDesk
from togetherctl.agent.snapshot import Configuration
from togetherctl.agent.sockets import be_the_only_one, given, listen, prepare_folder, unlink
from togetherctl.agent.stopped import is_stopped, let_go_on, refusal
from togetherctl.errors import bug_sentence
from togetherctl.lock import LockTimeout
from togetherctl.paths import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from togetherctl.agent.answers import Remembered
    from togetherctl.agent.connection import Exchange, Handle
    from togetherctl.agent.protocol import Document
    from togetherctl.agent.snapshot import Snapshot

    Say = Callable[[str], None]

# Seconds that the answer to a request to stop has to get out.
_LAST_WORDS = 0.2
_LONGEST_WAIT = 3600.0
# Seconds between two looks whether the person has started the agent again.
_STOPPED_WAIT = 30.0
# Seconds between two looks at the sockets' files, and between two warnings that are the same.
_LOOK_SECONDS = 15.0
_SAME_WARNING = 60.0
_MOST_WARNINGS = 100


class Service:
    """One agent: `say` gets what happens, `warn` what goes wrong, a plain line each."""

    def __init__(self, environ: Mapping[str, str], say: Say, warn: Say) -> None:
        self._environ, self._say, self._warn_now = environ, say, warn
        self._warned: dict[str, float] = {}
        self._paths = locate(environ)
        self._loop = EventLoop(lambda error: warn(bug_sentence(error)))
        self._limit, self._control_limit = Limit(MAX_FORWARDABLE), Limit(MAX_CONTROL)
        self._open: dict[str, Listener] = {}
        self._born: dict[Path, os.stat_result] = {}
        self._children = ChildProcesses(self._loop, environ)
        self._configuration = Configuration(self._paths.config, self._children, self._see)
        self._questions = QuestionDesk(self._loop, Answers(self._paths.agent_answers, warn), self._key_of)
        self._questions.askers += find_askers(self._questions, self._loop, environ, say, mark=self._paths.agent_mark)
        self._seen: Snapshot | None = None
        self._logins = LoginDesk(self._questions, self._children, self._session_of)
        self._ahead = KeepAhead(self._loop, self._children, self._configuration, self._paths, environ)
        self._interrupted = False

    def run(self) -> bool:
        """Until it is told to stop; False where Ctrl-C did. Raises TogetherctlError where it cannot begin."""
        folder = self._paths.agent
        prepare_folder(folder)
        with ExitStack() as stack:
            stack.enter_context(be_the_only_one(folder))
            self._remove_forwards(folder)
            self._listen(stack)
            self._catch_signals()
            self._configuration.ask(lambda _snapshot: None)
            self._loop.after(0.0, self._tick)
            self._loop.after(_LOOK_SECONDS, self._look_at_sockets)
            # What was loaded stays as long as the process, and is looked through no more.
            gc.collect()
            gc.freeze()
            self._loop.run()
            for listener in list(self._open.values()):
                listener.close()
            self._ahead.close()
        return not self._interrupted

    def _listen(self, stack: ExitStack) -> None:
        log = Log(self._paths.agent_state, warn=self._warn, said=self._tell, after=self._loop.after)
        stack.callback(log.close)
        broker = Broker(self._paths, self._configuration, self._children, self._questions, self._logins, log)

        def answer(exchange: Exchange) -> None:
            refused = refusal(self._paths.agent)
            if refused is not None:
                exchange.answer(refused)
            else:
                broker.handle(exchange)

        control = Control(
            self._paths,
            self._configuration,
            self._questions,
            self._ahead,
            open_socket=lambda name, host: self._serve(self._paths.agent / name, answer, self._limit, host=host),
            count_children=lambda: self._children.started,
            stop=lambda: self._stop("it was told to stop"),
        )
        ours = given(self._environ)
        if not ours:
            # No far machine's request started it, as one does where a service manager listens.
            let_go_on(self._paths.agent)
        for path, handle, limit in (
            (self._paths.agent_socket, answer, self._limit),
            (self._paths.agent_control, control.handle, self._control_limit),
        ):
            if path.name in ours:
                # The service manager made it, and goes on listening after this process.
                listening = ours[path.name]
                self._open[str(path)] = Listener(self._loop, listening, handle, limit, warn=self._warn)
                stack.callback(listening.close)
            else:
                stack.callback(self._serve(path, handle, limit))
            self._born[path] = path.lstat()
        self._say(f"The agent listens at {self._paths.agent_socket} (pid {os.getpid()}).")

    def _serve(self, path: Path, handle: Handle, limit: Limit, *, host: str | None = None) -> Callable[[], None]:
        """Listen at `path`, and give what ends that and removes the socket."""
        listening = listen(path)
        born = path.lstat()
        listener = Listener(self._loop, listening, handle, limit, host=host, warn=self._warn)
        self._open[str(path)] = listener

        def close() -> None:
            listener.close()
            self._open.pop(str(path), None)
            unlink(path, listening, born)

        return close

    @staticmethod
    def _remove_forwards(folder: Path) -> None:
        """Those of an agent that was killed; no process listens there, because this process has the lock."""
        for path in folder.glob("forward-*.sock"):
            path.unlink(missing_ok=True)

    def _catch_signals(self) -> None:
        def interrupt() -> None:
            self._interrupted = True
            self._loop.end()

        self._loop.catch(signal.SIGCHLD, self._children.reap)
        self._loop.catch(signal.SIGCONT, self._ahead.wake)
        self._loop.catch(signal.SIGINT, interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.catch(number, lambda: self._stop("it was asked to end"))

    def _stop(self, why: str) -> None:
        self._say(f"The agent stops: {why}.")
        self._loop.after(_LAST_WORDS, self._loop.end)

    def _tick(self) -> None:
        wait = _LONGEST_WAIT
        try:
            wait = _STOPPED_WAIT if is_stopped(self._paths.agent) else min(wait, max(1.0, self._ahead.tick()))
        finally:
            # A bug in one tick does not end all others.
            self._loop.after(wait, self._tick)

    def _see(self, snapshot: Snapshot | Failure) -> None:
        if isinstance(snapshot, Failure):
            self._warn(f"nothing is handed out: {snapshot.message}")
            return
        for problem in snapshot.problems:
            self._warn(problem)
        before, self._seen = self._seen, snapshot
        for profile in before.profiles if before else ():
            refusal = refusal_of(profile.name, snapshot.profile(profile.name), before=profile)
            if refusal is not None:
                self._questions.drop(profile.name, refusal)
        try:
            self._questions.forget(partial(_counts, snapshot))
        except (OSError, LockTimeout) as error:
            self._warn(f"an old answer is not forgotten: {self._paths.agent_answers}: {error}")

    def _session_of(self, profile: str) -> str:
        """The session file of a profile; one that keeps none shares none."""
        known = self._configuration.last_good
        found = known.profile(profile) if known else None
        return (found and found.session) or f"profile {profile}"

    def _key_of(self, profile: str) -> str:
        """What answers about a profile are bound to."""
        known = self._configuration.last_good
        found = known.profile(profile) if known else None
        return found.key if found else ""

    def _warn(self, line: str) -> None:
        """Once a minute the same, because others may cause it as often as they like."""
        now = time.monotonic()
        self._warned = {known: when for known, when in self._warned.items() if now - when < _SAME_WARNING}
        if line not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned[line] = now
            self._warn_now(line)

    def _look_at_sockets(self) -> None:
        """End where the sockets are gone, as after a logout: no client finds them, and another agent may begin."""
        for path, born in self._born.items():
            try:
                if os.path.samestat(path.lstat(), born):
                    continue
            except OSError:
                pass
            self._stop(f"its socket is gone: {path}")
            return
        self._loop.after(_LOOK_SECONDS, self._look_at_sockets)

    def _tell(self, entry: Document) -> None:
        place = f" for {entry['host']}" if entry["host"] else ""
        more = f", {entry['count']} more of these" if "count" in entry else ""
        self._say(f"{entry['time']} {entry['what']} of {entry['profile']}{place}: {entry['answer']}{more}")


def _counts(snapshot: Snapshot, answer: Remembered) -> bool:
    """Whether the profile is one that the person is still asked about."""
    profile = snapshot.profile(answer.profile)
    return profile is not None and profile.forward in (("ask",) if answer.kind == "credential" else ("ask", "always"))
