"""What an app shows, as text, and the files it is compared with."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App
    from textual.pilot import Pilot

SNAPSHOTS = Path(__file__).parents[1] / "tui" / "snapshots"
# Set, the files are written instead of compared.
UPDATE = "UPDATE_SNAPSHOTS"
# What pytest leaves of the environment was taken before the tests made it bare.
_UPDATING = bool(os.environ.get(UPDATE))
_SECONDS = 20.0
_STEP = 0.02


def shown(app: App[Any]) -> str:
    """The screen as a person sees it, without colours."""
    lines = ["".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def same(app: App[Any], name: str) -> None:
    """Compare the screen with the snapshot called `name`."""
    path = SNAPSHOTS / f"{name}.txt"
    text = shown(app)
    if _UPDATING:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{text}\nrun the tests with {UPDATE}=1 if that is meant"


async def becomes(pilot: Pilot[Any], name: str) -> None:
    """Wait until the screen is the snapshot called `name`, however slow the machine."""
    if not _UPDATING:
        expected = (SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8")
        with suppress(AssertionError):
            await until(pilot, lambda: shown(pilot.app) == expected)
    same(pilot.app, name)


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Let the app go on until `condition` holds."""
    for _ in range(int(_SECONDS / _STEP)):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(_STEP)
    raise AssertionError(shown(pilot.app))
