"""`togetherctl agent stop`: stop the agent."""

from __future__ import annotations

import time

import click

from togetherctl.agent.client import AgentClient, NoAgent, runs
from togetherctl.agent.protocol import STOP
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.errors import Unreachable

_SECONDS = 10.0
_POLL = 0.05


@click.command("stop", cls=Command, examples=["togetherctl agent stop"])
@pass_app
def command(app: App) -> None:
    """Stop the agent.

    Sessions stay. What is forwarded from it to other machines ends. Where a service manager listens for the agent, the
    next request starts it again: togetherctl agent uninstall ends that.
    """
    paths = app.world.paths
    try:
        with AgentClient(paths.agent_control) as client:
            pid = client.ask("POST", STOP)["pid"]
    except NoAgent:
        app.console.say("No agent runs.")
        return
    until = time.monotonic() + _SECONDS
    while runs(paths.agent):
        if time.monotonic() > until:
            raise Unreachable(f"the agent (pid {pid}) did not end within {_SECONDS:.0f} seconds", hint=f"kill {pid}")
        time.sleep(_POLL)
    app.console.say(f"The agent stopped (pid {pid}).")
