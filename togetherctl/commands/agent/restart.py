"""`togetherctl agent restart`: stop the agent and start it again, and go on forwarding."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.usecases.agent_process import refuse_windows, start_agent, stop_agent


@click.command("restart", cls=Command, examples=["togetherctl agent restart"])
@pass_app
def command(app: App) -> None:
    """Stop the agent and start it again, and go on forwarding.

    After an upgrade this runs the new version. Sessions of togetherctl ssh find it. If none runs, it starts one.
    """
    refuse_windows()
    before = stop_agent(app.world.paths, restart=True)
    status = start_agent(app.world.paths, app.environ)
    app.console.say(f"The agent runs (pid {status['pid']}{f', before {before}' if before else ''}).")
