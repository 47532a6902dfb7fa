"""Record the help of every command in a form that can be shown at any width without click."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import TextWrapper

import click

from togetherctl.cli.quick_help import SOFT

_WORDS = TextWrapper()


class Recorder(click.HelpFormatter):
    """Takes what a command would write: a line for each thing, with all that its layout depends on but the width."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        self._add(f"usage {prog}\t{_with_breaks(args)}")

    def write_heading(self, heading: str) -> None:
        self._add(f"plain {'':>{self.current_indent}}{heading}:")

    def write_paragraph(self) -> None:
        if self.buffer:
            self._add("plain ")

    def write_text(self, text: str) -> None:
        first = True
        for paragraph in text.split("\n\n"):
            if not first:
                self._add("plain ")
            first = False
            lines = paragraph.split("\n")
            if lines[0].strip() == "\b":
                for line in lines[1:]:
                    self._add(f"plain {'':>{self.current_indent}}{line}")
            else:
                indent = len(lines[0]) - len(lines[0].lstrip())
                words = " ".join([lines[0].lstrip(), *lines[1:]])
                self._add(f"text {self.current_indent + indent} {_with_breaks(words)}")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        rows = list(rows)
        column = min(max(len(first) for first, _ in rows), col_max) + col_spacing
        for first, second in rows:
            self._add(f"item {self.current_indent} {column} {first}\t{_with_breaks(second)}")

    def write(self, string: str) -> None:
        if not string.endswith("\n"):
            raise ValueError(f"a part of a line: {string!r}")
        for line in string.removesuffix("\n").split("\n"):
            self._add(f"plain {line}")

    def _add(self, line: str) -> None:
        self.buffer.append(f"{line}\n")


def record(words: str, command: click.Command, context: click.Context) -> str:
    """The page of one command."""
    recorder = Recorder()
    command.format_help(context, recorder)
    return f"\n=== {words}\n{recorder.getvalue().rstrip()}"


def _with_breaks(text: str) -> str:
    """The text with a mark where a word may be broken."""
    if SOFT in text or "\n" in text or text != text.strip(" "):
        raise ValueError(f"this needs a form of its own: {text!r}")
    made = ""
    for piece in _WORDS._split(text):  # noqa: SLF001 # as click, which splits with it
        made += piece if not made or piece.isspace() or made.endswith(" ") else f"{SOFT}{piece}"
    return made
