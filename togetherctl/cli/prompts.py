"""Questions to somebody at a terminal, answered with arrow keys. They stand on stderr, as all that is said does."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable, spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from questionary import Question

Value = TypeVar("Value")
_MOST_TEXT = 1000


@dataclass(frozen=True)
class Answer(Generic[Value]):
    """One answer that may be chosen: what it says, and what choosing it means."""

    text: str
    value: Value


class Asking:
    """Asks one question after the other. Ctrl-C, and a terminal that ends, raise KeyboardInterrupt."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def one(self, question: str, answers: Sequence[Answer[Value]], *, default: Value | None = None) -> Value:
        """The answer that is chosen."""
        import questionary

        choices = self._choices(answers)
        wanted = [at for at, answer in enumerate(answers) if default is not None and answer.value == default]
        chosen: int = self._ask(
            questionary.select(
                _shown(question),
                choices,
                default=choices[wanted[0] if wanted else 0],
                instruction="(arrow keys, Enter)",
                use_jk_keys=False,
                **self._manner(),
            )
        )
        return answers[chosen].value

    def several(self, question: str, answers: Sequence[Answer[Value]]) -> list[Value]:
        """The answers that are chosen, at least one; all of them are at first."""
        import questionary

        chosen = self._ask(
            questionary.checkbox(
                _shown(question),
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
        import questionary

        typed = self._ask(
            questionary.text(_shown(question), default=default, validate=_validating(check), **self._manner())
        )
        return str(typed).strip()

    def path(self, question: str, *, check: Callable[[str], object] | None = None, default: str = "") -> str:
        """A path, completed with Tab."""
        import questionary
        from prompt_toolkit.completion import PathCompleter

        typed = self._ask(
            questionary.text(
                _shown(question),
                default=default,
                validate=_validating(check),
                completer=PathCompleter(expanduser=True),
                complete_while_typing=False,
                validate_while_typing=False,
                **self._manner(),
            )
        )
        return str(typed).strip()

    def yes(self, question: str, *, default: bool = True) -> bool:
        """Whether it is agreed to."""
        import questionary

        return bool(self._ask(questionary.confirm(_shown(question), default=default, **self._manner())))

    def _choices(self, answers: Sequence[Answer[Any]], *, checked: bool = False) -> list[Any]:
        from questionary import Choice

        return [Choice(_shown(answer.text), value=at, checked=checked) for at, answer in enumerate(answers)]

    def _ask(self, question: Question) -> Any:
        with _ended_by_interrupt():
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
def _ended_by_interrupt() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise KeyboardInterrupt from None


def _validating(check: Callable[[str], object] | None) -> Callable[[str], bool | str]:
    def validate(text: str) -> bool | str:
        try:
            if check is not None:
                check(text.strip())
        except TogetherctlError as error:
            return _shown(error.message)
        except ValueError as error:
            return printable(str(error), limit=_MOST_TEXT)
        return True

    return validate


def _shown(text: str) -> str:
    """On one line, in signs that the terminal has: the library would put question marks there."""
    return spelled(sys.stderr, printable(text, limit=_MOST_TEXT))
