"""`togetherctl agent run`: become the agent, in the foreground."""

from __future__ import annotations

import os
import sys

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.environment import for_refresh
from togetherctl.usecases.agent_process import argv, refuse_windows


@click.command("run", cls=Command, examples=["togetherctl agent run  # until Ctrl-C"])
@pass_app
def command(app: App) -> None:
    """Run the agent in the foreground, until Ctrl-C.

    It prints a line for each credential that it hands out or refuses. If a service manager
    opens the sockets itself, it gives them in LISTEN_FDS.
    """
    refuse_windows()
    sys.stdout.flush()
    sys.stderr.flush()
    # Another process image, because the agent does without most of what was loaded to get here.
    os.execve(sys.executable, argv(), for_refresh(app.environ))  # noqa: S606 # our own words, no shell
