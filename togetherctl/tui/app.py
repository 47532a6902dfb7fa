"""The terminal interface as a whole: keys, the command palette, and what the watcher finds.

What takes time runs in a thread: the watcher's own, or one of a job. Only the app's thread touches widgets; results
come there by `call_from_thread` or `post_message`.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from togetherctl.auth.prompter import Prompter
from togetherctl.tui.actions import ACTIONS
from togetherctl.tui.agent_asking import AgentAsking
from togetherctl.tui.agent_watcher import AgentWatcher
from togetherctl.tui.context import AgentAsks, AppContext, WatcherFound
from togetherctl.tui.job_runner import JobRunner
from togetherctl.tui.screens.home import Home
from togetherctl.tui.selection import Selection
from togetherctl.tui.watcher import ConfigBroken, ConfigRead, Failed, KubeconfigRead, SessionsRead
from togetherctl.tui.widgets.profile_table import Profiles
from togetherctl.usecases.session_snapshot import SessionSnapshot, describe_changes
from togetherctl.wiring import World

_BUSY_SECONDS = 2.0
# The table's own actions that change nothing.
_MOVES = frozenset({"move", "page", "end", "next"})
# What counts before there is a picture.
_QUITTING = frozenset({"ctrl+q", "ctrl+c"})

_DARK = Theme(
    name="together-dark",
    primary="#7aa2f7",
    secondary="#9d8cff",
    accent="#7dcfff",
    success="#8fce7e",
    warning="#e0af68",
    error="#f7768e",
    foreground="#d5d9e5",
    background="#12141c",
    surface="#191c27",
    panel="#1f2330",
    dark=True,
)
_LIGHT = Theme(
    name="together-light",
    primary="#2f5fd0",
    secondary="#6b4fd8",
    accent="#0b7285",
    success="#2b7a2b",
    warning="#9a6200",
    error="#c0263f",
    foreground="#1d2330",
    background="#fafbfd",
    surface="#f1f3f8",
    panel="#e6e9f1",
    dark=False,
)


class TogetherApp(AppContext):
    """The app that `togetherctl ui` runs; `bug` is the unexpected error that ended it."""

    TITLE = "togetherctl"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("T", "toggle_light", "Light or dark", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True, show=False),
    ]

    def __init__(self, make_world: Callable[[Prompter], World]) -> None:
        super().__init__(make_world)
        self.home = Home()
        self.jobs: JobRunner = JobRunner(self)
        self.agent: AgentAsking = AgentAsking(self, lambda: self.world.paths)
        self.bug: Exception | None = None
        self._will_show = False
        self._agent_watcher = AgentWatcher(
            lambda: self.world.paths,
            lambda questions: self.post_message(AgentAsks(questions)),
            lambda said: self.call_from_thread(self.agent.tell, said),
        )

    @property
    def selection(self) -> Selection:
        """The row under the cursor of the home screen, and the profiles marked there."""
        return self.home.selection if self.home.query(Profiles) else Selection()

    # What the watchers find

    def on_agent_asks(self, message: AgentAsks) -> None:
        self.agent.take(message.questions)

    def on_watcher_found(self, message: WatcherFound) -> None:
        finding = message.finding
        if isinstance(finding, Failed):
            self._handle_exception(finding.error)
        elif isinstance(finding, SessionsRead):
            self._take_sessions(finding)
        elif isinstance(finding, KubeconfigRead):
            self.kubeconfig = finding.state
        elif isinstance(finding, ConfigRead):
            before = self.rows
            self.config, self.broken = finding.config, None
            self.rows = {row.name: _keep_session(row, before.get(row.name)) for row in finding.profiles}
        elif isinstance(finding, ConfigBroken):
            self.config, self.broken, self.rows = None, finding.error, {}
        if not self._will_show:
            # Once for all that is found already: with hundreds of profiles a picture takes longer than a finding.
            self._will_show = True
            self.call_later(self._show)

    def _show(self) -> None:
        self._will_show = False
        self.home.show()

    def _take_sessions(self, finding: SessionsRead) -> None:
        for row in finding.looked:
            before = self.rows.get(row.name)
            if before is not None and before.profile == row.profile:
                for text in describe_changes(before, row):
                    self.note(row.name, text)
                self.rows[row.name] = row

    # Start and end

    def on_mount(self) -> None:
        self.register_theme(_DARK)
        self.register_theme(_LIGHT)
        self.theme = _DARK.name
        self.push_screen(self.home)
        self.watcher.start()
        self._agent_watcher.start()
        if not self.is_headless and sys.platform != "win32":
            # A signal that ends the app must leave the terminal as it was.
            import asyncio

            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)

    def on_unmount(self) -> None:
        self.watcher.stop()
        self._agent_watcher.stop()

    def _handle_exception(self, error: Exception) -> None:
        # Textual's own page for a bug shows local variables, which may hold tokens.
        self.bug = self.bug or error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()

    # Keys and the command palette

    async def on_event(self, event: events.Event) -> None:
        """Drop keys that were typed for nothing that is there: before there was a picture, or for another screen."""
        if isinstance(event, events.Key | events.MouseEvent | events.Paste) and not event.is_forwarded:
            quits = isinstance(event, events.Key) and event.key in _QUITTING
            if not quits and not self._is_for_what_is_seen(event):
                return
        await super().on_event(event)

    def _is_for_what_is_seen(self, event: events.Event) -> bool:
        if not self.home.drawn:
            self.typeahead.drop()
            return False
        if not isinstance(event, events.Key):
            return True
        if self._moves(event):
            return True
        if self.jobs.unseen is not None:
            self.typeahead.drop()
            self.notify(f"Still busy: {self.jobs.unseen.title}", timeout=_BUSY_SECONDS, markup=False)
            return False
        focused = self.screen.focused
        is_text = focused is not None and focused.check_consume_key(event.key, event.character)
        return self.typeahead.passes(self.screen, used=is_text or event.key in self.screen.active_bindings)

    def _moves(self, key: events.Key) -> bool:
        """Whether a key moves the cursor of the table, and does nothing else."""
        found = self.screen.active_bindings.get(key.key)
        return found is not None and found.binding.action.partition("(")[0] in _MOVES

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything by name, in the command palette."""
        if screen is self.home:
            for action in ACTIONS:
                yield SystemCommand(action.title, action.help, lambda id_=action.id: self.action_perform(id_))
            yield SystemCommand("Filter", "Show only profiles with these words", self.home.action_filter)
            yield SystemCommand("Sort", "Sort by another column", self.home.action_sort)
            yield SystemCommand("Mark all", "Mark every profile that is shown, or none", self.home.action_mark_all)
            yield SystemCommand("Fold all", "Fold all clusters away, or show them", self.home.table.action_fold_all)
            yield SystemCommand(
                "Copy claims", "Copy the decoded claims as JSON; never a token", self.home.action_copy_claims
            )
        yield SystemCommand("Light or dark", "Change between light and dark", self.action_toggle_light)
        yield SystemCommand("Theme", "Choose a theme", self.action_change_theme)
        yield SystemCommand("Help", "Show every key, and what the states mean", self.action_help)
        yield SystemCommand("Quit", "End togetherctl", self.action_quit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action has a key now; one that does not fit the selection says why when it is asked for."""
        if action != "perform" or self.rows:
            return True
        return any(one.id == parameters[0] and one.fits(self.selection) for one in ACTIONS)

    def action_perform(self, id: str) -> None:  # noqa: A002 # its name in the table of actions
        action = next(action for action in ACTIONS if action.id == id)
        # The notification of the last action would cover the next action's box.
        self.clear_notifications()
        if action.fits(self.selection):
            action.run(self, self.selection)
        else:
            self.refuse(action.title, len(self.selection.marked))

    def stand_on(self, profile: str) -> None:
        self.home.table.stand_on(profile)

    def refuse(self, title: str, marked: int) -> None:
        """Say why what is called `title` cannot be done, with so many profiles marked."""
        if marked:
            said = f"{title.split(maxsplit=1)[0]} one at a time: {marked} are marked."
        else:
            said = f"{title}: no profile is shown. Escape ends the filter."
        self.notify(said, severity="warning", markup=False)

    def action_help(self) -> None:
        from togetherctl.tui.screens.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help())

    def action_toggle_light(self) -> None:
        self.theme = (_LIGHT if self.current_theme.dark else _DARK).name


def _keep_session(row: SessionSnapshot, before: SessionSnapshot | None) -> SessionSnapshot:
    """Until its session is read again, a profile shows the session it had."""
    if before is None or before.profile.key != row.profile.key or before.profile.storage != row.profile.storage:
        return row
    return replace(before, profile=row.profile, clusters=row.clusters)
