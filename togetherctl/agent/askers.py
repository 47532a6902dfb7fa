"""Find the ways to ask the person that this machine has: the terminal of the agent, and the desktop."""

from __future__ import annotations

from togetherctl.agent.notifications import find_notifications
from togetherctl.agent.terminal_questions import TerminalQuestions, at_a_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from togetherctl.agent.protocol import Loop
    from togetherctl.agent.questions import Asker, QuestionDesk

_STDIN = 0


def find_askers(
    desk: QuestionDesk, loop: Loop, environ: Mapping[str, str], say: Callable[[str], object]
) -> list[Asker]:
    """Those there are, perhaps none: `togetherctl agent answer` and the terminal interface come to the agent."""
    found: list[Asker | None] = [
        TerminalQuestions(desk, loop, say, _STDIN) if at_a_terminal() else None,
        find_notifications(desk, loop, environ),
    ]
    return [asker for asker in found if asker is not None]
