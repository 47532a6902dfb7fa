"""The footer: the keys of a screen, as many as fit whole, and never one that is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

if TYPE_CHECKING:
    from textual import events

# Cells beside a key: the blank before its word and the one behind it; the palette has a line before it.
_AROUND, _PALETTE = 2, 3


class KeyFooter(Footer):
    """Shows keys in the order of their bindings. One that does not fit is left out, the command palette first."""

    def __init__(self, *, show_command_palette: bool = True) -> None:
        super().__init__(show_command_palette=show_command_palette, compact=True)
        self._width = 0

    def compose(self) -> ComposeResult:
        self._width = room = self.container_size.width or self.app.size.width
        for key in super().compose():
            width = _width(key)
            if width <= room:
                room -= width
                yield key

    def on_resize(self, event: events.Resize) -> None:
        # How wide a footer is, it knows only once it was laid out.
        if event.size.width != self._width:
            self.call_after_refresh(self.recompose)


def _width(key: Widget) -> int:
    """How many cells a key takes at least, the blank that parts it from the next included."""
    if not isinstance(key, FooterKey):
        return 0
    return cell_len(f"{key.key_display}{key.description}") + (
        _PALETTE if "-command-palette" in key.classes else _AROUND
    )
