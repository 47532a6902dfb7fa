"""A person at the terminal interface: presses keys, waits for what comes, and reads the screen."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from togetherctl.tui.app import TogetherApp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from textual.pilot import Pilot

    from tests.support.canary import Canary
    from togetherctl.wiring import World

_PATIENCE = 15.0
_PAUSE = 0.02


class Person:
    """At `app`; whatever was to be seen is held against the canary when it ends."""

    def __init__(self, app: TogetherApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.seen: list[str] = []
        self.copied: list[str] = []
        app.copy_to_clipboard = self.copied.append  # type: ignore[assignment,method-assign] # a test has no terminal to copy with

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()
        self.read()

    async def type(self, text: str) -> None:
        await self.press(*text)

    def read(self) -> str:
        """The screen as text, with the lines that go by themselves."""
        shown = text_of(self.app)
        self.seen.append(shown)
        return shown

    async def until(self, condition: Callable[[], object], what: str = "what was waited for") -> None:
        async with asyncio.timeout(_PATIENCE):
            try:
                while not condition():
                    self.read()
                    await self.pilot.pause(_PAUSE)
            except TimeoutError:
                raise AssertionError(f"{what} did not come:\n{self.read()}") from None

    async def sees(self, *words: str) -> str:
        """Wait until all of `words` are on the screen, however its lines are broken."""

        def there() -> bool:
            flat = flattened(self.read())
            return all(flattened(word) in flat for word in words)

        try:
            await self.until(there)
        except (AssertionError, TimeoutError):
            raise AssertionError(f"{words} are not on the screen:\n{self.read()}") from None
        return self.read()

    async def idle(self) -> None:
        """Wait until no work is under way."""
        await self.until(lambda: not self.app.jobs.running, "the end of the work")
        await self.pilot.pause(0.15)
        self.read()


def text_of(app: TogetherApp) -> str:
    """Every cell of the screen as text, and the notifications."""
    screen = app.screen
    lines = ["".join(segment.text for segment in strip) for strip in screen._compositor.render_strips()]
    return "\n".join([*(line.rstrip() for line in lines), *(note.message for note in app._notifications)])


def flattened(text: str) -> str:
    """Without what breaks lines in a box."""
    return "".join(text.replace("│", "").replace("▌", "").replace("▐", "").split())


@asynccontextmanager
async def at_the_table(
    world: World, canary: Canary, *, size: tuple[int, int] = (100, 30), rows: int = 1
) -> AsyncIterator[Person]:
    """The app in `world`, once its table is there."""
    app = TogetherApp(world.anew)
    async with app.run_test(size=size) as pilot:
        person = Person(app, pilot)
        await person.until(lambda: len([row for row in app.rows.values() if row.looked]) >= rows, "the table")
        await pilot.pause()
        yield person
        person.read()
    for text in (*person.seen, *person.copied):
        canary.saw("the terminal interface", text)
