"""The table of profiles with their clusters; it draws only the lines in sight."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from togetherctl.config.config import Cluster
from togetherctl.printable import printable
from togetherctl.tui import table_columns
from togetherctl.tui.selection import Selection
from togetherctl.tui.table_columns import TONES
from togetherctl.usecases.session_snapshot import SessionSnapshot

if TYPE_CHECKING:
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

# Cells before a row: its mark, and whether its clusters are folded.
_GUTTER = 4


class TableLine(NamedTuple):
    """A profile, or one of its clusters."""

    row: SessionSnapshot
    cluster: Cluster | None = None
    last: bool = False

    @property
    def id(self) -> tuple[str, str | None]:
        return self.row.name, self.cluster.name if self.cluster else None


class Profiles(ScrollView, can_focus=True):
    """All profiles. `clock` gives seconds since 1970; call `tick` each second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("home,g", "end(0)", "First", show=False),
        Binding("end,G", "end(-1)", "Last", show=False),
        Binding("n", "next(1)", "Next profile", show=False),
        Binding("N", "next(-1)", "Previous profile", show=False),
        Binding("space", "mark", "Mark", show=False, tooltip="Mark it; actions are for all marked profiles"),
        Binding("left", "fold(True)", "Fold clusters", show=False),
        Binding("right", "fold(False)", "Show clusters", show=False),
        Binding("z", "fold_all", "Fold all", show=False),
        Binding("enter", "choose", "Details"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *TONES,
        "profiles--header",
        "profiles--cursor",
        "profiles--cursor-away",
    }

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """Another row is under the cursor, or its row changed."""

    class Chosen(Message):
        """Enter was pressed on a row, or it was clicked twice."""

    class SortWanted(Message):
        """The title of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, clock: Callable[[], float], *, id: str | None = None) -> None:  # noqa: A002 # Textual's name
        super().__init__(id=id)
        self._clock = clock
        self._rows: list[SessionSnapshot] = []
        self._marked: set[str] = set()
        self._folded: set[str] = set()
        self._lines: list[TableLine] = []
        self._columns: list[tuple[table_columns.Column, int]] = []
        self._gap = 1
        self._sorted_by = ""
        self._wanted: str | None = None
        self._kubeconfig: KubeconfigState | None = None
        self._drawn: dict[int, tuple[table_columns.Cell, ...]] = {}

    # What it is given

    def show(
        self, found: Iterable[SessionSnapshot], *, sorted_by: str = "", kubeconfig: KubeconfigState | None = None
    ) -> None:
        """Show these rows from now on; cursor, marks and folds stay with their profiles.

        The title of the column they are `sorted_by` says so, and so do clusters of which the `kubeconfig` says more.
        """
        self._rows = list(found)
        self._sorted_by = sorted_by
        self._kubeconfig = kubeconfig
        self._lay_out()

    def stand_on(self, profile: str) -> None:
        """Put the cursor on a profile's row, now or as soon as it is there."""
        self._wanted = profile
        self._put_cursor_at(self.current.id if self.current else None)

    def tick(self) -> None:
        """Draw again only the lines that the time changed."""
        for y, before in list(self._drawn.items()):
            index = y + self.scroll_offset.y - 1
            if 0 <= index < len(self._lines) and self._cells(self._lines[index]) != before:
                self.refresh_line(y + self.scroll_offset.y)

    # What it is asked

    @property
    def current(self) -> TableLine | None:
        return self._lines[self.cursor] if 0 <= self.cursor < len(self._lines) else None

    @property
    def count(self) -> int:
        """How many profiles are shown."""
        return len(self._rows)

    @property
    def selection(self) -> Selection:
        line = self.current
        return Selection(
            line.row.name if line else None,
            line.cluster.name if line and line.cluster else None,
            # A marked profile that the filter hides does not count.
            tuple(row.name for row in self._rows if row.name in self._marked),
        )

    # Laying out

    def _lay_out(self) -> None:
        at = self.current.id if self.current else None
        self._lines = []
        for row in self._rows:
            self._lines.append(TableLine(row))
            if row.name not in self._folded:
                last = len(row.clusters) - 1
                self._lines += [TableLine(row, cluster, last=i == last) for i, cluster in enumerate(row.clusters)]
        self._columns, self._gap = table_columns.fit(max(self.size.width - _GUTTER - 1, 20), self._rows, self._clock())
        self.virtual_size = Size(self.size.width, len(self._lines) + 1)
        self._put_cursor_at(at)
        self._drawn.clear()
        self.refresh()

    def _put_cursor_at(self, at: tuple[str, str | None] | None) -> None:
        places = {line.id: index for index, line in enumerate(self._lines)}
        index = self.cursor
        if self._wanted is not None and (self._wanted, None) in places:
            index, self._wanted = places[self._wanted, None], None
        elif at is not None:
            index = places.get(at, places.get((at[0], None), index))
        index = max(min(index, len(self._lines) - 1), 0)
        moved = index != self.cursor
        self.cursor = index
        if not moved:
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        self._lay_out()
        self._bring_into_sight()

    # Drawing

    def _cells(self, line: TableLine) -> tuple[table_columns.Cell, ...]:
        now = self._clock()
        if line.cluster is not None:
            current, differs = table_columns.kubeconfig_marks([line.cluster], self._kubeconfig)
            return (
                table_columns.Cell(f"{current} ", "good"),
                table_columns.Cell(f"{differs} ", "old"),
                table_columns.Cell("└ " if line.last else "├ ", "dim"),
                table_columns.Cell(printable(line.cluster.name)),
                table_columns.cluster_text(line.cluster, self._kubeconfig),
            )
        mark = "◆ " if line.row.name in self._marked else "  "
        fold = "  " if not line.row.clusters else "▾ "
        if line.row.name in self._folded:
            # What its hidden clusters would show.
            marks = "".join(table_columns.kubeconfig_marks(line.row.clusters, self._kubeconfig)).strip()
            fold = f"▸{marks[:1] or ' '}"
        return (
            table_columns.Cell(mark, "busy"),
            table_columns.Cell(fold, "dim"),
            *(column.cell(line.row, now) for column, _width in self._columns),
        )

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._header()
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._lines):
            self._drawn.pop(y, None)
            return Strip.blank(self.size.width, self.rich_style)
        line = self._lines[index]
        cells = self._cells(line)
        self._drawn[y] = cells
        over = self._cursor_style() if index == self.cursor else Style.null()
        segments = [
            Segment(_cut(cell.text, width), self.get_component_rich_style(f"tone--{cell.tone}") + over)
            for cell, width in self._place(line, cells)
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style + over)

    def _cursor_style(self) -> Style:
        """The style that the cursor adds to a row, whose colours stay."""
        part = self.get_component_rich_style("profiles--cursor" if self.has_focus else "profiles--cursor-away")
        return Style(bgcolor=part.bgcolor, reverse=part.reverse, underline=part.underline)

    def _place(self, line: TableLine, cells: tuple[table_columns.Cell, ...]) -> list[tuple[table_columns.Cell, int]]:
        """Each cell with its width, gaps between columns included."""
        if line.cluster is not None:
            first = self._columns[0][1] + self._gap - 2
            room = max(self.size.width - _GUTTER - 2 - first, 3)
            return list(zip(cells, [2, 2, 2, first, room], strict=True))
        widths = [width + self._gap for _column, width in self._columns]
        return list(zip(cells, [2, 2, *widths], strict=True))

    def _header(self) -> Strip:
        style = self.get_component_rich_style("profiles--header")
        text = " " * _GUTTER + "".join(
            _cut(f"{column.title} ▾" if column.id == self._sorted_by else column.title, width + self._gap)
            for column, width in self._columns
        )
        return Strip([Segment(text, style)]).adjust_cell_length(self.size.width, style)

    # Moving

    def watch_cursor(self) -> None:
        self._bring_into_sight()
        self.refresh()
        self.post_message(self.Moved())

    def _bring_into_sight(self) -> None:
        height = max(self.size.height - 1, 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def _go(self, index: int) -> None:
        if self._lines:
            self.cursor = max(min(index, len(self._lines) - 1), 0)

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self.cursor + by * max(self.size.height - 2, 1))

    def action_end(self, which: int) -> None:
        self._go(0 if which == 0 else len(self._lines) - 1)

    def action_next(self, by: int) -> None:
        """Go to the next row that is a profile; after the last comes the first."""
        count = len(self._lines)
        for step in range(1, count + 1):
            index = (self.cursor + by * step) % count
            if self._lines[index].cluster is None:
                self._go(index)
                return

    # Marking and folding

    def action_mark(self) -> None:
        if self.current is None:
            return
        self._marked ^= {self.current.row.name}
        self.refresh()
        if self.cursor < len(self._lines) - 1:
            self.action_next(1)
        self.post_message(self.Moved())

    def mark_all(self) -> None:
        """Mark every profile that is shown, or none if all are marked."""
        names = {row.name for row in self._rows}
        self._marked = set() if names <= self._marked else names
        self.refresh()
        self.post_message(self.Moved())

    def unmark(self) -> None:
        """Clear all marks."""
        self._marked = set()
        self.refresh()
        self.post_message(self.Moved())

    def action_fold(self, folded: bool) -> None:  # noqa: FBT001 # an action's parameter
        if self.current is None:
            return
        name = self.current.row.name
        (self._folded.add if folded else self._folded.discard)(name)
        self._lay_out()

    def action_fold_all(self) -> None:
        names = {row.name for row in self._rows if row.clusters}
        self._folded = set() if names <= self._folded else names
        self._lay_out()

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        if event.y == 0:
            self._click_title(event.x)
            return
        index = event.y - 1 + self.scroll_offset.y
        if index >= len(self._lines):
            return
        self._go(index)
        line = self._lines[index]
        if event.x < 2:
            self.action_mark()
        elif event.x < _GUTTER and line.cluster is None:
            self.action_fold(line.row.name not in self._folded)
        elif event.chain == 2:
            self.action_choose()

    def _click_title(self, x: int) -> None:
        at = _GUTTER
        for column, width in self._columns:
            at += width + self._gap
            if x < at:
                self.post_message(self.SortWanted(column.id))
                return


def _cut(text: str, width: int) -> str:
    """`text` in exactly `width` cells, the last one empty."""
    if width > 4 and cell_len(text) > width - 1:
        text = set_cell_size(text, width - 2) + "…"
    return set_cell_size(text, width)
