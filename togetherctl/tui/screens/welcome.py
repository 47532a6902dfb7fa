"""The page for a store that is empty, and the one for a store that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from togetherctl.errors import TogetherctlError
    from togetherctl.tui.app import TogetherApp


class Welcome(Screen[None]):
    """Leads into the first profile."""

    app: TogetherApp

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static("There is no profile yet.", markup=False)
        yield Footer(compact=True)


class Broken(Screen[None]):
    """Every problem of the store, and how to mend it. Goes away once it is mended."""

    app: TogetherApp

    def __init__(self, error: TogetherctlError) -> None:
        super().__init__()
        self.error = error

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(self.error.message, markup=False)
            for problem in getattr(self.error, "problems", ()):
                yield Static(problem, markup=False)
            if self.error.hint:
                yield Static(self.error.hint, markup=False)
        yield Footer(compact=True)
