"""The terminal interface as a whole: what is known of every profile, and the screens that show it.

Whatever takes time runs in a thread: the watcher's own, or a worker of
`@work(thread=True, exit_on_error=False, group=…)`. Widgets are touched on the app's thread alone; results come there by
`call_from_thread` or `post_message`.
"""

from __future__ import annotations

import signal
import sys
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.message import Message

from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.tui import facts, themes
from togetherctl.tui.acts import ACTS
from togetherctl.tui.history import what_happened
from togetherctl.tui.screens.home import Home
from togetherctl.tui.selection import Selection
from togetherctl.tui.silence import Silence
from togetherctl.tui.watching import Failed, SessionsRead, StoreBroken, StoreRead, Told, Watcher
from togetherctl.tui.working import Working

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.screen import Screen

    from togetherctl.auth.conversation import Conversation
    from togetherctl.errors import TogetherctlError
    from togetherctl.store.store import Store
    from togetherctl.tui.looking import Looked
    from togetherctl.wiring import World

# What is remembered of what happened, in all and for one profile's details.
_EVENTS = 1000
_EVENTS_SHOWN = 10


class TogetherApp(App[None]):
    """`make_world` gives the world to look at and to act in, told by a conversation."""

    TITLE = "togetherctl"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("T", "toggle_light", "Light or dark", show=False),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    class Found(Message):
        """The watcher found something."""

        def __init__(self, told: Told) -> None:
            super().__init__()
            self.told = told

    def __init__(self, make_world: Callable[[Conversation], World]) -> None:
        self.world = make_world(Silence())
        # Without colour means none, rather than grey.
        super().__init__(ansi_color=True if self.world.environ.get("NO_COLOR") else None)
        self.store: Store | None = None
        self.broken: TogetherctlError | None = None
        self.rows: dict[str, Looked] = {}
        self.events: deque[facts.Event] = deque(maxlen=_EVENTS)
        self.home = Home()
        self.working = Working(self)
        self.bug: Exception | None = None
        self._watcher = Watcher(lambda: self.world, lambda told: self.post_message(self.Found(told)))

    # For acts

    def world_for(self, conversation: Conversation) -> World:
        """A world to act in: the store is read anew, and sessions in memory are those of the table."""
        return self.world.anew(conversation)

    @property
    def selection(self) -> Selection:
        """What is meant: the row under the cursor of the home screen, and the profiles marked there."""
        return self.home.selection if self.home.is_mounted else Selection()

    def look_again(self) -> None:
        """Have everything read anew at once, as after an act."""
        self._watcher.look_now()

    def note(self, profile: str, text: str) -> None:
        """Keep for the details what happened to a profile."""
        self.events.append(facts.Event(self.now(), profile, text))

    def now(self) -> float:
        """Seconds since 1970."""
        return self.world.clock()

    def facts(self, row: Looked) -> list[facts.Section]:
        """Everything worth knowing of a profile."""
        sharing = [name for name, other in self.rows.items() if other.profile.key == row.profile.key]
        kept_in = tilde(self.world.paths.sessions / f"{row.profile.key}.json", self.world.environ)
        events = [event for event in reversed(self.events) if event.profile == row.name]
        return list(
            facts.sections(
                row,
                self.now(),
                sharing=[name for name in sharing if name != row.name],
                kept_in="memory, until this ends" if row.profile.storage == "memory" else kept_in,
                events=events[:_EVENTS_SHOWN],
            )
        )

    def copy_claims(self, row: Looked | None) -> None:
        """Send the decoded claims of a profile to the clipboard; never a token."""
        text = facts.claims_json(row) if row else None
        if row is None or text is None:
            self.notify("There are no claims to copy: nobody is logged in here.", markup=False, severity="warning")
            return
        self.copy_to_clipboard(text)
        name = printable(row.name)
        self.notify(f"The claims of {name} were sent to the clipboard as JSON, without a token.", markup=False)

    # What the watcher finds

    def on_together_app_found(self, message: Found) -> None:
        told = message.told
        if isinstance(told, Failed):
            self._handle_exception(told.error)
        elif isinstance(told, SessionsRead):
            self._take_sessions(told)
        elif isinstance(told, StoreRead):
            self._take_store(told)
        else:
            self._take_broken(told)
        if self.home.is_mounted:
            self.home.show()

    def _take_store(self, told: StoreRead) -> None:
        self.store, self.broken = told.store, None
        before = self.rows
        self.rows = {row.name: _with_what_was_known(row, before.get(row.name)) for row in told.profiles}

    def _take_broken(self, told: StoreBroken) -> None:
        self.store, self.broken = None, told.error
        self.rows = {}

    def _take_sessions(self, told: SessionsRead) -> None:
        for row in told.looked:
            before = self.rows.get(row.name)
            if before is not None and before.profile == row.profile:
                for text in what_happened(before, row):
                    self.note(row.name, text)
                self.rows[row.name] = row

    # Beginning and ending

    def on_mount(self) -> None:
        self.register_theme(themes.DARK)
        self.register_theme(themes.LIGHT)
        self.theme = themes.DARK.name
        self.push_screen(self.home)
        self._watcher.start()
        if not self.is_headless and sys.platform != "win32":
            # Whoever ends us from outside gets their terminal back as it was.
            import asyncio

            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)

    def on_unmount(self) -> None:
        self._watcher.stop()

    def _handle_exception(self, error: Exception) -> None:
        # Textual's own page for a bug shows the local variables, in which tokens may be.
        self.bug = self.bug or error
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        self._close_messages_no_wait()

    # Actions

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything by name, in the command palette."""
        if screen is self.home:
            for act in ACTS:
                yield SystemCommand(act.title, act.help, lambda id_=act.id: self.action_act(id_))
            yield SystemCommand("Filter", "Show only what has these words", self.home.action_filter)
            yield SystemCommand("Sort", "Sort by something else", self.home.action_sort)
            yield SystemCommand("Mark all", "Mark every profile that is shown, or none", self.home.action_mark_all)
            yield SystemCommand("Fold all", "Fold all clusters away, or show them", self.home.action_fold_all)
            yield SystemCommand(
                "Copy claims", "Copy the decoded claims as JSON; never a token", self.home.action_copy_claims
            )
        yield SystemCommand("Light or dark", "Change between the two", self.action_toggle_light)
        yield SystemCommand("Theme", "Choose one of all themes", self.action_change_theme)
        yield SystemCommand("Help", "Every key, and what the states mean", self.action_help)
        yield SystemCommand("Quit", "End togetherctl", self.action_quit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action can be done now; None shows its key greyed out."""
        if action != "act":
            return True
        return any(act.id == parameters[0] and act.fits(self.selection) for act in ACTS) or (
            None if self.rows else False
        )

    def action_act(self, id: str) -> None:  # noqa: A002 # as it is called in the registry
        act = next(act for act in ACTS if act.id == id)
        # What was said of the act before would stand over the next one's page.
        self.clear_notifications()
        if act.fits(self.selection):
            act.run(self, self.selection)
        else:
            self.notify(f"{act.title}: choose one profile first.", severity="warning", markup=False)

    def action_help(self) -> None:
        from togetherctl.tui.screens.help import Help

        if not isinstance(self.screen, Help):
            self.push_screen(Help())

    def action_toggle_light(self) -> None:
        self.theme = (themes.LIGHT if self.current_theme.dark else themes.DARK).name


def _with_what_was_known(row: Looked, before: Looked | None) -> Looked:
    """Until its session is read again, a profile shows the one it had."""
    if before is None or before.profile.key != row.profile.key or before.profile.storage != row.profile.storage:
        return row
    return replace(before, profile=row.profile, clusters=row.clusters)
