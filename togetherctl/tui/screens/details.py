"""The details of one profile on a screen of their own, for narrow terminals."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.widgets.details import Details


class DetailsScreen(Screen[None]):
    """Shows one profile as it changes, and closes when the profile is removed."""

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
        yield Footer(compact=True)

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
