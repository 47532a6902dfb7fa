"""Bring the questions of the agent to the person at the terminal interface, and take the answers back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from togetherctl.errors import TogetherctlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

    from togetherctl.agent.choices import Choice
    from togetherctl.paths import Paths
    from togetherctl.tui.screens.agent_question import AgentQuestion
    from togetherctl.usecases.agent_questions import WaitingQuestion

# Seconds that a notification stays.
_SECONDS = 8.0


class AgentAsking:
    """The questions that wait at the agent; `paths` gives where it is."""

    def __init__(self, app: App[None], paths: Callable[[], Paths]) -> None:
        self._app, self._paths = app, paths
        self.questions: Sequence[WaitingQuestion] = ()
        self._box: AgentQuestion | None = None
        # Those that the person puts off; they wait on the agent's own screen.
        self._put_off: set[str] = set()

    def take(self, questions: Sequence[WaitingQuestion]) -> None:
        """What waits now."""
        self.questions = questions
        waiting = {one.number for one in questions}
        self._put_off &= waiting
        if self._box is not None and self._box.question.number not in waiting:
            self._box.end()
        self._ask_next()

    def ask(self, question: WaitingQuestion) -> None:
        """Ask this one now."""
        if self._box is None:
            from togetherctl.tui.screens.agent_question import AgentQuestion

            self._box = AgentQuestion(question)
            self._app.push_screen(self._box, partial(self._answered, self._box))

    def cancel(self, login: WaitingQuestion) -> None:
        """End a login that runs."""
        self._send(login, yes=False, seconds=0.0, said=f"The login to profile {login.profile} is cancelled.")

    def tell(self, said: str) -> None:
        """Say what happened at the agent."""
        self._app.notify(said, markup=False, timeout=_SECONDS)

    def _ask_next(self) -> None:
        # A login that runs is in the browser already; the agent's screen cancels it.
        fresh = [one for one in self.questions if one.number not in self._put_off and not one.runs]
        if fresh:
            self.ask(fresh[0])

    def _answered(self, box: AgentQuestion, choice: Choice | None) -> None:
        self._box = None
        question = box.question
        self._put_off.add(question.number)
        if choice is not None:
            self._send(question, yes=choice.yes, seconds=choice.seconds, said=f"Answered: {choice.label}.")
        elif box.is_over:
            self.tell(f"That question is over: profile {question.profile}.")
        else:
            self.tell("It waits on the agent's screen (A) until its time is up.")
        self._app.call_later(self._ask_next)

    def _send(self, question: WaitingQuestion, *, yes: bool, seconds: float, said: str) -> None:
        self._app.run_worker(
            partial(self._send_in_thread, question, yes, seconds, said), thread=True, group="agent", exit_on_error=True
        )

    def _send_in_thread(self, question: WaitingQuestion, yes: bool, seconds: float, said: str) -> None:  # noqa: FBT001 # of `partial`
        from togetherctl.usecases.agent_questions import answer_question

        try:
            answer_question(self._paths(), question.number, yes=yes, seconds=seconds)
        except TogetherctlError as error:
            said = error.sentence()
        self._app.call_from_thread(self.tell, said)
