"""Every key, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from togetherctl.tui.actions import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType

_MOVING = (
    ("j k  ↓ ↑", "down and up"),
    ("g G", "first and last"),
    ("n N", "next and previous profile"),
    ("← →  z", "fold a profile's clusters, show them; fold all"),
    ("space *", "mark a profile; mark all"),
    ("/", "show only what has these words; Escape shows all"),
    ("s", "sort by something else, or click a title"),
    ("enter", "details, where they are not beside the table"),
    ("c", "copy the decoded claims as JSON; never a token"),
)
_REST = (
    ("ctrl+p", "everything by name, themes too"),
    ("T", "light or dark"),
    ("?", "this page"),
    ("ctrl+q", "quit"),
)
_SHAPES = (
    ("● valid", "the token is good"),
    ("◐ stale", "good, in its last fifth; the next use has it renewed"),
    ("○ expired", "the next use renews it, without a login"),
    ("× log in", "expired, and nothing renews it"),
    ("· none", "nobody is logged in"),
    ("◌ login…", "a login is under way, here or elsewhere"),
)


class Help(ModalScreen[None]):
    """Goes away with any of the keys that end it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark", "dismiss", "Back"),
        Binding("j", "scroll(1)", "Down", show=False),
        Binding("k", "scroll(-1)", "Up", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Escape goes back"
            acts = [(act.key, f"{act.title}: {act.help}") for act in ACTIONS if act.key]
            for title, rows in (("What to do", acts), ("The table", _MOVING), ("The rest", _REST), ("States", _SHAPES)):
                if rows:
                    yield Static(Text(title), classes="heading")
                    yield Static(_table(rows))

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
    grid.add_column(width=10, no_wrap=True)
    grid.add_column(ratio=1)
    for key, meaning in rows:
        grid.add_row(Text(key, style="bold"), Text(meaning))
    return grid
