"""Taking profiles and clusters from a bundle, after showing what it would change and whom it would trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.paths import tilde
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from togetherctl.actions.updating import Newer
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World


def from_file(app: TogetherApp, _selection: Selection) -> None:
    """Ask where the bundle is."""
    from togetherctl.tui.screens.source import AskSource

    def answered(source: str | None) -> None:
        if source is not None:
            _look(app, source)

    app.push_screen(AskSource(), answered)


def _look(app: TogetherApp, source: str) -> None:
    found: list[Newer] = []

    def look(world: World, work: Work) -> None:
        from togetherctl.actions.updating import consider
        from togetherctl.sources.bundle_place import take

        work.begin("", f"Reading {source} …")
        found.append(consider(world, take(source, world.environ, log=world.log)))
        if found[0].update.changes_nothing:
            work.end("Your store has all of it already.", *found[0].update.lines())
        else:
            work.end("")

    def looked() -> None:
        if not found[0].update.changes_nothing:
            _show(app, found[0])

    app.working.start(Work("Import from a file", look, done=looked))


def _show(app: TogetherApp, newer: Newer) -> None:
    from togetherctl.tui.screens.diff import Diff

    def do(world: World, work: Work) -> None:
        from togetherctl.actions.updating import carry_out

        work.begin("", "Importing …")
        carry_out(world, newer)
        profiles, clusters = newer.update.touched("profile"), newer.update.touched("cluster")
        more = [f"Clusters: {', '.join(clusters)}; w writes them into the kubeconfig."] if clusters else []
        work.end(f"Imported {', '.join(profiles) or newer.name}.", *more)

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work("Import from a file", do))

    trust = [f"! {stranger.sentence}" for stranger in newer.strangers]
    if trust:
        trust.append("Agree only if you know these hosts.")
    place = tilde(app.world.paths.config, app.world.environ)
    app.push_screen(
        Diff(f"Import from {newer.taken.origin}", f"Change {place} like this?", "\n".join(newer.update.lines()), trust),
        answered,
    )
