"""Showing what would be written, and asking whether it may be."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

from togetherctl.cli.console import put
from togetherctl.errors import ExitCode
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.sources.trust import to_be_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from togetherctl.actions.joining import Preview, Taking, Wish
    from togetherctl.cli.app import App
    from togetherctl.cli.prompts import Asking
    from togetherctl.store.choices import Kind

_LONGEST_LINE = 4000
_MOST_NAMES = 6
_MOST_HOSTS = 12


def show(app: App, preview: Preview, wish: Wish) -> None:
    """Print the difference; then, where it is seen last, what that means, and what stays as the person made it."""
    # Certificates are lines of thousands of characters, which nobody reads on a terminal.
    width = max(shutil.get_terminal_size().columns, 40) if sys.stdout.isatty() else _LONGEST_LINE
    for line in preview.diff().splitlines():
        put(_cut(printable(line, limit=_LONGEST_LINE), width))
    sys.stdout.flush()
    for line in (*_meaning(app, preview, wish), *preview.taking.lines(), *hosts(preview.taking)):
        app.console.say(line)
    for warning in preview.written.warnings if preview.written else ():
        app.console.warn(warning)


def hosts(taking: Taking) -> Iterator[str]:
    """The hosts that writing agrees to, a line each; those that were agreed to by name are not said again."""
    named = to_be_named(taking.strangers, remote=taking.is_remote)
    others = [stranger for stranger in taking.strangers if stranger not in named]
    for stranger in others[:_MOST_HOSTS]:
        yield f"New host: {stranger.sentence}."
    if len(others) > _MOST_HOSTS:
        yield f"New hosts: {', '.join(stranger.host for stranger in others[_MOST_HOSTS:])}"


def _meaning(app: App, preview: Preview, wish: Wish) -> Iterator[str]:
    """A line for the store and one for each kubeconfig that changes."""
    added = preview.taking.added
    kinds: tuple[Kind, ...] = ("issuer", "profile", "cluster")
    new = [_counted(kind, [name for of, name in added if of == kind]) for kind in kinds]
    if added:
        yield f"{tilde(app.world.paths.config, app.environ)}: new {', '.join(part for part in new if part)}"
    for change in preview.written.changed if preview.written else ():
        contexts = preview.written.contexts if preview.written else []
        current = "; it becomes the current one" if wish.set_current else ""
        yield f"{tilde(change.path, app.environ)}: {_counted('context', contexts)}{current}"


def _counted(kind: str, names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMES:
        return f"{len(names)} {kind}s"
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" if names else ""


def agreed(app: App, asking: Asking | None, question: str) -> None:
    """Go on only if whoever can be asked agrees. Raises click's Exit at "no"."""
    if asking is not None and not asking.yes(question):
        app.console.say("Nothing was changed.")
        raise click.exceptions.Exit(ExitCode.FAILED)


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
