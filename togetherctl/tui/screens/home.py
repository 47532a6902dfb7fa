"""The home screen: the table of profiles, a summary, and the details of the row under the cursor."""

from __future__ import annotations

import gc
from collections import Counter
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Input, Static

from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.tui import table_columns
from togetherctl.tui.actions import ACTIONS, Action
from togetherctl.tui.context import AppContext
from togetherctl.tui.profile_facts import drift_sentence
from togetherctl.tui.selection import Selection
from togetherctl.tui.widgets.details import Details, DetailsScreen
from togetherctl.tui.widgets.key_footer import KeyFooter
from togetherctl.tui.widgets.profile_table import Profiles, TableLine
from togetherctl.tui.widgets.welcome import Broken, Welcome
from togetherctl.usecases.session_snapshot import STATES

# From this width on, details are beside the table.
WIDE = 120
# The actions that come first in the footer, which fit in 60 columns.
_FIRST = ("log_in", "refresh", "log_out", "use")


def _binding(action: Action) -> Binding:
    command = f"app.perform('{action.id}')"
    return Binding(
        action.key,
        command,
        action.brief or action.title,
        show=bool(action.brief),
        tooltip=f"{action.title}: {action.help}",
        id=action.id,
    )


class Home(Screen[None]):
    """The table of profiles, and the details of the row under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(_binding(action) for action in ACTIONS if action.id in _FIRST),
        Binding("question_mark", "app.help", "Help", key_display="?"),
        Binding("q", "app.quit", "Quit"),
        # Priority: what is typed right after it must go to the filter already.
        Binding("slash", "filter", "Filter", key_display="/", priority=True, tooltip="Show only rows with these words"),
        *(_binding(action) for action in ACTIONS if action.id not in _FIRST),
        Binding("s", "sort", "Sort", show=False, tooltip="Sort by another column"),
        Binding("asterisk", "mark_all", "Mark all", key_display="*", show=False),
        Binding("c", "copy_claims", "Copy claims", show=False, tooltip="Copy the decoded claims; never a token"),
        Binding("escape", "clear", "Show all", show=False),
    ]

    AUTO_FOCUS = "#profiles"

    app: AppContext

    def __init__(self) -> None:
        super().__init__()
        self._words = ""
        self._sort = "store"
        # Whether a person has seen what there is: the table, the welcome page, or what is wrong.
        self.drawn = False

    def compose(self) -> ComposeResult:
        yield Static(id="summary", markup=False)
        with Horizontal(id="filtering"):
            yield Static("Filter", markup=False)
            # Disabled while it is hidden, so that no key can get there unseen.
            yield Input(placeholder="words to find; Enter keeps them", id="filter", compact=True, disabled=True)
            yield Static("Escape ends the filter", markup=False)
        with ContentSwitcher(initial="body"):
            with Horizontal(id="body"):
                yield Profiles(self.app.now, id="profiles")
                yield Details(id="beside")
            yield Welcome(id="welcome")
            yield Broken(id="broken")
        yield Static(id="about", markup=False)
        yield KeyFooter()

    @property
    def table(self) -> Profiles:
        return self.query_one(Profiles)

    @property
    def selection(self) -> Selection:
        return self.table.selection

    def on_mount(self) -> None:
        self.table.focus()
        self.set_interval(1.0, self.tick)
        self.show()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "wide")
        self.call_after_refresh(self.about)

    # Showing

    @property
    def _is_whole(self) -> bool:
        """Whether there is something to show it on: not before it is composed, nor while the app ends."""
        return all(self.query(part) for part in ("#summary", "#profiles", "#beside", "#about"))

    def show(self) -> None:
        """Show what the app knows now: the table, the welcome page, or what is wrong with the configuration."""
        if not self._is_whole:
            return
        if self.app.broken is not None:
            self.query_one(Broken).show(self.app.broken)
            self._page("broken")
        elif self.app.config is not None and not self.app.rows:
            self.query_one(Welcome).show(tilde(self.app.world.paths.config, self.app.world.environ))
            self._page("welcome")
        else:
            self._page("body")
        now = self.app.now()
        found = [row for row in self.app.rows.values() if table_columns.matches(row, self._words, now)]
        self.table.show(
            table_columns.in_order(found, self._sort, now), sorted_by=self._sort, kubeconfig=self.app.kubeconfig
        )
        self.about()
        if not self.drawn and (self.app.broken or self.app.config):
            self.call_after_refresh(self._was_drawn)

    def _was_drawn(self) -> None:
        self.drawn = True
        # Whoever opened it may have left the loaded modules uncollected; from here on it runs for hours.
        gc.freeze()
        gc.enable()

    def _page(self, name: str) -> None:
        switcher = self.query_one(ContentSwitcher)
        if switcher.current == name:
            return
        switcher.current = name
        self.set_class(name != "body", "without-table")
        if name == "body":
            self.table.focus()
        elif name == "broken":
            self.query_one(Broken).focus()
        elif self.query("Welcome Button"):
            self.query("Welcome Button").first().focus()

    def tick(self) -> None:
        """A second went by."""
        if self._is_whole:
            self.table.tick()
            self.about()

    def about(self) -> None:
        """Update what is around the table: the summary, and the details of the row under the cursor."""
        if not self._is_whole:
            return
        self.query_one("#summary", Static).update(self._summary())
        line = self.table.current
        self.query_one("#about", Static).update(self._about(line) if line else Text(""))
        if self.has_class("wide"):
            beside = self.query_one("#beside", Details)
            if line is None:
                beside.show("", [])
            else:
                beside.show(printable(line.row.name), self.app.facts(line.row))

    def _summary(self) -> Text:
        now = self.app.now()
        found = list(self.app.rows.values())
        parts = [f"{len(found)} profile{'' if len(found) == 1 else 's'}"]
        if self._words:
            parts.append(f"{self.table.count} with “{printable(self._words)}”")
        marked = len(self.table.selection.marked)
        if marked:
            parts.append(f"{marked} marked")
        counts = Counter(row.state_name(now) for row in found)
        parts += [f"{counts[name]} {words.label}" for name, words in STATES.items() if words.counted and counts[name]]
        if self.app.kubeconfig is not None and self.app.kubeconfig.drift:
            parts.append(f"{len(self.app.kubeconfig.drift)} ! differs")
        said = "   ".join(parts) if found else ""
        if len(said) + len("togetherctl") + 5 > self.size.width:
            said = "  ".join(parts)
        return Text.assemble(("togetherctl", "bold"), "   ", said)

    def _about(self, line: TableLine) -> Text:
        """Two lines about the row under the cursor: the session, and what to mend."""
        now, row = self.app.now(), line.row
        session = row.session
        renews = "" if session is None else "renews by itself" if session.refreshable else "does not renew by itself"
        parts = (printable(row.profile.issuer.url), f"storage {row.profile.storage}", renews)
        first = "  ·  ".join(part for part in parts if part)
        drift = self.app.kubeconfig.drift if self.app.kubeconfig else {}
        clusters = [line.cluster] if line.cluster else [one for one in row.clusters if row.trouble is None]
        differs = next((f"{one.name}: {drift_sentence(drift[one.name])}" for one in clusters if one.name in drift), "")
        return Text(f"{first}\n{differs or table_columns.trouble(row, now).text}")

    def on_profiles_moved(self) -> None:
        self.about()
        self.refresh_bindings()

    def on_profiles_chosen(self) -> None:
        if self.has_class("wide"):
            self.query_one("#beside", Details).focus()
        elif self.selection.profile:
            self.app.push_screen(DetailsScreen(self.selection.profile))

    def on_profiles_sort_wanted(self, event: Profiles.SortWanted) -> None:
        self._sort = event.column if event.column in table_columns.SORTS and event.column != self._sort else "store"
        self.show()

    # Keys

    def action_filter(self) -> None:
        self.set_focus(self._show_filter(shown=True))

    def _show_filter(self, *, shown: bool) -> Input:
        """Show or hide the field of the filter, which stays as long as a filter is in force."""
        self.query_one("#filtering").display = shown
        box = self.query_one("#filter", Input)
        box.disabled = not shown
        return box

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the filter `/` is a letter as any other."""
        return action != "filter" or (bool(self.app.rows) and self.focused is not self.query_one("#filter"))

    def on_input_changed(self, event: Input.Changed) -> None:
        # Pasted text may hold anything.
        plain = "".join(char for char in event.value if char.isprintable())
        if plain != event.value:
            event.input.value = plain
            return
        self._words = plain
        self.show()

    def on_input_submitted(self) -> None:
        if not self._words:
            self._show_filter(shown=False)
        self.set_focus(self.table)

    def action_clear(self) -> None:
        """End the filter, else clear the marks."""
        if not self.query_one("#filtering").display:
            self.table.unmark()
        self._show_filter(shown=False).value = ""
        self.set_focus(self.table)

    def action_sort(self) -> None:
        self._sort = table_columns.SORTS[(table_columns.SORTS.index(self._sort) + 1) % len(table_columns.SORTS)]
        self.show()

    def action_mark_all(self) -> None:
        self.table.mark_all()

    def action_copy_claims(self) -> None:
        if len(self.selection.profiles) > 1:
            self.app.refuse("Copy claims", len(self.selection.marked))
        else:
            self.app.copy_claims(self.app.rows.get(next(iter(self.selection.profiles), "")))
