"""`togetherctl agent status`: show whether the agent runs, and what it does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from togetherctl.agent.client import NoAgent
from togetherctl.agent.trouble import read_trouble
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option, show_list, show_record
from togetherctl.usecases.agent_process import ask_status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from togetherctl.cli.output import Item


_SHOWN = ("pid", "socket", "since", "config", "hosts", "questions")


@click.command(
    "status",
    cls=Command,
    examples=["togetherctl agent status", "togetherctl agent status -o json | jq '.item.profiles'"],
)
@output_option
@pass_app
def command(app: App) -> None:
    """Show whether the agent runs, since when, and what it keeps fresh.

    If no agent runs, the exit code is 3.
    """
    status = ask_status(app.world.paths)
    if status is None:
        raise NoAgent
    status = {name: status[name] for name in ("pid", "socket", "since", "profiles")} | status
    if app.output != "table":
        show_record(app, status, name="socket")
        return
    profiles = status.pop("profiles")
    show_record(app, {name: status[name] for name in _SHOWN if name in status}, name="pid")
    if profiles:
        put("")
        show_list(app, profiles, _columns(profiles), name="name")
    if status["problem"]:
        app.console.warn(f"nothing is handed out: {status['problem']['message']}")
    if read_trouble(app.world.paths.agent_state):
        app.console.note(f"what it warned of is in {app.world.paths.agent_state / 'trouble.log'}")


def _columns(profiles: Sequence[Item]) -> dict[str, Callable[[Item], str]]:
    """What is known of each profile, as columns; what the agent knows of none has no column."""
    keys = dict.fromkeys(key for profile in profiles for key, value in profile.items() if value is not None)
    return {key.replace("_", " ").upper(): partial(_cell, key) for key in keys}


def _cell(key: str, item: Item) -> str:
    value = item.get(key)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
