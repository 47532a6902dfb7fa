"""`togetherctl agent`: the process that keeps sessions fresh and hands out credentials over a socket."""

from __future__ import annotations

import click

from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands.agent"


@click.group(
    "agent",
    cls=LazyGroup,
    lazy={
        "run": Lazy(f"{_HERE}.run", "Run the agent in the foreground, until Ctrl-C."),
        "start": Lazy(f"{_HERE}.start", "Start the agent in the background."),
        "stop": Lazy(f"{_HERE}.stop", "Stop the agent."),
        "restart": Lazy(f"{_HERE}.restart", "Stop the agent and start it again, and go on forwarding."),
        "status": Lazy(f"{_HERE}.status", "Show whether the agent runs, since when, and what it keeps fresh."),
        "log": Lazy(f"{_HERE}.log", "Show which credentials the agent handed out, and which it refused."),
        "install": Lazy(
            f"{_HERE}.install", "Start the agent at every login: a systemd user unit, or on macOS a launchd agent."
        ),
        "uninstall": Lazy(
            f"{_HERE}.uninstall", "Stop the agent's service, and delete the files that agent install wrote."
        ),
        "answer": Lazy(f"{_HERE}.answer", "Answer the questions that wait at the agent."),
    },
)
def command() -> None:
    """Keep sessions fresh, and hand out credentials over a socket.

    The agent is one process for each user. Nothing else needs it: without it, kubectl gets its credentials as before.
    The key forward of each profile says what may leave this machine: never, ask or always.
    """
