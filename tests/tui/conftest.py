"""The app on a terminal that is not there, over real stores and sessions."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from docs.screens import NOW, made_up
from tests.support.screens import shown, until
from togetherctl.tui.app import TogetherApp
from togetherctl.wiring import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

Opened = Any


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


class Table:
    """The app with a pilot at its keys."""

    def __init__(self, app: TogetherApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def screen(self) -> str:
        return shown(self.app)

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.screen

    async def shows(self, *texts: str) -> str:
        await until(self.pilot, lambda: all(text in self.screen for text in texts))
        return self.screen

    async def lacks(self, text: str) -> str:
        await until(self.pilot, lambda: text not in self.screen)
        return self.screen


Open = Any


@pytest.fixture
def opened(environ: dict[str, str], clock: StoppedClock, canary: Canary) -> Open:
    """Opens the app over the store of this test; what it showed last is looked through for secrets."""

    @asynccontextmanager
    async def call(
        size: tuple[int, int] = (80, 24), make_world: Callable[..., World] | None = None, **changes: str
    ) -> AsyncIterator[Table]:
        app = TogetherApp(make_world or (lambda talk: World({**environ, **changes}, talk, clock=clock)))
        async with app.run_test(size=size, notifications=True) as pilot:
            table = Table(app, pilot)
            await until(
                pilot,
                lambda: app.broken or (app.store is not None and all(row.looked for row in app.rows.values())),
            )
            yield table
            canary.saw("the screen", table.screen)

    return call


@pytest.fixture
def demo(home: Path) -> Callable[..., World]:
    """The made-up store of the pictures, at the moment they were made."""
    assert NOW
    return made_up(home / "made-up")
