"""The app on a terminal that is not there, over real configurations and sessions."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.screens import NOW, made_up
from tests.tui.person import Person, at_the_app
from togetherctl.tui.app import TogetherApp
from togetherctl.wiring import World

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> Any:
    """Local times are the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    # With colour, as people have it; a test that wants none says so.
    monkeypatch.delenv("NO_COLOR")
    del environ["NO_COLOR"]
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


Open = Any


@pytest.fixture
def opened(environ: dict[str, str], clock: StoppedClock, canary: Canary) -> Open:
    """Opens the app over the configuration of this test; all it shows is looked through for secrets."""

    @asynccontextmanager
    async def call(
        size: tuple[int, int] = (80, 24), make_world: Callable[..., World] | None = None, **changes: str
    ) -> AsyncIterator[Person]:
        app = TogetherApp(make_world or (lambda prompter: World({**environ, **changes}, prompter, clock=clock)))
        async with at_the_app(app, canary, size=size) as person:
            yield person

    return call


@pytest.fixture
def demo(home: Path) -> Callable[..., World]:
    """The made-up configuration of the pictures, at the moment they were made."""
    assert NOW
    return made_up(home / "made-up")
