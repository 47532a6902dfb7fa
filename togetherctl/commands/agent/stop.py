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

    Sessions stay. Remote hosts get no more credentials, and what was forwarded stays ended. The agent hands out nothing
    until you start it: togetherctl agent start or run, or togetherctl ssh. If systemd listens for the agent, a request
    runs it again, but it refuses each one. togetherctl agent restart goes on forwarding.
    """
    pid = stop_agent(app.world.paths)
    app.console.say("No agent runs." if pid is None else f"The agent stopped (pid {pid}).")
