"""A form: fields one below the other, checked as they are typed, and a line that says what the present one means."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from togetherctl.printable import printable
from togetherctl.tui.screens.dialog import Box
from togetherctl.tui.screens.form import Field
from togetherctl.tui.screens.dialog import Scroll

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.app import ComposeResult
    from textual.timer import Timer

# Typing is not held up by a check of the whole store.
_PAUSE = 0.15

_Result = TypeVar("_Result")


class Form(Box[_Result]):
    """Subclasses give the `fields`, say what is wrong with them, and what is done with them."""

    DEFAULT_CSS = """
    Form {
        #meaning { height: 2; margin: 1 0 0 0; color: $text-muted; }
        #said { display: none; color: $text-error; }
        &.bad #said { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save"),
        Binding("escape", "close", "Cancel"),
        # Before any widget sees it: what is typed right behind it goes to the next field already.
        Binding("down,tab", "app.focus_next", show=False, priority=True),
        Binding("up,shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.problems: dict[str, str] = {}
        self._saving = False
        self._timer: Timer | None = None
        # What became of the last try to save, and what was typed then.
        self._failure = ("", [""])

    def fields(self) -> Iterable[Field]:
        """The fields, in their order."""
        return ()

    def check(self) -> Mapping[str, str]:
        """What is wrong, by the key of its field; under an empty key what is about no field."""
        return {}

    def save(self) -> None:
        """Do what the form is for; it is known to be right."""

    def inside(self) -> ComposeResult:
        with Scroll(can_focus=False):
            yield from self.fields()

    def below(self) -> ComposeResult:
        yield Static(id="said", markup=False)
        yield Static(id="meaning", markup=False)

    def on_mount(self) -> None:
        self.query(Input).first().focus()
        self.check_now()

    def on_descendant_focus(self) -> None:
        # What has the focus by now: of two moves, the later may be told of first.
        nodes = self.focused.ancestors if self.focused else ()
        field = next((node for node in nodes if isinstance(node, Field)), None)
        if field is not None:
            self.query_one("#meaning", Static).update(Content(printable(field.about, limit=400)))

    def on_input_changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self.check_now)

    def on_input_submitted(self) -> None:
        self.app.action_focus_next()

    def check_now(self) -> None:
        """Check, and say beside each field what is wrong with it."""
        if self._timer is not None:
            self._timer.stop()
        self.show_problems(self.check())

    def show_problems(self, problems: Mapping[str, str]) -> None:
        said, typed = self._failure
        self.problems = dict(problems)
        for field in self.query(Field):
            field.show_problem(self.problems.get(field.key, ""))
        self._say(self.problems.get("", "") or (said if typed == self._typed else ""))

    def fail(self, sentence: str) -> None:
        """Something went wrong when it was saved; it is said until something else is typed."""
        self._failure = (sentence, self._typed)
        self._say(sentence)

    @property
    def _typed(self) -> list[str]:
        return [field.text for field in self.query(Field)]

    def _say(self, sentence: str) -> None:
        text = "\n".join(printable(line, limit=1000) for line in sentence.splitlines())
        self.query_one("#said", Static).update(Content(text))
        self.set_class(bool(sentence), "bad")

    def field(self, key: str) -> Field:
        return self.query_one(f"#field-{key}", Field)

    def action_save(self) -> None:
        self.check_now()
        wrong = next((field for field in self.query(Field) if field.key in self.problems), None)
        if wrong is not None:
            wrong.input.focus()
        elif not self.problems:
            self.save()
