"""The pages instead of the table: a welcome without profiles, and the problems of the configuration."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable

_WELCOME = """\
There is no profile here yet.

A profile says who you are to an issuer: its address, and the client ID your cluster's admin gave you. \
The admin may also have a file for you that holds both.

On the command line, `togetherctl init` imports your clusters and logs you in."""


class Welcome(VerticalScroll):
    """Leads into the first profile."""

    def compose(self) -> ComposeResult:
        yield Static(Text("Welcome to togetherctl"), classes="title")
        yield Static(Text(_WELCOME))
        with Horizontal(classes="ways"):
            yield Button("Add a profile", action="app.perform('add')", compact=True)
            yield Button("Take one from a file", action="app.perform('import')", compact=True)
        yield Static(id="place", markup=False)

    def show(self, place: str) -> None:
        """Say where the configuration will be."""
        self.query_one("#place", Static).update(
            Text(f"The configuration will be {printable(place, limit=1000)}", style="dim")
        )


class Broken(VerticalScroll, can_focus=True):
    """Every problem of the configuration, and how to correct it. The page goes when the file is correct."""

    DEFAULT_CLASSES: ClassVar[str] = "page"

    def compose(self) -> ComposeResult:
        yield Static(Text("The configuration cannot be used"), classes="title")
        yield Static(id="problems", markup=False)

    def show(self, error: TogetherctlError) -> None:
        text = Text(f"{error.message}\n")
        for problem in getattr(error, "problems", ()):
            text.append(f"\n  {problem}")
        if error.remedy:
            text.append(f"\n\n  {error.remedy}", style="bold")
        text.append("\n\nMend it in an editor; this page goes away as soon as it can be used. Nothing was changed.")
        self.query_one("#problems", Static).update(text)
