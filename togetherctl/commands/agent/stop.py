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

    Sessions stay. What is forwarded from it to other machines ends, and stays ended. Nothing is handed out until you
    start it: togetherctl agent start or run, or togetherctl ssh. A service manager may run it again before that, but it
    answers no request for a credential. togetherctl agent restart goes on forwarding.
    """
    pid = stop_agent(app.world.paths)
    app.console.say("No agent runs." if pid is None else f"The agent stopped (pid {pid}).")
