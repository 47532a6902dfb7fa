"""What a newcomer meets instead of an empty table, and what stands there while the store is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from togetherctl.printable import printable
from togetherctl.tui.acts import ACTS

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from togetherctl.errors import TogetherctlError

_WELCOME = """\
There is no profile here yet.

A profile says who you are to an issuer: its address, and the client ID your cluster's admin gave you. \
Whoever set the cluster up may also have a file for you that says both.

Outside of this, `togetherctl init` takes your clusters and logs you in, in one conversation."""
# What a newcomer can do, by its ID among the acts, and what its button says.
_WAYS = (("add", "Add a profile"), ("import", "Take one from a file"))


class Welcome(VerticalScroll):
    """Leads into the first profile."""

    def compose(self) -> ComposeResult:
        yield Static(Text("Welcome to togetherctl"), classes="title")
        yield Static(Text(_WELCOME))
        with Horizontal(classes="ways"):
            for act in ACTS:
                for id_, label in _WAYS:
                    if act.id == id_:
                        yield Button(label, action=f"app.act('{act.id}')", compact=True)
        yield Static(id="place", markup=False)

    def show(self, place: str) -> None:
        """Say where the store will be."""
        self.query_one("#place", Static).update(Text(f"The store will be {printable(place, limit=1000)}", style="dim"))


class Broken(VerticalScroll, can_focus=True):
    """Every problem of the store, and how to mend it. What is mended is seen at once."""

    DEFAULT_CLASSES: ClassVar[str] = "page"

    def compose(self) -> ComposeResult:
        yield Static(Text("The store cannot be used"), classes="title")
        yield Static(id="problems", markup=False)

    def show(self, error: TogetherctlError) -> None:
        text = Text(f"{error.message}\n")
        for problem in getattr(error, "problems", ()):
            text.append(f"\n  {problem}")
        if error.remedy:
            text.append(f"\n\n  {error.remedy}", style="bold")
        text.append("\n\nMend it in an editor; this page goes away as soon as it can be used. Nothing was changed.")
        self.query_one("#problems", Static).update(text)
