"""Showing what would be written, and asking whether it may be."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from togetherctl.errors import ExitCode
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.actions.joining import Preview
    from togetherctl.commands.app import App
    from togetherctl.commands.asking import Asking

_LONGEST_LINE = 4000


def show(app: App, preview: Preview) -> None:
    """Print the difference, and say which names were given, what changes, and what stays as the person made it."""
    # Certificates are lines of thousands of characters, which nobody reads on a terminal.
    width = max(shutil.get_terminal_size().columns, 40) if sys.stdout.isatty() else _LONGEST_LINE
    for line in preview.diff().splitlines():
        click.echo(_cut(printable(line, limit=_LONGEST_LINE), width))
    sys.stdout.flush()
    for line in preview.taking.lines():
        app.console.say(line)
    for warning in preview.written.warnings if preview.written else ():
        app.console.warn(warning)


def agreed(app: App, asking: Asking | None, question: str) -> None:
    """Go on only if whoever can be asked agrees. Raises click's Exit at "no"."""
    if asking is not None and not asking.yes(question):
        app.console.say("Nothing was changed.")
        raise click.exceptions.Exit(ExitCode.FAILED)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
