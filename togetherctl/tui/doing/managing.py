"""Changing the store: every change goes through it, so that comments survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import TogetherctlError
from togetherctl.store.editing import section
from togetherctl.store.files import read
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World


def edit(app: TogetherApp, selection: Selection) -> None:
    """The profile or cluster under the cursor, in a form."""
    from togetherctl.tui.screens.edit import EditScreen

    kind, name = entry(selection)
    found: list[dict[str, Any]] = []

    def look(world: World, work: Work) -> None:
        work.begin(name, "Reading …")
        found.append(read(world.paths.config).data)
        if name not in found[0].get(section(kind), {}):
            raise TogetherctlError(f"there is no {kind} {name} any more")
        work.end("")

    app.working.start(
        Work(f"Edit {kind}: {name}", look, done=lambda: app.push_screen(EditScreen(kind, name, found[0])))
    )


def entry(selection: Selection) -> tuple[Kind, str]:
    """What is under the cursor, or the one that is marked."""
    if selection.cluster is not None and not selection.marked:
        return "cluster", selection.cluster
    return "profile", selection.profiles[0]
