"""What is known of one profile, as headed lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from togetherctl.tui.facts import Section


class Details(VerticalScroll, can_focus=True):
    """Shows the sections it is given; it changes nothing on the screen where nothing changed."""

    DEFAULT_TITLE = "Details"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 # Textual's name
        super().__init__(id=id)
        self._shown: tuple[str, Sequence[Section]] | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)

    def show(self, title: str, sections: Sequence[Section]) -> None:
        """Show `sections` under `title`, both printable already."""
        if (title, sections) == self._shown:
            return
        self._shown = (title, sections)
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1, overflow="fold")
        grid.add_row(Text(title, style="bold"), "")
        for section in sections:
            grid.add_row("", "")
            grid.add_row(Text(section.title, style="bold"), "")
            for fact in section.facts:
                grid.add_row(Text(fact.label, style="dim"), Text(fact.text, style=self._style(fact.tone)))
        self.query_one("#facts", Static).update(grid)

    def _style(self, tone: str) -> str:
        variables = self.app.theme_variables
        names = {"good": "text-success", "old": "text-warning", "bad": "text-error", "busy": "text-accent"}
        del variables
        return {"good": "green", "old": "yellow", "bad": "red", "busy": "cyan"}.get(tone, "") if names else ""
