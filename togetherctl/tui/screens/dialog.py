"""Boxes over the table: a box, a yes-or-no question, a difference, a choice, and a text that scrolls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static

from togetherctl.printable import printable
from togetherctl.tui.widgets.key_footer import KeyFooter

_Result = TypeVar("_Result")
_SIGN_STYLES = {"+": "$text-success", "-": "$text-error", "~": "$text-warning", "@": "$text-muted"}


class Scroll(VerticalScroll):
    """Scrolls by arrow keys, and by j, k, g and G."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]


class Box(ModalScreen[_Result]):
    """A titled box in the middle, as large as it needs to be, with its keys at the bottom. Subclasses fill it."""

    DEFAULT_CSS = """
    Box {
        align: center middle;
        & > #box {
            width: 100%;
            max-width: 100;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary;
            border-title-color: $text;
            border-title-style: bold;
            padding: 0 1;
        }
        Scroll {
            height: auto;
            max-height: 1fr;
            background: $surface;
            scrollbar-size-vertical: 1;
        }
        #below { dock: bottom; height: auto; background: $surface; }
        Footer { dock: none; width: 1fr; background: $surface; margin: 1 0 0 0; }
        FooterKey { background: $surface; }
        Input, Input:focus { border: none; height: 1; padding: 0 1; background: $boost; }
        Input:focus { background: $primary 25%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close")]

    def __init__(self, title: str) -> None:
        super().__init__()
        self.titled = printable(title, limit=200)

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self.titled)
            yield from self.inside()
            with Vertical(id="below"):
                yield from self.below()
                yield KeyFooter(show_command_palette=False)

    def inside(self) -> ComposeResult:
        """What the box holds."""
        yield Static(markup=False)

    def below(self) -> ComposeResult:
        """What stays in sight at the bottom, while the rest scrolls."""
        yield from ()

    def action_close(self) -> None:
        self.dismiss(None)


class Question(Box[bool]):
    """Asks `question`, with `lines` of what it means and a unified `diff`; True for yes. Esc means no."""

    DEFAULT_CSS = """
    Question {
        #question { text-style: bold; }
        #means { margin: 1 0 0 0; }
        #answers { height: auto; margin: 1 0 0 0; }
        #answers Button { margin: 0 2 0 0; min-width: 11; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n", "answer(False)", "No"),
        Binding("escape", "answer(False)", "No", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, title: str, question: str, lines: Sequence[str] = (), *, diff: str = "") -> None:
        super().__init__(title)
        self._question = printable(question, limit=1000)
        self._lines = [printable(line, limit=1000) for line in lines]
        self._diff = diff

    def inside(self) -> ComposeResult:
        yield Static(Content(self._question), id="question", markup=False)
        if self._lines:
            with Scroll(id="means"):
                yield Static(Content("\n".join(self._lines)), markup=False)
        if self._diff:
            with Scroll(id="diff"):
                yield Static(_colour(self._diff), markup=False)

    def below(self) -> ComposeResult:
        with Horizontal(id="answers"):
            yield Button(Content("Yes (y)"), id="yes", compact=True, action="screen.answer(True)")
            yield Button(Content("No (n)"), id="no", compact=True, action="screen.answer(False)")

    def on_mount(self) -> None:
        self.query_one("#diff" if self._diff else "#no").focus()

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 # Textual's way to give an action a parameter
        self.dismiss(answer)

    def ask(self, app: App[None], if_yes: Callable[[], object], if_no: Callable[[], object] = lambda: None) -> None:
        """Show the question, and call `if_yes` if the person says yes, else `if_no`."""

        def answered(yes: bool | None) -> None:  # noqa: FBT001 # what Textual passes on
            if yes:
                if_yes()
            else:
                if_no()

        app.push_screen(self, answered)


class UseQuestion(Question):
    """Asks whether to write a cluster; `use` says whether its context is to become the current one as well."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("u", "use", "Yes, and use it")]
    use = False

    def below(self) -> ComposeResult:
        with Horizontal(id="answers"):
            yield Button(Content("Yes (y)"), id="yes", compact=True, action="screen.answer(True)")
            yield Button(Content("Yes, and use it (u)"), id="use", compact=True, action="screen.use")
            yield Button(Content("No (n)"), id="no", compact=True, action="screen.answer(False)")

    def action_use(self) -> None:
        self.use = True
        self.dismiss(True)  # noqa: FBT003 # yes


def _colour(diff: str) -> Content:
    """Each line in the colour of its sign; without colours the signs are enough. A certificate is one line."""
    from togetherctl.usecases.difference import readable_difference

    return Content("\n").join(
        Content.styled(line, _SIGN_STYLES.get(line[:1], "")) for line in readable_difference(diff)
    )


class Choices(OptionList):
    """A list to choose from, by arrow keys, or j and k.

    None of its keys has priority: Enter must not overtake the moves before it, for it would choose another line.
    """

    DEFAULT_CSS = """
    Choices, Choices:focus {
        border: none; background: $surface; height: auto; max-height: 1fr; padding: 0;
    }
    /* Textual's list drops `reverse`. */
    Choices:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]


class ChoiceDialog(Box[str]):
    """Gives one of `options`, which map each to its meaning; None if the person chose none. `does`: what Enter does."""

    DEFAULT_CSS = "ChoiceDialog .does { margin: 1 0 0 0; color: $text-muted; }"

    def __init__(self, title: str, options: Mapping[str, str], does: str) -> None:
        super().__init__(title)
        self._options = options
        self._does = does

    def inside(self) -> ComposeResult:
        width = max(len(option) for option in self._options) + 2
        yield Choices(
            *(
                Content.assemble((f"{printable(option):<{width}}", "bold"), (printable(means), "$text-muted"))
                for option, means in self._options.items()
            )
        )

    def below(self) -> ComposeResult:
        yield Static(Content(f"Enter: {self._does}"), classes="does", markup=False)

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._options)[selected.option_index])


class TomlScreen(Box[None]):
    """Shows `text`, TOML without secrets, in colours."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "close", "Close"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title)
        self._text = "\n".join(printable(line, limit=2000) for line in text.splitlines())

    def inside(self) -> ComposeResult:
        from textual.highlight import highlight

        with Scroll():
            yield Static(highlight(self._text, language="toml"), markup=False)

    def on_mount(self) -> None:
        self.query_one(Scroll).focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._text + "\n")
        self.app.notify("Copied, if your terminal takes it (OSC 52).", markup=False)
