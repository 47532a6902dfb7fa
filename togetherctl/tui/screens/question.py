"""A question that is answered with y or n."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from togetherctl.printable import printable
from togetherctl.tui.screens.dialog import Box
from togetherctl.tui.screens.dialog import Scroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult


class Question(Box[bool]):
    """Asks `question`, with `lines` of what it means; True for yes. Esc is no, and Enter what has the focus."""

    DEFAULT_CSS = """
    Question {
        #question { text-style: bold; }
        #means { margin: 1 0 0 0; }
        #answers { height: auto; margin: 1 0 0 0; }
        #answers Button { margin: 0 2 0 0; min-width: 11; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
        Binding("escape", "answer(False)", "No", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, question: str, lines: Sequence[str] = ()) -> None:
        super().__init__(title)
        self._question = printable(question, limit=1000)
        self._lines = [printable(line, limit=1000) for line in lines]

    def inside(self) -> ComposeResult:
        yield Static(Content(self._question), id="question", markup=False)
        yield from self.meaning()

    def below(self) -> ComposeResult:
        with Horizontal(id="answers"):
            yield Button(Content("Yes (y)"), id="yes", compact=True)
            yield Button(Content("No (n)"), id="no", compact=True)

    def meaning(self) -> ComposeResult:
        """What yes would mean."""
        if self._lines:
            with Scroll(id="means"):
                yield Static(Content("\n".join(self._lines)), markup=False)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        self.dismiss(pressed.button.id == "yes")

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 # Textual's way to give an action a parameter
        self.dismiss(answer)
