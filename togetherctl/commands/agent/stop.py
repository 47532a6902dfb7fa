"""`togetherctl agent stop`: stop the agent."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.usecases.agent_process import stop_agent


@click.command("stop", cls=Command, examples=["togetherctl agent stop"])
@pass_app
def command(app: App) -> None:
    """Stop the agent.

    Sessions stay. Remote hosts get no more credentials. If systemd listens for the agent, the next request starts it
    again: togetherctl agent uninstall ends that.
    """
    pid = stop_agent(app.world.paths)
    app.console.say("No agent runs." if pid is None else f"The agent stopped (pid {pid}).")
