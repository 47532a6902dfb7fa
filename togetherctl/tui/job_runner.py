"""Run the app's jobs on threads: one at a time on each session, none left when the app ends."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from togetherctl.auth.browser import CannotStart
from togetherctl.config.profile import Profile
from togetherctl.errors import TogetherctlError
from togetherctl.tui.context import AppContext
from togetherctl.tui.job import Job, Status
from togetherctl.tui.job_prompter import JobPrompter
from togetherctl.tui.screens.job import JobScreen

# A job that is over sooner (seconds) needs no screen of its own.
_SHOW_AFTER = 0.3
# How many seconds a notification of what was done stays.
_SECONDS = 8.0


class JobRunner:
    """Starts jobs for `app`, each in a world of its own, and shows how they go."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self.running: list[Job[Any]] = []
        # Those that began a moment ago and show nothing yet.
        self._unseen: list[Job[Any]] = []

    @property
    def unseen(self) -> Job[Any] | None:
        """A job that runs and is not shown: what comes of it is not known to the person who goes on typing."""
        return self._unseen[-1] if self._unseen else None

    def start(self, job: Job[Any]) -> None:
        """Start `job`; if another job works on one of its sessions, show that one instead."""
        other = next((running for running in self.running if running.keys & job.keys), None)
        if other is not None:
            self._app.notify(f"Still busy: {other.title}", severity="warning", markup=False)
            self._show(other)
            return
        world = self._app.world
        job.prompter = JobPrompter(world.sleep, can_ask=world.policy.ask)
        self.running.append(job)
        if job.at_once:
            self._show(job)
        else:
            self._unseen.append(job)
        self._app.run_worker(self._follow(job), group="jobs", name=job.title)

    def open_browser(self, url: str, job: Job[Any]) -> None:
        """Start a browser at a page that `job` shows, as its profile wants it."""
        if job.profile is not None:
            self._app.run_worker(partial(self._open, url, job.profile), thread=True, group="browser")

    async def _follow(self, job: Job[Any]) -> None:
        began = self._app.typeahead.clock()
        thread = asyncio.get_running_loop().run_in_executor(None, job.run, self._app.world)
        try:
            await asyncio.wait([thread], timeout=_SHOW_AFTER)
            if not thread.done() and not job.at_once:
                self._show(job)
                self._unseen.remove(job)
            await thread
        finally:
            # The app may be ending: a job that waits for a person must not go on without it.
            job.prompter.cancel()
            self.running.remove(job)
        before = self._app.screen
        self._end(job)
        if self._app.screen is not before and not isinstance(before, JobScreen):
            self._app.typeahead.interrupt(began)
        if job in self._unseen:
            self._unseen.remove(job)

    def _end(self, job: Job[Any]) -> None:
        app = self._app
        for step in job.steps:
            if step.status is Status.FAILED and step.name in app.rows:
                app.note(step.name, step.text)
        app.watcher.look_now()
        if job.worth_reading:
            self._show(job)
        elif job.status is Status.CANCELLED:
            app.notify(f"{job.title}: cancelled", markup=False)
        elif job.summary:
            app.notify(job.summary, markup=False, timeout=_SECONDS)
        job.finish()

    def _open(self, url: str, profile: Profile) -> None:
        try:
            opened = self._app.world.issuers.open_browser(url, profile)
        except (CannotStart, TogetherctlError) as error:
            said = str(error)
        else:
            said = "Your browser has been opened." if opened else "There is no browser to open here."
        self._app.call_from_thread(self._app.notify, said, markup=False)

    def _show(self, job: Job[Any]) -> None:
        stack = self._app.screen_stack
        if not any(isinstance(screen, JobScreen) and screen.job is job for screen in stack):
            self._app.push_screen(JobScreen(job))
