"""All there is to see of the agent: whether it runs, what waits, what was answered, and what it handed out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.agent.client import AgentClient, NoAgent
from togetherctl.agent.log import files, read
from togetherctl.agent.protocol import QUESTIONS, STATUS
from togetherctl.errors import TogetherctlError
from togetherctl.usecases.agent_questions import WaitingQuestion, read_question, remembered_answers

if TYPE_CHECKING:
    from pathlib import Path

    from togetherctl.agent.answers import Remembered
    from togetherctl.paths import Paths

_SECONDS = 3.0
# Of the log, the newest; all of it is in `togetherctl agent log`.
_MOST_ENTRIES = 200

Stamp = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class AgentView:
    """What is known of the agent; `status` is None where none runs, `problem` why one could not be asked.

    `entries` are of the log, the newest first.
    """

    status: Mapping[str, Any] | None = None
    problem: TogetherctlError | None = None
    questions: Sequence[WaitingQuestion] = ()
    remembered: Sequence[Remembered] = ()
    entries: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def look_at_agent(paths: Paths, *, now: float) -> AgentView:
    """Ask the agent, and read its files; `now` in seconds since 1970. Raises nothing."""
    status, questions, problem = None, [], None
    try:
        with AgentClient(paths.agent_control, seconds=_SECONDS) as agent:
            status = agent.ask("GET", STATUS)
            questions = [read_question(one) for one in agent.ask("GET", QUESTIONS)["questions"]]
    except NoAgent:
        pass
    except TogetherctlError as error:
        problem = error
    entries: deque[Mapping[str, Any]] = deque(maxlen=_MOST_ENTRIES)
    try:
        entries.extend(read(paths.agent_state))
    except OSError as error:
        problem = problem or TogetherctlError(f"the agent's log cannot be read: {error.strerror}")
    return AgentView(status, problem, questions, remembered_answers(paths, now=now), list(reversed(entries)))


def stamp_of_agent(paths: Paths) -> Stamp:
    """What changes when there is something new to see, at the price of some looks at the disk."""
    return tuple(
        _times(path) for path in (paths.agent_control, paths.agent_mark, paths.agent_answers, *files(paths.agent_state))
    )


def _times(path: Path) -> tuple[int, ...]:
    try:
        status = path.lstat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size
