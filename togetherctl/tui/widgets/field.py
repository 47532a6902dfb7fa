"""One line of a form: what it is called, what is typed, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult


class Field(Vertical):
    """`about` says what it means, where it has the focus; `usual` stands there while nothing is typed."""

    DEFAULT_CSS = """
    Field {
        height: auto;
        & > Horizontal { height: 1; }
        .label { width: 24; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        &.changed .label { color: $text; text-style: bold; }
        .wrong { display: none; padding: 0 0 0 24; color: $text-error; }
        &.bad .wrong { display: block; }
        Input { width: 1fr; }
    }
    """

    def __init__(
        self, key: str, label: str, text: str = "", *, usual: str = "", about: str = "", words: Sequence[str] = ()
    ) -> None:
        super().__init__(id=f"field-{key}")
        self.key = key
        self.label = label
        self.before = text
        self.about = about
        self._usual = usual
        self._words = words

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(Content(self.label), classes="label", markup=False)
            yield Input(
                self.before,
                placeholder=self._usual,
                compact=True,
                select_on_focus=False,
                suggester=SuggestFromList(list(self._words)) if self._words else None,
            )
        yield Static(classes="wrong", markup=False)

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def text(self) -> str:
        return self.input.value.strip()

    @property
    def changed(self) -> bool:
        return self.text != self.before.strip()

    def show_problem(self, reason: str) -> None:
        """Say what is wrong; nothing where all is well."""
        self.query_one(".wrong", Static).update(Content(printable(reason, limit=500)))
        self.set_class(bool(reason), "bad")
        self.set_class(self.changed, "changed")
