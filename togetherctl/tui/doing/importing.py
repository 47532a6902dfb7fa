"""Taking profiles and clusters from a bundle or a kubeconfig, after showing what it would change."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from togetherctl.actions.joining import Preview, Wish
from togetherctl.errors import UsageError
from togetherctl.paths import expand, tilde
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from togetherctl.actions.updating import Newer
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World

_STORE_ALONE = Wish(write=False)


def from_file(app: TogetherApp, _selection: Selection) -> None:
    """Ask where the bundle or the kubeconfig is."""
    from togetherctl.tui.screens.source import AskSource

    def answered(source: str | None) -> None:
        if source is not None:
            _look(app, source)

    app.push_screen(AskSource(), answered)


def _look(app: TogetherApp, source: str) -> None:
    found: list[Newer | Preview] = []

    def look(world: World, work: Work) -> None:
        from togetherctl.actions.updating import consider
        from togetherctl.sources.bundle_place import take
        from togetherctl.sources.recognise import is_bundle

        work.begin("", f"Reading {source} …")
        taken = take(source, world.environ, log=world.log)
        if taken.is_remote or is_bundle(taken.text):
            newer = consider(world, taken)
            found.append(newer)
            nothing, lines = newer.update.changes_nothing, newer.update.lines()
        else:
            seen, passed = _kubeconfig(world, source)
            found.append(seen)
            nothing, lines = seen.changes_nothing, [*passed, *seen.taking.lines()]
        work.end(*(["Your store has all of it already.", *lines] if nothing else [""]))

    def looked() -> None:
        [seen] = found
        if not isinstance(seen, Preview):
            if not seen.update.changes_nothing:
                _show(app, seen)
        elif not seen.changes_nothing:
            _show_kubeconfig(app, source, seen)

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


def _kubeconfig(world: World, source: str) -> tuple[Preview, list[str]]:
    """What a kubeconfig would add, and what of it cannot be taken. Raises UsageError where somebody has to be asked."""
    from togetherctl.actions.joining import by_plan, preview
    from togetherctl.sources.kubeconfigs import from_kubeconfigs

    found = from_kubeconfigs([expand(source, world.environ)], world.environ)
    taking = by_plan(world, found.offers, _STORE_ALONE, lambda _moved: None)
    plan = taking.plan
    if plan.without_login or plan.secrets:
        missing = (
            "does not say how to log in" if plan.without_login else "holds a client secret, which has to go elsewhere"
        )
        raise UsageError(f"{found.origin} {missing}", hint=f"togetherctl init {shlex.quote(source)}")
    passed = [f"{one.name} cannot be taken, because {one.reason}." for one in (*found.passed, *plan.passed)]
    if not plan.clusters:
        raise UsageError(f"there is nothing to take in {found.origin}", problems=passed)
    return preview(world, taking, _STORE_ALONE), passed


def _show_kubeconfig(app: TogetherApp, source: str, seen: Preview) -> None:
    from togetherctl.tui.screens.diff import Diff

    def do(world: World, work: Work) -> None:
        from togetherctl.actions.joining import join

        work.begin("", "Importing …")
        join(world, seen, _STORE_ALONE)
        clusters = ", ".join(seen.taking.clusters)
        work.end(
            f"Imported {', '.join(seen.taking.profiles)}.", f"Clusters: {clusters}; w writes them into the kubeconfig."
        )

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work("Import from a file", do))

    place = tilde(app.world.paths.config, app.world.environ)
    app.push_screen(
        Diff(f"Import from {source}", f"Change {place} like this?", seen.diff(), list(seen.taking.lines())), answered
    )
