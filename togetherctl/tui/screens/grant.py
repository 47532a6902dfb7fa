"""How to log in, chosen from a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from togetherctl.store.choices import Grant
from togetherctl.tui.screens.box import Box

if TYPE_CHECKING:
    from textual.app import ComposeResult

_MEANS: dict[Grant, str] = {
    "auto": "what fits this place",
    "authcode": "in a browser on this machine",
    "paste": "in a browser anywhere; its last address is pasted here",
    "device-code": "in a browser on any device; a code is entered there",
    "password": "user name and password, typed here",
    "client-credentials": "the client itself, with its secret",
}


class ChooseGrant(Box[Grant]):
    """Gives the grant, None where nothing was chosen."""

    DEFAULT_CSS = """
    ChooseGrant OptionList { border: none; background: $surface; height: auto; max-height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "app.noop", "Log in anew", show=True),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(f"Log in by …: {name}")

    def inside(self) -> ComposeResult:
        yield OptionList(
            *(
                Option(Content.assemble((f"{grant:<20}", "bold"), (means, "$text-muted")), id=grant)
                for grant, means in _MEANS.items()
            )
        )

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        self.dismiss(next(grant for grant in _MEANS if grant == selected.option_id))

    def action_move(self, by: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if by > 0 else options.action_cursor_up()
