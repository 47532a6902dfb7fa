"""What screens over the table have in common: a titled box with its keys at the bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from togetherctl.printable import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult

_Result = TypeVar("_Result")


class Box(ModalScreen[_Result]):
    """A box in the middle, as large as it needs to be. Subclasses say what is in it; Esc is theirs to explain."""

    DEFAULT_CSS = """
    Box {
        align: center middle;
        & > #box {
            width: 100%;
            max-width: 100;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary;
            border-title-color: $text;
            border-title-style: bold;
            padding: 0 1;
        }
        Scroll {
            height: auto;
            max-height: 1fr;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
        #below { dock: bottom; height: auto; background: $surface; }
        Footer { dock: none; width: 1fr; background: $surface; margin: 1 0 0 0; }
        FooterKey { background: $surface; }
        Input, Input:focus { border: none; height: 1; padding: 0 1; background: $boost; }
        Input:focus { background: $primary 25%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self.titled = printable(title, limit=200)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self.titled)
            yield from self.inside()
            with Vertical(id="below"):
                yield from self.below()
                yield Footer(show_command_palette=False, compact=True)

    def inside(self) -> ComposeResult:
        """What stands in the box."""
        yield Static(markup=False)

    def below(self) -> ComposeResult:
        """What stays in sight below it, however much is scrolled above."""
        yield from ()

    def action_close(self) -> None:
        self.dismiss(None)
