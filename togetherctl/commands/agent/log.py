"""`togetherctl agent log`: show which credentials the agent handed out and refused."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from togetherctl.agent.log import Follower, read_older
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option, show_list
from togetherctl.errors import TogetherctlError, os_error_as
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.cli.output import Item

_EVERY = 0.5
_KEYS = ("time", "profile", "host", "what", "answer")


@click.command(
    "log",
    cls=Command,
    examples=["togetherctl agent log", "togetherctl agent log --tail 5 -o json"],
)
@click.option("--follow", "-f", is_flag=True, help="Print new lines as they come, until Ctrl-C.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Show only the last N lines.")
@output_option
@pass_app
def command(app: App, follow: bool, tail: int | None) -> None:
    """Show which credentials the agent handed out, and which it refused.

    Each line has the time, the profile, the host, and the answer: given, or the code of the error. More than twenty
    of one kind in a minute become one line with their number. The log has no tokens, and keeps some thousand lines.
    With --follow and -o json, each line is a JSON object.
    """
    follower = Follower(app.world.paths.agent_state)
    with os_error_as(TogetherctlError, "the log cannot be read"):
        entries: Sequence[Item] = [*read_older(app.world.paths.agent_state), *follower.more()]
    shown = entries[len(entries) - min(tail, len(entries)) :] if tail is not None else entries
    if not follow:
        show_list(app, shown, {key.upper(): partial(_cell, key) for key in _KEYS}, name="profile")
        if not shown and app.output == "table":
            app.console.say("Nothing was handed out or refused yet.")
        return
    try:
        _show(app, shown)
        while True:
            app.world.sleep(_EVERY)
            with os_error_as(TogetherctlError, "the log cannot be read"):
                _show(app, follower.more())
    except KeyboardInterrupt:
        # That is how it ends.
        return


def _show(app: App, entries: Sequence[Item]) -> None:
    for entry in entries:
        if app.output == "table":
            put("  ".join(_cell(key, entry) for key in _KEYS))
        else:
            put(json.dumps(entry))
    sys.stdout.flush()


def _cell(key: str, item: Item) -> str:
    if key == "answer" and "count" in item:
        return printable(f"{item['answer']} ({item['count']} times)", limit=300)
    return printable(item.get(key) or ("not known" if key == "host" else ""), limit=300)
