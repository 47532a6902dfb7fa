"""A person at the terminal interface: presses keys, waits for what comes, and reads the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from textual.events import Key

from tests.support.screens import settle, shown, until
from togetherctl.tui.app import TogetherApp

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tests.support.canary import Canary
    from togetherctl.wiring import World


class Person:
    """At `app`; whatever was to be seen is held against the canary when it ends."""

    def __init__(self, app: TogetherApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.seen: list[str] = []
        self.copied: list[str] = []
        copy = app.copy_to_clipboard

        def copying(text: str) -> None:
            self.copied.append(text)
            copy(text)

        app.copy_to_clipboard = copying  # type: ignore[method-assign] # a test has no terminal to copy with

    @property
    def screen(self) -> str:
        """The screen as it is now, without colours."""
        return shown(self.app)

    def read(self) -> str:
        """The screen, and the notifications on it as whole lines."""
        text = "\n".join([self.screen, *(note.message for note in self.app._notifications)])
        self.seen.append(text)
        return text

    async def press(self, *keys: str) -> str:
        """Press keys one after the other; gives the screen once the app has done all they ask for at once."""
        for key in keys:
            await self.pilot.press(key)
            await settle(self.pilot)
        screen = self.screen
        self.seen.append(screen)
        return screen

    async def press_at_once(self, *keys: str) -> str:
        """Press keys that arrive together, as from a slow line; gives the screen once all is done."""
        for key in keys:
            self.app.post_message(Key(key, key if len(key) == 1 else None))
        await settle(self.pilot)
        await settle(self.pilot)
        return self.read()

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def resize(self, columns: int, lines: int) -> None:
        await self.pilot.resize_terminal(columns, lines)
        await settle(self.pilot)

    async def click(self, selector: str, offset: tuple[int, int], times: int = 1) -> None:
        await self.pilot.click(selector, offset=offset, times=times)
        await settle(self.pilot)

    async def until(self, condition: Callable[[], object], what: str = "what was waited for") -> None:
        await until(self.pilot, condition, lambda: f"{what} did not come:\n{self.read()}")
        self.read()

    async def shows(self, *texts: str) -> str:
        """Wait until all of `texts` are on the screen, each on one line; gives the screen."""
        await self.until(lambda: all(text in self.screen for text in texts), f"{texts}")
        return self.screen

    async def lacks(self, text: str) -> str:
        """Wait until `text` is not on the screen; gives the screen."""
        await self.until(lambda: text not in self.screen, f"a screen without {text!r}")
        return self.screen

    async def sees(self, *words: str) -> str:
        """Wait until all of `words` are on the screen or in a notification, however lines are broken."""

        def there() -> bool:
            flat = flattened(self.read())
            return all(flattened(word) in flat for word in words)

        await self.until(there, f"{words}")
        return self.read()

    async def idle(self) -> None:
        """Wait until no work is under way, and what it left is drawn."""
        await self.until(lambda: not self.app.jobs.running, "the end of the work")
        await settle(self.pilot)
        self.read()


def flattened(text: str) -> str:
    """Without what breaks lines in a box."""
    return "".join(text.replace("│", "").replace("▌", "").replace("▐", "").split())


async def _at_once(_min_sleep: float = 0, _max_sleep: float = 0) -> None:
    """Instead of Textual's guess: it takes a process that gets no processor for one that has nothing to do."""
    await asyncio.sleep(0)


@asynccontextmanager
async def at_the_app(app: TogetherApp, canary: Canary, *, size: tuple[int, int]) -> AsyncIterator[Person]:
    """A person at `app`, once it has looked at all there is."""
    with patch("textual.app.wait_for_idle", _at_once), patch("textual.pilot.wait_for_idle", _at_once):
        async with app.run_test(size=size, notifications=True) as pilot:
            person = Person(app, pilot)
            await person.until(
                lambda: app.broken or (app.config is not None and all(row.looked for row in app.rows.values())),
                "the table",
            )
            await person.until(lambda: app.home.drawn and (app.broken or app.kubeconfig), "the first picture")
            yield person
            person.read()
    for text in (*person.seen, *person.copied):
        canary.saw("the terminal interface", text)


@asynccontextmanager
async def at_the_table(
    world: World, canary: Canary, *, size: tuple[int, int] = (100, 30), rows: int = 1
) -> AsyncIterator[Person]:
    """The app in `world`, once its table has so many rows."""
    async with at_the_app(TogetherApp(world.reread), canary, size=size) as person:
        await person.until(lambda: len([row for row in person.app.rows.values() if row.looked]) >= rows, "the table")
        yield person
