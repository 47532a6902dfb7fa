"""A difference of files, and whether it is to be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from togetherctl.printable import printable
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.dialog import Scroll

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_STYLES = {"+": "$text-success", "-": "$text-error", "~": "$text-warning", "@": "$text-muted"}


class Diff(Question):
    """As a question; `diff` is unified, as `diff -u` prints it."""

    def __init__(self, title: str, question: str, diff: str, lines: Sequence[str] = ()) -> None:
        super().__init__(title, question, lines)
        self._diff = diff

    def meaning(self) -> ComposeResult:
        yield from super().meaning()
        with Scroll(id="diff"):
            yield Static(coloured(self._diff), markup=False)

    def on_mount(self) -> None:
        self.query_one("#diff").focus()


def coloured(diff: str) -> Content:
    """Each line in the colour of its sign; the sign stands where there is no colour."""
    lines = [printable(line, limit=2000) for line in diff.splitlines()]
    return Content("\n").join(Content.styled(line, _STYLES.get(line[:1], "")) for line in lines)
