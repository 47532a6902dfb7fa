"""One of several, chosen from a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from togetherctl.printable import printable
from togetherctl.tui.screens.dialog import Box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult


class Choice(Box[str]):
    """Gives one of `options`, which say what each means; None where nothing was chosen. `does` is what Enter does."""

    DEFAULT_CSS = """
    Choice OptionList, Choice OptionList:focus {
        border: none; background: $surface; height: auto; max-height: 1fr; padding: 0;
    }
    Choice OptionList:nocolor > .option-list--option-highlighted { text-style: reverse; }
    Choice .does { margin: 1 0 0 0; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, title: str, options: Mapping[str, str], does: str) -> None:
        super().__init__(title)
        self._options = options
        self._does = does

    def inside(self) -> ComposeResult:
        width = max(len(option) for option in self._options) + 2
        yield OptionList(
            *(
                Option(
                    Content.assemble((f"{printable(option):<{width}}", "bold"), (printable(means), "$text-muted")),
                    id=f"option-{number}",
                )
                for number, (option, means) in enumerate(self._options.items())
            )
        )

    def below(self) -> ComposeResult:
        yield Static(Content(f"Enter: {self._does}"), classes="does", markup=False)

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._options)[selected.option_index])

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()
