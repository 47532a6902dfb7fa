"""The box in which the agent asks: it comes up by itself, so that nothing typed for another screen answers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static

from togetherctl.agent.choices import Choice
from togetherctl.agent.questions import host_in_words
from togetherctl.humanize import time_left
from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.screens.dialog import Box, Choices

if TYPE_CHECKING:
    from togetherctl.usecases.agent_questions import WaitingQuestion

# Seconds in which a person sees what came up, and in which no key is an answer.
_SEEN_AFTER = 0.7


class _Answers(Choices):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Answer")]


class AgentQuestion(Box[Choice]):
    """Gives the answer to `question`; None where the person decides later, or it ended meanwhile (`is_over`)."""

    DEFAULT_CSS = """
    AgentQuestion {
        & > #box { border: round $warning; }
        #asked { text-style: bold; }
        #facts { margin: 1 0; }
        #ends { margin: 1 0 0 0; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "later", "Decide later"),
    ]

    app: AppContext

    def __init__(self, question: WaitingQuestion) -> None:
        super().__init__("The agent asks")
        self.question = question
        self.is_over = False
        # What Enter alone does agrees to nothing.
        self._offered = sorted(question.choices, key=lambda one: one.yes)
        self._shown_at = 0.0

    def inside(self) -> ComposeResult:
        question = self.question
        yield Static(Content(question.sentence), id="asked", markup=False)
        facts = {
            "Profile": printable(question.profile, limit=80),
            "Who asks": host_in_words(question.host),
            "For": "a login, in your browser" if question.kind == "login" else "a credential, as kubectl gets it",
        }
        lines = [*(f"{name:<9} {value}" for name, value in facts.items()), question.meaning]
        yield Static(Content("\n".join(filter(None, lines))), id="facts", markup=False)
        yield _Answers(*(Content(f"{one.label[:1].upper()}{one.label[1:]}") for one in self._offered))

    def below(self) -> ComposeResult:
        yield Static(id="ends", markup=False)

    def on_mount(self) -> None:
        self._shown_at = self.app.typeahead.clock()
        # What goes on from keys that were typed until now is for the screen below.
        self.app.typeahead.interrupt(self._shown_at - _SEEN_AFTER)
        self.query_one(OptionList).focus()
        self.set_interval(0.5, self._tick)
        self._tick()

    def end(self) -> None:
        """It was answered elsewhere, or its time is up."""
        self.is_over = True
        self._tick()

    def _tick(self) -> None:
        left = self.question.ends_at - self.app.now()
        if (self.is_over or left <= 0) and self.is_current:
            self.is_over = True
            self.dismiss(None)
            return
        self.query_one("#ends", Static).update(f"Without an answer it is a no in {time_left(left)}.")

    @property
    def _is_seen(self) -> bool:
        return self.app.typeahead.clock() - self._shown_at >= _SEEN_AFTER

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        if self._is_seen and not self.is_over:
            self.dismiss(self._offered[selected.option_index])

    def action_later(self) -> None:
        if self._is_seen:
            self.dismiss(None)
