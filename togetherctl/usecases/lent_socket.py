"""Borrow a socket of the agent for one host, for as long as this process wants it, over restarts of the agent."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from togetherctl.agent.client import AgentClient
from togetherctl.agent.protocol import FORWARDS
from togetherctl.agent.stopped import last_stop
from togetherctl.errors import TogetherctlError
from togetherctl.paths import Paths

# Seconds between two tries to find an agent that has ended; it may come back after an upgrade.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0


@contextmanager
def lent_socket(paths: Paths, host: str, link: Path) -> Iterator[None]:
    """While the block runs, `link` is a link to a socket of the agent whose requests are those of `host`.

    An agent that ends takes its sockets along; then the link points to one of the next agent, once that runs. Where the
    person stopped the agent, the link goes and stays away, also when the agent is started later.
    Raises what AgentClient does where there is none at the start.
    """
    stop = last_stop(paths.agent)
    loan = _borrow(paths, host)
    _point(link, loan.path)
    reading, writing = os.pipe()
    keeping = threading.Thread(target=_keep, args=(loan, paths, host, link, reading, stop), daemon=True)
    keeping.start()
    try:
        yield
    finally:
        os.close(writing)
        keeping.join()
        os.close(reading)
        with suppress(OSError):
            link.unlink()


class _Loan(NamedTuple):
    """A socket at `path`, which the agent removes when `client` is closed."""

    client: AgentClient
    path: Path


def _borrow(paths: Paths, host: str) -> _Loan:
    client = AgentClient(paths.agent_control)
    try:
        answer = client.ask("POST", FORWARDS, {"host": host})
        return _Loan(client, Path(str(answer["socket"])))
    except BaseException:
        client.close()
        raise


def _keep(loan: _Loan, paths: Paths, host: str, link: Path, ended: int, stop: str) -> None:
    """Wait for the end of each loan, and take the next, until `ended` can be read or there is another stop."""
    while True:
        with loan.client as client:
            if ended in select.select([ended, client.fileno()], [], [])[0]:
                return
        pause = _FIRST_PAUSE
        while True:
            if last_stop(paths.agent) != stop:
                with suppress(OSError):
                    link.unlink()
                return
            if select.select([ended], [], [], pause)[0]:
                return
            try:
                loan = _borrow(paths, host)
                break
            except (TogetherctlError, OSError, KeyError):
                pause = min(2 * pause, _LONGEST_PAUSE)
        with suppress(OSError):
            _point(link, loan.path)


def _point(link: Path, target: Path) -> None:
    """Make the link, or have it point elsewhere; at no moment is it missing."""
    fresh = link.with_name(f"{link.name}.new")
    fresh.symlink_to(target)
    fresh.replace(link)
