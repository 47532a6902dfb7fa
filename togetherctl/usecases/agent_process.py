"""Start the agent in a process of its own, and ask it how it is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from togetherctl.agent.client import AgentClient, NoAgent, runs
from togetherctl.agent.protocol import PROFILES, STATUS, STOP
from togetherctl.agent.stopped import let_go_on, stop_for_good
from togetherctl.agent.trouble import open_trouble, read_trouble
from togetherctl.environment import for_refresh
from togetherctl.errors import TogetherctlError, Unreachable, UsageError, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.agent.protocol import Document
    from togetherctl.paths import Paths

# Seconds for Python to start, on a machine that is busy.
_SECONDS = 20.0
_POLL = 0.05
_STOP_SECONDS = 10.0


def argv() -> list[str]:
    """The command line that is the agent."""
    # -P: nothing in the folder this happens to run in is ours.
    return [sys.executable, "-P", "-m", "togetherctl.agent"]


def refuse_windows() -> None:
    """Raises UsageError where there are no Unix sockets that tell who is at the other end."""
    if sys.platform == "win32":
        raise UsageError("there is no agent on Windows; in WSL there is one")


def ask_status(paths: Paths) -> Document | None:
    """What the agent says of itself; None where none runs. Raises Unreachable where one runs and does not answer."""
    try:
        with AgentClient(paths.agent_control) as client:
            return client.ask("GET", STATUS)
    except NoAgent:
        return None


def stop_agent(paths: Paths, *, restart: bool = False) -> int | None:
    """Stop it, and give its process number once it has ended; None where none ran. Raises Unreachable.

    Nothing is handed out then until `start_agent`, and what was forwarded has ended; not so with `restart`.
    """
    try:
        with AgentClient(paths.agent_control) as client:
            pid = int(client.ask("POST", STOP, {"restart": restart})["pid"])
    except NoAgent:
        if not restart and paths.agent.is_dir():
            # A session of togetherctl ssh may wait for one that was killed.
            stop_for_good(paths.agent)
        return None
    until = time.monotonic() + _STOP_SECONDS
    while runs(paths.agent):
        if time.monotonic() > until:
            raise Unreachable(
                f"the agent (pid {pid}) did not end within {_STOP_SECONDS:.0f} seconds", hint=f"kill {pid}"
            )
        time.sleep(_POLL)
    return pid


def start_agent(paths: Paths, environ: Mapping[str, str]) -> Document:
    """Start it, and give what it says of itself once it answers. Raises TogetherctlError where it does not come up."""
    let_go_on(paths.agent)
    process = None if _is_woken(paths) else _spawn(paths, environ)
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        status = ask_status(paths)
        if status is not None:
            return status
        if process is not None and process.poll() is not None:
            # Another one, that was started at the same moment, is as good.
            if runs(paths.agent):
                process = None
                continue
            raise TogetherctlError(
                read_trouble(paths.agent_state) or f"the agent ended at once (exit code {process.returncode})",
                hint=run("togetherctl", "agent", "run", words="this shows what it does"),
            )
        time.sleep(_POLL)
    raise Unreachable(
        f"the agent did not answer within {_SECONDS:.0f} seconds", hint=run("togetherctl", "agent", "status")
    )


def refuse_another(paths: Paths, status: Document) -> None:
    """Raises TogetherctlError where the agent that runs is one for another configuration than this one."""
    if status["config"] != str(paths.config):
        raise TogetherctlError(
            f"an agent of this user runs already (pid {status['pid']}), for another configuration: {status['config']}",
            hint=run("togetherctl", "agent", "stop"),
        )


def _is_woken(paths: Paths) -> bool:
    """Whether a service manager listens for the agent, and was asked to start it."""
    try:
        with AgentClient(paths.agent_socket, seconds=_SECONDS) as client:
            client.ask("GET", PROFILES)
    except NoAgent:
        return False
    except TogetherctlError:
        return True  # it is there, and says so itself what is wrong
    return True


def _spawn(paths: Paths, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    descriptor = open_trouble(paths.agent_state)
    try:
        return subprocess.Popen(
            argv(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=descriptor,
            start_new_session=True,
            cwd="/",
            env=for_refresh(environ),
        )
    finally:
        os.close(descriptor)
