"""`togetherctl agent start`: start the agent, detached from this terminal."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.paths import tilde
from togetherctl.usecases.agent_process import ask_status, refuse_another, refuse_windows, start_agent


@click.command("start", cls=Command, examples=["togetherctl agent start"])
@pass_app
def command(app: App) -> None:
    """Start the agent in the background.

    It belongs to no terminal, and runs until togetherctl agent stop, or until the machine stops. If an agent runs
    already, this command names it and does nothing else.
    """
    refuse_windows()
    paths = app.world.paths
    before = ask_status(paths)
    if before is not None and before.get("stopped") and before["config"] == str(paths.config):
        # A service manager runs it, and it waits for this.
        before = None
    status = before or start_agent(paths, app.environ)
    refuse_another(paths, status)
    said = "runs already" if before else "runs"
    app.console.say(f"The agent {said} (pid {status['pid']}) and listens at {tilde(paths.agent_socket, app.environ)}.")
    if status["problem"]:
        app.console.warn(f"nothing is handed out: {status['problem']['message']}")
