"""The details of one profile as headed lines: beside the table, and on a screen of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.profile_facts import Section
from togetherctl.tui.screens.dialog import Scroll
from togetherctl.tui.table_columns import TONES
from togetherctl.tui.widgets.key_footer import KeyFooter
from togetherctl.usecases.session_snapshot import Tone

# Longer labels are folded.
_LABEL = 20


class Details(Scroll, can_focus=True):
    """Shows sections of facts, and draws again only what changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TONES, "details--title", "details--heading"}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 # Textual's name
        super().__init__(id=id)
        self._shown: tuple[str, Sequence[Section]] = ("", [])

    def compose(self) -> ComposeResult:
        yield Static(id="facts", markup=False)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._draw())

    def show(self, title: str, sections: Sequence[Section]) -> None:
        """Show `sections` under `title`, all of it printable already."""
        if (title, sections) == self._shown:
            return
        if title != self._shown[0]:
            self.scroll_home(animate=False)
        self._shown = (title, sections)
        self._draw()

    def _draw(self) -> None:
        title, sections = self._shown
        labels = max((len(fact.label) for section in sections for fact in section.facts), default=0)
        facts = Table.grid(expand=True)
        facts.add_column(ratio=1)
        facts.add_row(Text(title, style=self._part("details--title")))
        for section in sections:
            grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
            grid.add_column(width=min(labels, _LABEL), overflow="fold")
            grid.add_column(ratio=1, overflow="fold")
            for fact in section.facts:
                grid.add_row(Text(fact.label, style=self._tone("dim")), Text(fact.text, style=self._tone(fact.tone)))
            facts.add_row("")
            facts.add_row(Text(section.title, style=self._part("details--heading")))
            facts.add_row(grid)
        self.query_one("#facts", Static).update(facts)

    def _tone(self, tone: Tone) -> Style:
        return self._part(f"tone--{tone}")

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(name)


class DetailsScreen(Screen[None]):
    """Shows one profile on a narrow terminal as it changes, and closes when the profile is removed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Back", key_display="esc"),
        Binding("c", "copy_claims", "Copy claims", tooltip="Copy the decoded claims; never a token"),
    ]

    app: AppContext

    def __init__(self, profile: str) -> None:
        super().__init__()
        self._profile = profile

    def compose(self) -> ComposeResult:
        yield Details(id="details")
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(1.0, self.show)
        self.show()

    def show(self) -> None:
        """Show what the app knows now."""
        row = self.app.rows.get(self._profile)
        if row is None:
            self.dismiss()
            return
        self.query_one(Details).show(printable(row.name), self.app.facts(row))

    def action_copy_claims(self) -> None:
        self.app.copy_claims(self.app.rows.get(self._profile))
