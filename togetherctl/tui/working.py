"""Every piece of work under way in the app: on threads, one at a time on each session, none left when the app ends."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from togetherctl.auth.browser import CannotStart
from togetherctl.errors import TogetherctlError
from togetherctl.tui.conversation import Talk
from togetherctl.tui.screens.work import WorkScreen
from togetherctl.tui.work import Ended

if TYPE_CHECKING:
    from togetherctl.store.profile import Profile
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.work import Work

# What is over sooner needs no screen of its own.
_PATIENCE = 0.3
# How long a line stands that says what was done.
_SECONDS = 8.0


class Working:
    """Starts work for `app`, in worlds made of its own, and shows how it goes."""

    def __init__(self, app: TogetherApp) -> None:
        self._app = app
        self._running: list[Work] = []

    @property
    def running(self) -> tuple[Work, ...]:
        return tuple(self._running)

    def start(self, work: Work) -> None:
        """Start it, unless something else works on one of its sessions: then that is shown."""
        other = next((running for running in self._running if running.keys & work.keys), None)
        if other is not None:
            self._app.notify(f"Still busy: {other.title}", severity="warning", markup=False)
            self._show(other)
            return
        world = self._app.world
        work.talk = Talk(world.sleep, can_ask=world.policy.ask)
        self._running.append(work)
        if work.at_once:
            self._show(work)
        self._app.run_worker(self._follow(work), group="work", name=work.title)

    def open_browser(self, url: str, work: Work) -> None:
        """Start a browser at a page that `work` shows, as its profile wants it."""
        if work.profile is not None:
            self._app.run_worker(partial(self._open, url, work.profile), thread=True, group="browser")

    async def _follow(self, work: Work) -> None:
        thread = asyncio.get_running_loop().run_in_executor(None, work.run, self._app.world)
        try:
            await asyncio.wait([thread], timeout=_PATIENCE)
            if not thread.done() and not work.at_once:
                self._show(work)
            await thread
        finally:
            # The app may be ending: whoever waits for a person must not go on without it.
            work.cancel()
            self._running.remove(work)
        self._over(work)

    def _over(self, work: Work) -> None:
        app = self._app
        for step in work.steps:
            if step.ended is Ended.FAILED and step.name in app.rows:
                app.note(step.name, step.text)
        app.look_again()
        if work.worth_reading:
            self._show(work)
        elif work.ended is Ended.CANCELLED:
            app.notify(f"{work.title}: cancelled", markup=False)
        elif work.summary:
            app.notify(work.summary, markup=False, timeout=_SECONDS)
        if work.ended is Ended.DONE and work.done is not None:
            work.done()

    def _open(self, url: str, profile: Profile) -> None:
        try:
            opened = self._app.world.issuers.open_browser(url, profile)
        except (CannotStart, TogetherctlError) as error:
            said = str(error)
        else:
            said = "Your browser has been opened." if opened else "There is no browser to open here."
        self._app.call_from_thread(self._app.notify, said, markup=False)

    def _show(self, work: Work) -> None:
        stack = self._app.screen_stack
        if not any(isinstance(screen, WorkScreen) and screen.work is work for screen in stack):
            self._app.push_screen(WorkScreen(work, self))
