"""`togetherctl agent`: the process that keeps sessions ahead and hands credentials out over a socket."""

from __future__ import annotations

import click

from togetherctl.cli.lazy import Lazy, LazyGroup

_HERE = "togetherctl.commands.agent"


@click.group(
    "agent",
    cls=LazyGroup,
    lazy={
        "run": Lazy(f"{_HERE}.run", "Run the agent here, until Ctrl-C."),
        "start": Lazy(f"{_HERE}.start", "Start the agent in the background."),
        "stop": Lazy(f"{_HERE}.stop", "Stop the agent."),
        "status": Lazy(f"{_HERE}.status", "Show whether the agent runs, and what it does."),
        "log": Lazy(f"{_HERE}.log", "Show which credentials were handed out, and where to."),
        "install": Lazy(f"{_HERE}.install", "Start the agent at every login."),
        "uninstall": Lazy(f"{_HERE}.uninstall", "Start it at no login any more."),
        "answer": Lazy(f"{_HERE}.answer", "Answer what far machines ask for."),
    },
)
def command() -> None:
    """Keep sessions ahead, and hand credentials out over a socket.

    The agent is one process for each user. Nothing else needs it: without it, kubectl gets its credentials as before.
    What may leave this machine is said by forward in each profile: never, ask or always.
    """
