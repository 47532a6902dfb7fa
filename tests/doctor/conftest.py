"""The kubeconfig and the session that checks look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from togetherctl.wiring import World


@pytest.fixture
def kubeconfig(acme: Path, home: Path, cli: Run) -> Path:
    """The kubeconfig of the cluster east, as it is written."""
    assert acme.exists()
    assert cli("kubeconfig", "write", "--set-current").code == 0
    return home / ".kube" / "config"


@pytest.fixture
def world(acme: Path, make_world: MakeWorld, browser: ScriptedBrowser) -> World:
    """A world with a session in a file."""
    assert acme.exists()
    made = make_world(browser=browser)
    made.engine.login(made.config.profile("acme"), Policy())
    return made


@pytest.fixture
def session_file(world: World) -> Path:
    return world.paths.sessions / f"{world.config.profile('acme').key}.json"
