"""Part of the store as it is written, in colours, without its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.highlight import highlight
from textual.widgets import Static

from togetherctl.printable import printable
from togetherctl.tui.screens.dialog import Box
from togetherctl.tui.screens.dialog import Scroll

if TYPE_CHECKING:
    from textual.app import ComposeResult


class TomlScreen(Box[None]):
    """`text` is TOML that holds no secret."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Close"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._text = "\n".join(printable(line, limit=2000) for line in text.splitlines())

    def inside(self) -> ComposeResult:
        with Scroll():
            yield Static(highlight(self._text, language="toml"), markup=False)

    def on_mount(self) -> None:
        self.query_one(Scroll).focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text + "\n")
        self.app.notify("Copied, if your terminal takes it (OSC 52).", markup=False)
