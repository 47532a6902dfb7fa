"""`togetherctl ui`: open the terminal interface, as `togetherctl` alone on a terminal does."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.errors import UsageError, run
from togetherctl.printable import can_spell

if TYPE_CHECKING:
    from togetherctl.auth.prompter import Prompter
    from togetherctl.wiring import World

_DRAWN_WITH = "─│●"


@click.command("ui")
@pass_app
def command(app: App) -> int:
    """Open the terminal interface: every session at a glance.

    So does togetherctl alone on a terminal. ctrl+q ends it, ? shows its keys.
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
    return opened(app)


def at_a_terminal(environ: Mapping[str, str]) -> bool:
    """Whether there is a terminal to draw on and to read keys from."""
    if not sys.stdin.isatty() or not sys.stdout.isatty() or not can_spell(sys.stdout, _DRAWN_WITH):
        return False
    return environ.get("TERM", "") not in ("", "dumb", "unknown")


def opened(app: App) -> int:
    """Open it, and give the exit code once the person has quit."""
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.stderr import for_the_screen_alone

    def make_world(conversation: Prompter) -> World:
        return app.make_world(app.environ, conversation)

    shown = TogetherApp(make_world)
    with for_the_screen_alone():
        shown.run()
    if shown.bug is not None:
        raise shown.bug
    return shown.return_code or 0
