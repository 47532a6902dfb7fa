"""What an app shows, as text, and the files it is compared with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.app import App
    from textual.pilot import Pilot
    from textual.strip import Strip

SNAPSHOTS = Path(__file__).parents[1] / "tui" / "snapshots"
# Set, the files are written instead of compared.
UPDATE = "UPDATE_SNAPSHOTS"
# What pytest leaves of the environment was taken before the tests made it bare.
_UPDATING = bool(os.environ.get(UPDATE))
_SECONDS = 60.0
_STEP = 0.02
# A key asks for a change, the change for a layout, the layout for drawing.
_ROUNDS = 3


def strips(app: App[Any]) -> list[Strip]:
    """The lines on the screen with their styles. Textual has no public way to them."""
    return app.screen._compositor.render_strips()


def shown(app: App[Any]) -> str:
    """The screen as a person sees it, without colours."""
    lines = ["".join(segment.text for segment in strip) for strip in strips(app)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


async def becomes(pilot: Pilot[Any], name: str) -> None:
    """Wait until the screen is the snapshot called `name`, however slow the machine."""
    path = SNAPSHOTS / f"{name}.txt"
    if _UPDATING:
        await pilot.pause(1)
        path.write_text(shown(pilot.app), encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    hint = f"run the tests with {UPDATE}=1 if that is meant"
    await until(pilot, lambda: shown(pilot.app) == expected, lambda: f"{shown(pilot.app)}\n{hint}")


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: Callable[[], str] | None = None) -> None:
    """Let the app go on until `condition` holds; `what` says what is wrong where it never does."""
    ends = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < ends, what() if what else shown(pilot.app)
        await pilot.pause(_STEP)
    await settle(pilot)


async def settle(pilot: Pilot[Any]) -> None:
    """Let the app do what is in its queues, and what comes of it.

    Pilot.pause() without a delay takes a process that gets no processor for one that has nothing to do.
    """
    for _ in range(_ROUNDS):
        await pilot.pause(0)
