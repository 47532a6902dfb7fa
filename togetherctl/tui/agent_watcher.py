"""Watch for questions of the agent, in a thread, by the times of files: the agent is asked only where these change."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import time
from typing import TYPE_CHECKING

from togetherctl.errors import TogetherctlError, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from togetherctl.paths import Paths
    from togetherctl.usecases.agent_questions import WaitingQuestion

# Seconds between two looks at the disk.
_EVERY = 0.4


class AgentWatcher:
    """`tell`s which questions wait, whenever that may have changed; none where no agent runs.

    `tell_failed` gets a sentence for each login that failed since the start. `paths` gives the paths to look at.
    """

    def __init__(
        self,
        paths: Callable[[], Paths],
        tell: Callable[[Sequence[WaitingQuestion]], object],
        tell_failed: Callable[[str], object],
    ) -> None:
        self._paths = paths
        self._tell, self._tell_failed = tell, tell_failed
        self._began = time()
        self._failed: set[str] = set()
        self._wake = Event()
        self._ended = False
        self._seen: object = None
        self._told: Sequence[WaitingQuestion] = ()

    def start(self) -> None:
        # There is no agent on Windows.
        if sys.platform != "win32":
            Thread(target=self._run, name="agent watcher", daemon=True).start()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()

    def look_now(self) -> None:
        """Look at once."""
        self._seen = None
        self._wake.set()

    def _run(self) -> None:
        while not self._ended:
            self._wake.clear()
            self.step()
            self._wake.wait(_EVERY)

    def step(self) -> None:
        """One look."""
        paths = self._paths()
        seen = tuple(_time(path) for path in (paths.agent_control, paths.agent_mark))
        if seen == self._seen:
            return
        self._seen = seen
        questions: Sequence[WaitingQuestion] = ()
        if seen[0]:
            from togetherctl.usecases.agent_questions import list_failed_logins, list_questions

            try:
                questions = list_questions(paths)
                for number, said in list_failed_logins(paths, since=self._began).items():
                    if number not in self._failed:
                        self._failed.add(number)
                        self._tell_failed(said)
            except TogetherctlError as error:
                # One that is gone has none; one that does not answer now may do so later.
                if isinstance(error, Unreachable):
                    self._seen = None
        if questions or self._told:
            self._told = questions
            self._tell(questions)


def _time(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0
