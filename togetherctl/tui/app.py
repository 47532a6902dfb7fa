"""The terminal interface as a whole: what is known of every profile, and the screens that show it.

Whatever takes time runs in a thread: the watcher's own, or a worker of
`@work(thread=True, exit_on_error=False, group=…)`. Widgets are touched on the app's thread alone; results come there by
`call_from_thread` or `post_message`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.message import Message

from togetherctl.tui import facts
from togetherctl.tui.acts import ACTS
from togetherctl.tui.screens.home import Home
from togetherctl.tui.selection import Selection
from togetherctl.tui.silence import Silence
from togetherctl.tui.watching import SessionsRead, StoreBroken, StoreRead, Told, Watcher
from togetherctl.tui.working import Working

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.binding import BindingType

    from togetherctl.auth.conversation import Conversation
    from togetherctl.store.store import Store
    from togetherctl.tui.looking import Looked
    from togetherctl.wiring import World

# What is remembered of what happened, for the details.
_EVENTS = 200


class TogetherApp(App[None]):
    """`make_world` gives the world to look at and to act in, told by a conversation."""

    TITLE = "togetherctl"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("t", "toggle_light", "Light or dark", show=False),
    ]

    class Found(Message):
        """The watcher found something."""

        def __init__(self, told: Told) -> None:
            super().__init__()
            self.told = told

    def __init__(self, make_world: Callable[[Conversation], World]) -> None:
        super().__init__()
        self.world = make_world(Silence())
        self.store: Store | None = None
        self.rows: dict[str, Looked] = {}
        self.events: deque[facts.Event] = deque(maxlen=_EVENTS)
        self.home = Home()
        self.working = Working(self)
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

    # Running

    def on_mount(self) -> None:
        self.push_screen(self.home)
        self._watcher.start()

    def on_unmount(self) -> None:
        self._watcher.stop()

    def on_together_app_found(self, message: Found) -> None:
        told = message.told
        if isinstance(told, StoreBroken):
            self._show_broken(told)
        elif isinstance(told, StoreRead):
            self._take_store(told)
        else:
            self._take_sessions(told)

    def _take_store(self, told: StoreRead) -> None:
        self.store = told.store
        before = self.rows
        self.rows = {row.name: _with_what_was_known(row, before.get(row.name)) for row in told.profiles}
        self.home.show()

    def _take_sessions(self, told: SessionsRead) -> None:
        self.rows.update({row.name: row for row in told.looked if row.name in self.rows})
        self.home.show()

    def _show_broken(self, told: StoreBroken) -> None:
        self.notify(told.error.message, markup=False, severity="error")

    def facts(self, row: Looked) -> list[facts.Section]:
        """Everything worth knowing of a profile."""
        sharing = [name for name, other in self.rows.items() if other.profile.key == row.profile.key != name]
        kept_in = (
            "memory, until this ends"
            if row.profile.storage == "memory"
            else str(self.world.paths.sessions / f"{row.profile.key}.json")
        )
        events = [event for event in reversed(self.events) if event.profile == row.name][:10]
        return list(
            facts.sections(
                row, self.now(), sharing=[name for name in sharing if name != row.name], kept_in=kept_in, events=events
            )
        )

    # Actions

    def action_act(self, id: str) -> None:  # noqa: A002 # as it is called in the registry
        act = next(act for act in ACTS if act.id == id)
        if act.fits(self.selection):
            act.run(self, self.selection)

    def action_toggle_light(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"


def _with_what_was_known(row: Looked, before: Looked | None) -> Looked:
    """Until its session is read again, a profile shows the one it had."""
    if before is None or before.profile.key != row.profile.key or before.profile.storage != row.profile.storage:
        return row
    return replace(before, profile=row.profile, clusters=row.clusters)
