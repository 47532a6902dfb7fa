"""An agent of the test's own home."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import RunningAgent, running_agent
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World


@pytest.fixture
def asking(config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld) -> Path:
    """The configuration with a profile that asks before it is handed out; its session has ended at the issuer."""
    path = config_at(issuer, profile_keys='forward = "ask"')
    os.utime(path, (time.time() - 100,) * 2)
    end_session(make_world())
    return path


@pytest.fixture
def agent(environ: dict[str, str]) -> Iterator[RunningAgent]:
    """An agent that is not started yet."""
    with running_agent(environ) as running:
        yield running


def end_session(world: World) -> None:
    """Leave a session of `acme` whose refresh token the issuer takes no longer, as the agent finds it after days."""
    profile = world.config.profile("acme")
    ended = Session(profile.issuer.url, profile.client_id, "sub-1", "person@example.com", refused=True)
    FileSessions(world.paths.sessions).save(profile.key, ended)
