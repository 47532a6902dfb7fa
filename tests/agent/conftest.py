"""An agent of the test's own home."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import RunningAgent, running_agent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeConfig
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def asking(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    """The configuration with a profile that asks before it is handed out."""
    path = config_at(issuer, profile_keys='forward = "ask"')
    os.utime(path, (time.time() - 100,) * 2)
    return path


@pytest.fixture
def agent(environ: dict[str, str]) -> Iterator[RunningAgent]:
    """An agent that is not started yet."""
    with running_agent(environ) as running:
        yield running
