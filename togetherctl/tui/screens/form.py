"""Forms: fields that are checked as they are typed, and the forms of one field: a name, an import's source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Select, Static

from togetherctl.config import value_checks
from togetherctl.errors import UsageError
from togetherctl.printable import printable
from togetherctl.tui.context import AppContext
from togetherctl.tui.screens.dialog import Box, Scroll
from togetherctl.tui.widgets.field import SET, Field

# How many seconds after a key the whole configuration is checked.
_CHECK_AFTER = 0.15

_Result = TypeVar("_Result")


class FormScreen(Box[_Result]):
    """Fields one below the other, by groups, checked as they are typed. Subclasses give, check and save them."""

    DEFAULT_CSS = """
    FormScreen {
        .group { text-style: bold; color: $text-primary; }
        #meaning { height: auto; min-height: 2; margin: 1 0 0 0; color: $text-muted; }
        #said { display: none; color: $text-error; }
        &.bad #said { display: block; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save"),
        Binding("escape", "close", "Cancel"),
        # Priority: what is typed right after it must go to the next field already.
        Binding("down,tab", "next(1)", show=False, priority=True),
        Binding("up,shift+tab", "next(-1)", show=False, priority=True),
    ]

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.problems: dict[str, str] = {}
        self._saving = False
        self._timer: Timer | None = None
        # What the last try to save said, and what was typed then.
        self._failure = ("", [""])

    def fields(self) -> Iterable[Field]:
        """The fields, in their order."""
        return ()

    def check(self, *, saving: bool) -> Mapping[str, str]:
        """What is wrong, by the key of its field; the empty key is for what is about no field."""
        return {}

    def save(self) -> None:
        """Do what the form is for; the check has found nothing wrong."""

    def inside(self) -> ComposeResult:
        fields = list(self.fields())
        group = ""
        with Scroll(can_focus=False):
            for field in fields:
                if field.group != group:
                    yield Static(Content(field.group), classes="group", markup=False)
                    group = field.group
                yield field

    def below(self) -> ComposeResult:
        yield Static(id="said", markup=False)
        yield Static(id="meaning", markup=False)

    def on_mount(self) -> None:
        fields = self.query(Field)
        for field in fields:
            field.make_room(len(SET) + max(len(one.label) for one in fields) + 2)
        fields.first().editor.focus()
        self.check_now()

    def on_descendant_focus(self) -> None:
        # Ask for the focus: of two moves, the message of the later may come first.
        nodes = self.focused.ancestors if self.focused else ()
        field = next((node for node in nodes if isinstance(node, Field)), None)
        if field is not None:
            self.query_one("#meaning", Static).update(Content(printable(field.about, limit=1000)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In an open list the arrows move in the list, and Escape closes the list."""
        return not (action in ("next", "close") and any(one.expanded for one in self.query(Select)))

    def action_next(self, by: int) -> None:
        if by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def on_select_changed(self) -> None:
        self.check_now()

    def on_input_changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_CHECK_AFTER, self.check_now)

    def on_input_submitted(self) -> None:
        self.focus_next()

    def check_now(self, *, saving: bool = False) -> None:
        """Check, and say beside each field what is wrong with it."""
        if self._timer is not None:
            self._timer.stop()
        said, typed = self._failure
        self.problems = dict(self.check(saving=saving))
        for field in self.query(Field):
            field.show_problem(self.problems.get(field.key, ""))
        self._say(self.problems.get("", "") or (said if typed == self._typed else ""))

    def fail(self, sentence: str) -> None:
        """Say why saving failed, until something else is typed."""
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
        self.check_now(saving=True)
        wrong = next((field for field in self.query(Field) if field.key in self.problems), None)
        if wrong is not None:
            wrong.editor.focus()
        elif not self.problems:
            self.save()


class NewName(FormScreen[str]):
    """Asks for a new name, and gives it; it is none of `taken`. None where it stays."""

    def __init__(self, title: str, old: str, taken: Iterable[str], about: str) -> None:
        super().__init__(title)
        self._old = old
        self._taken = {name.casefold(): name for name in taken if name != old}
        self._about = about

    def fields(self) -> Iterable[Field]:
        yield Field("name", "New name", self._old, about=self._about)

    def check(self, *, saving: bool) -> Mapping[str, str]:
        text = self.field("name").text
        if text == self._old:
            return {}
        try:
            value_checks.name(text)
        except ValueError as error:
            return {"name": str(error)}
        taken = self._taken.get(text.casefold())
        return {"name": f"there is {taken} already"} if taken else {}

    def on_input_submitted(self) -> None:
        self.action_save()

    def save(self) -> None:
        text = self.field("name").text
        self.dismiss(None if text == self._old else text)


class AskSource(FormScreen[str]):
    """Gives a file or folder that is there, an https address, or the word `together`."""

    app: AppContext

    def __init__(self) -> None:
        super().__init__("Import clusters")

    def fields(self) -> Iterable[Field]:
        yield Field(
            "source",
            "Where from",
            placeholder="for example ~/Downloads/oidc.yaml",
            about="A kubeconfig or a bundle: a file, a folder or an https address; "
            "or the word together, to use your API key of Together AI. You see what it changes first.",
        )

    def check(self, *, saving: bool) -> Mapping[str, str]:
        from togetherctl.importing.fetch import STANDARD_INPUT, recognise
        from togetherctl.loopback import is_safe

        text = self.field("source").text
        if text == STANDARD_INPUT:
            return {"source": "standard input cannot be read here"}
        if "://" in text:
            return {} if is_safe(text) else {"source": "an address must begin with https"}
        try:
            if text:
                recognise(text, self.app.world.environ)
        except UsageError as error:
            return {"source": error.message}
        return {}

    def on_input_submitted(self) -> None:
        self.action_save()

    def save(self) -> None:
        if self.field("source").text:
            self.dismiss(self.field("source").text)
