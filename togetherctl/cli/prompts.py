"""Ask a person at the terminal: select, check, confirm, type a line, a path or a password.

Questions go to stderr. questionary draws those of commands. `typed_lines` reads what is hidden, and what a login asks
within a deadline: questionary knows no deadline, draws a star for each hidden character, and sends requests of its own
to the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from togetherctl.cli.console import tell
from togetherctl.cli.typed_lines import read_line
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.printable import printable, spell

if TYPE_CHECKING:
    from questionary import Question

Value = TypeVar("Value")
_HOW_TO_CLOSE = "(In this view, q closes it and space goes on; the question comes after it.)"
_MOST_TEXT = 1000
# A difference that leaves the question and what comes before it in sight.
_SHORT = 14
_LOSING = "(y/N, d: show the difference)"
_PASSWORD_SECONDS = 600.0


@dataclass(frozen=True)
class PromptChoice(Generic[Value]):
    """One answer that may be chosen: what it says, and what choosing it means."""

    text: str
    value: Value


class Prompts:
    """Asks one question after the other. Ctrl-C, and a terminal that ends, raise KeyboardInterrupt."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def one(self, question: str, answers: Sequence[PromptChoice[Value]], *, default: Value | None = None) -> Value:
        """The answer that is chosen."""
        import questionary

        choices = self._choices(answers)
        wanted = [at for at, answer in enumerate(answers) if default is not None and answer.value == default]
        chosen: int = self._ask(
            questionary.select(
                _make_printable(question),
                choices,
                default=choices[wanted[0] if wanted else 0],
                instruction="(arrow keys, Enter)",
                use_jk_keys=False,
                **self._manner(),
            )
        )
        return answers[chosen].value

    def several(self, question: str, answers: Sequence[PromptChoice[Value]]) -> list[Value]:
        """The answers that are chosen, at least one; all of them are at first."""
        import questionary

        chosen = self._ask(
            questionary.checkbox(
                _make_printable(question),
                self._choices(answers, checked=True),
                validate=lambda picked: bool(picked) or "Choose at least one: space does.",
                instruction="(space: one, a: all or none, Enter: go on)",
                use_jk_keys=False,
                **self._manner(),
            )
        )
        return [answers[at].value for at in chosen]

    def text(self, question: str, *, check: Callable[[str], object] | None = None, default: str = "") -> str:
        """What is typed, without spaces around it, once `check` raises neither ValueError nor an error of ours."""
        return self._ask_text(question, check, default)

    def path(self, question: str, *, check: Callable[[str], object] | None = None, default: str = "") -> str:
        """A path, completed with Tab."""
        from prompt_toolkit.completion import PathCompleter

        completer = PathCompleter(expanduser=True)
        return self._ask_text(
            question, check, default, completer=completer, complete_while_typing=False, validate_while_typing=False
        )

    def password(self, question: str) -> str:
        """What is typed and not shown. Raises UsageError where nothing is typed for ten minutes."""
        try:
            with _end_as_interrupt():
                return read_line(f"{_make_printable(question)} ", seconds=_PASSWORD_SECONDS, hidden=True)
        except TimeoutError:
            raise UsageError("there was no answer for ten minutes; nothing was changed") from None

    def yes(self, question: str, *, default: bool = True) -> bool:
        """Whether the person agrees. It waits for Enter: a key alone agrees to nothing, and no Enter is left over."""
        import questionary

        asked = questionary.confirm(_make_printable(question), default=default, auto_enter=False, **self._manner())
        return bool(self._ask(asked))

    def agrees(self, question: str, diff: str = "", *, default: bool = True) -> bool:
        """Whether the person agrees to a difference: a short one is shown first, and `d` shows a long one."""
        from togetherctl.usecases.difference import readable_difference

        lines = list(readable_difference(diff))
        if len(lines) <= _SHORT:
            for line in lines:
                tell(line)
            return self.yes(question, default=default)
        while True:
            answer = self._ask_letter(question, "(Y/n, d: show the difference)" if default else _LOSING, "ynd")
            if answer != "d":
                return default if not answer else answer == "y"
            show_in_pager(lines)

    def _ask_letter(self, question: str, instruction: str, letters: str) -> str:
        """The first letter of what is typed, empty for Enter alone."""
        import questionary

        def check(text: str) -> bool | str:
            return text.strip()[:1].lower() in ("", *letters) or f"Type one of {', '.join(letters)}, then Enter."

        asked = questionary.text(
            _make_printable(f"{question} {instruction}"),
            validate=check,
            validate_while_typing=False,
            **self._manner(),
        )
        return str(self._ask(asked)).strip()[:1].lower()

    def _ask_text(self, question: str, check: Callable[[str], object] | None, default: str, **more: Any) -> str:
        import questionary

        asked = questionary.text(
            _make_printable(question), default=default, validate=_make_validator(check), **more, **self._manner()
        )
        return str(self._ask(asked)).strip()

    def _choices(self, answers: Sequence[PromptChoice[Any]], *, checked: bool = False) -> list[Any]:
        from questionary import Choice

        return [Choice(_make_printable(answer.text), value=at, checked=checked) for at, answer in enumerate(answers)]

    def _ask(self, question: Question) -> Any:
        with _end_as_interrupt():
            return question.unsafe_ask()

    def _manner(self) -> dict[str, Any]:
        """On stderr, and in colour where that is wanted."""
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.output.defaults import create_output
        from questionary import Style

        return {
            "style": Style([("qmark", "bold"), ("answer", "bold"), ("pointer", "bold"), ("highlighted", "bold")]),
            "output": create_output(stdout=sys.stderr),
            "color_depth": ColorDepth.DEPTH_1_BIT if self._environ.get("NO_COLOR") else ColorDepth.DEPTH_4_BIT,
        }


@contextmanager
def _end_as_interrupt() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise KeyboardInterrupt from None


def _make_validator(check: Callable[[str], object] | None) -> Callable[[str], bool | str]:
    def validate(text: str) -> bool | str:
        try:
            if check is not None:
                check(text.strip())
        except TogetherctlError as error:
            return _make_printable(error.message)
        except ValueError as error:
            return printable(str(error), limit=_MOST_TEXT)
        return True

    return validate


def _make_printable(text: str) -> str:
    """On one line, in signs that the terminal has: the library would put question marks there."""
    return spell(sys.stderr, printable(text, limit=_MOST_TEXT))


def show_in_pager(lines: Sequence[str]) -> None:
    """Show lines in the person's pager, on stderr where stdout is no terminal.

    The first line says how a pager is closed: less shows nothing but a colon.
    """
    if not sys.stdout.isatty():
        for line in lines:
            tell(line)
        return
    import click

    click.echo_via_pager(f"{line}\n" for line in (_HOW_TO_CLOSE, "", *lines))
