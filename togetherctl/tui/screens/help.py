"""The help screen: every key, and what the states mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from togetherctl.tui.actions import ACTIONS
from togetherctl.tui.screens.dialog import Scroll
from togetherctl.usecases.session_snapshot import STATES

_MOVING = (
    ("j k  ↓ ↑", "down and up"),
    ("g G", "first and last"),
    ("n N", "next and previous profile"),
    ("← →  z", "fold a profile's clusters, show them; fold all"),
    ("space *", "mark a profile; mark all"),
    ("/", "show only profiles with these words; Escape ends it"),
    ("s", "sort by another column, or click its title"),
    ("enter", "details, if they are not beside the table"),
    ("c", "copy the decoded claims as JSON; never a token"),
)
_REST = (
    ("ctrl+p", "everything by name, themes too"),
    ("T", "light or dark"),
    ("?", "this page"),
    ("q ctrl+q", "quit"),
)
_MARKS = (
    ("◆", "marked: actions are for all marked profiles that are shown"),
    ("*", "kubectl's current context; u uses another cluster"),
    ("!", "the kubeconfig differs from the configuration; w writes it"),
    ("▸", "its clusters are folded away, with their * or !"),
)
_STATES = tuple((words.label, words.meaning) for words in STATES.values() if words.meaning)


class Help(ModalScreen[None]):
    """Shows every key; Escape, Enter, q and ? close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "dismiss", "Back"),
    ]

    def compose(self) -> ComposeResult:
        with Scroll(classes="box") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Escape goes back"
            actions = [(action.key, f"{action.title}: {action.help}") for action in ACTIONS]
            for title, rows in (
                ("Actions", actions),
                ("The table", _MOVING),
                ("The rest", _REST),
                ("Marks", _MARKS),
                ("States", _STATES),
            ):
                yield Static(Text(title), classes="heading")
                yield Static(_table(rows))


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=10, no_wrap=True)
    grid.add_column(ratio=1)
    for key, meaning in rows:
        grid.add_row(Text(key, style="bold"), Text(meaning))
    return grid
