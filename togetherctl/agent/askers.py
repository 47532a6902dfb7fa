"""Find the ways to ask the person that this machine has: the agent's terminal, the desktop, togetherctl itself."""

from __future__ import annotations

from contextlib import suppress

from togetherctl.agent.notifications import find_notifications
from togetherctl.agent.terminal_questions import TerminalQuestions, at_a_terminal
from togetherctl.disk import PRIVATE_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from togetherctl.agent.protocol import Loop
    from togetherctl.agent.questions import Asker, End, Question, QuestionDesk

_STDIN = 0


class ChangeMark:
    """Touches `file` whenever a question comes or goes, so that others need not ask the agent all the time."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def show(self, _question: Question) -> None:
        """See `questions.Asker`."""
        self._touch()

    def hide(self, _question: Question, _end: End) -> None:
        """See `questions.Asker`."""
        self._touch()

    def _touch(self) -> None:
        # Without it, `togetherctl agent answer` still lists what waits.
        with suppress(OSError):
            self._file.touch(mode=PRIVATE_FILE)


def find_askers(
    desk: QuestionDesk, loop: Loop, environ: Mapping[str, str], say: Callable[[str], object], *, mark: Path
) -> list[Asker]:
    """Those there are; `mark` is what the terminal interface watches."""
    found: list[Asker | None] = [
        ChangeMark(mark),
        TerminalQuestions(desk, loop, say, _STDIN) if at_a_terminal() else None,
        find_notifications(desk, loop, environ),
    ]
    return [asker for asker in found if asker is not None]
