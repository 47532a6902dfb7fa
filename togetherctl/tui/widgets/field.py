"""One field of a form: its label, a line to type or a list to choose from, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Select, Static

from togetherctl.printable import printable

if TYPE_CHECKING:
    from textual.widget import Widget

    from togetherctl.tui.field_definitions import FieldDefinition

# Before the label of a field that has a value, so that it is told from a default without colour.
SET = "• "


class Field(Vertical):
    """Gives `text`, empty where the default counts. `about` explains it while it has the focus.

    `placeholder` is shown while the field is empty. With `choices` one of them is chosen; nothing is typed.
    """

    DEFAULT_CSS = """
    Field {
        height: auto;
        & > Horizontal { height: 1; }
        .label { width: 24; padding: 0 1 0 0; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        &.set .label { color: $text; }
        &.changed .label { color: $text; text-style: bold; }
        .wrong { display: none; padding: 0 0 0 24; color: $text-error; }
        &.bad .wrong { display: block; }
        Input.-textual-compact, Input.-textual-compact:focus { width: 1fr; padding: 0 1; }
        Select { width: 1fr; }
        Select, Select:focus { height: 1; border: none; }
        Select.-textual-compact > SelectCurrent { padding: 0 1; background: $boost; border: none; }
        SelectCurrent Static#label { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        Select:focus > SelectCurrent { border: none; background: $primary 25%; }
        Select:focus:nocolor > SelectCurrent { text-style: reverse; }
        SelectOverlay, SelectOverlay:focus { border: none; background: $panel; }
    }
    """

    def __init__(
        self,
        key: str,
        label: str,
        text: str = "",
        *,
        group: str = "",
        placeholder: str = "",
        about: str = "",
        choices: Sequence[str] = (),
    ) -> None:
        super().__init__(id=f"field-{key}")
        self.key = key
        self.label = label
        self.group = group
        self.before = text
        self.about = about
        self._placeholder = placeholder
        # What the file says is shown even if it is none of them.
        self._choices = [*choices, text] if choices and text and text not in choices else choices

    @classmethod
    def of(cls, definition: FieldDefinition, text: str = "", *, key: str = "", placeholder: str = "") -> Field:
        """The field that is defined so; in a form of several kinds it has another `key`."""
        return cls(
            key or definition.key,
            definition.label,
            text,
            group=definition.group,
            placeholder=placeholder or definition.placeholder,
            about=f"{definition.key}: {definition.help}",
            choices=definition.choices,
        )

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(classes="label", markup=False)
            if self._choices:
                yield Select(
                    [(choice, choice) for choice in self._choices],
                    prompt=self._placeholder,
                    value=self.before or Select.NULL,
                    compact=True,
                )
            else:
                yield Input(self.before, placeholder=self._placeholder, compact=True, select_on_focus=False)
        yield Static(classes="wrong", markup=False)

    def make_room(self, width: int) -> None:
        """Give the label `width` cells, so that the values of a form are one below the other."""
        self.query_one(".label", Static).styles.width = width
        self.query_one(".wrong", Static).styles.padding = (0, 0, 0, width)

    @property
    def editor(self) -> Widget:
        """What takes the keys."""
        return self.query_one(Select if self._choices else Input)

    @property
    def text(self) -> str:
        if self._choices:
            return self.query_one(Select).selection or ""
        return self.query_one(Input).value.strip()

    @property
    def changed(self) -> bool:
        return self.text != self.before.strip()

    def show_problem(self, reason: str) -> None:
        """Say what is wrong, or nothing; and whether the field has a value."""
        self.query_one(".wrong", Static).update(Content(printable(reason, limit=500)))
        self.query_one(".label", Static).update(Content(f"{SET if self.text else '  '}{self.label}"))
        self.set_class(bool(reason), "bad")
        self.set_class(bool(self.text), "set")
        self.set_class(self.changed, "changed")
