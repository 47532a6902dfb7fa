"""`togetherctl ui`: open the terminal interface, as `togetherctl` alone on a terminal does."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.errors import UsageError, run
from togetherctl.printable import can_spell

if TYPE_CHECKING:
    from togetherctl.auth.prompter import Prompter
    from togetherctl.wiring import World

_DRAWN_WITH = "─│●"
_STDERR = 2


@click.command("ui")
@pass_app
def command(app: App) -> int:
    """Open the terminal interface: every session at a glance.

    On a terminal, togetherctl without a command opens it too. q ends it, ? shows its keys.
    """
    if not at_a_terminal(app.environ):
        if sys.stdout.isatty() and not can_spell(sys.stdout, _DRAWN_WITH):
            raise UsageError(
                f"the terminal interface draws with characters that this terminal's encoding, {sys.stdout.encoding}, "
                "does not have",
                hint="set LC_ALL to a UTF-8 locale such as C.UTF-8, or use togetherctl status",
            )
        raise UsageError(
            "the terminal interface needs a terminal for its input and its output", hint=run("togetherctl", "status")
        )
    return open_interface(app)


def at_a_terminal(environ: Mapping[str, str]) -> bool:
    """Whether there is a terminal to draw on and to read keys from."""
    if not sys.stdin.isatty() or not sys.stdout.isatty() or not can_spell(sys.stdout, _DRAWN_WITH):
        return False
    return environ.get("TERM", "") not in ("", "dumb", "unknown")


def open_interface(app: App) -> int:
    """Open it, and give the exit code once the person has quit."""
    # Of what is loaded nothing goes again: to look through it while it comes is a tenth of the start.
    gc.disable()
    from togetherctl.tui.app import TogetherApp

    def make_world(conversation: Prompter) -> World:
        return app.make_world(app.environ, conversation)

    shown = TogetherApp(make_world)
    try:
        with _stderr_for_the_screen_alone():
            shown.run()
    finally:
        gc.enable()
    if shown.bug is not None:
        raise shown.bug
    return shown.return_code or 0


@contextmanager
def _stderr_for_the_screen_alone() -> Iterator[None]:
    """Within, descriptor 2 is the null device, and `sys.__stderr__` the terminal that it was.

    Textual draws on stderr itself. A client secret's command or a keyring that writes there would write over the table.
    """
    before = sys.__stderr__
    own = os.dup(_STDERR)
    try:
        with open(own, "w", encoding="utf-8", closefd=False) as screen, open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
            sys.__stderr__ = screen  # type: ignore[misc] # what Textual draws on
            yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc] # as it was
        os.dup2(own, _STDERR)
        os.close(own)
