"""Clusters: who one is there, and what kubectl knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.errors import KubeconfigError, TogetherctlError
from togetherctl.paths import tilde
from togetherctl.tui.doing.choosing import called, clusters, keys
from togetherctl.tui.work import Work, done, failed

if TYPE_CHECKING:
    from togetherctl.actions.kubeconfig import Written
    from togetherctl.actions.probing import Probed
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World


def test(app: TogetherApp, selection: Selection) -> None:
    """Ask clusters who one is there."""
    names = _named(app, selection)

    def do(world: World, work: Work) -> None:
        from togetherctl.actions.probing import probe

        work.begin("", f"Asking {called(names, 'cluster')} …")
        probe(world, world.store.clusters(names), each=lambda probed: _say_probed(work, probed))
        work.over()

    if names:
        rows = [app.rows[app.store.table.clusters[name].profile] for name in names] if app.store else []
        app.working.start(Work(f"Test cluster: {called(names, 'cluster')}", do, keys=keys(rows)))


def _say_probed(work: Work, probed: Probed) -> None:
    name = probed.cluster.name
    if probed.view is None:
        work.add(failed(name, probed.error or TogetherctlError("it did not answer")))
        return
    groups = ", ".join(probed.view.groups)
    work.add(done(name, f"you are {probed.view.username}", f"groups: {groups}" if groups else "no groups", read=True))


def write(app: TogetherApp, selection: Selection) -> None:
    """Show what would change in the kubeconfig; write it if the person agrees."""
    names = _named(app, selection)
    if names:
        _plan(app, f"Write kubeconfig: {called(names, 'cluster')}", names, overwrite=False)


def _plan(app: TogetherApp, title: str, names: list[str], *, overwrite: bool) -> None:
    """Look at what would change; entries that are somebody else's are asked about first."""
    from togetherctl.actions.kubeconfig import write_clusters

    planned: list[Written] = []
    foreign: list[str] = []

    def look(world: World, work: Work) -> None:
        work.begin("", "Looking at the kubeconfig …")
        try:
            planned.append(write_clusters(world, names, overwrite=overwrite, dry_run=True))
        except KubeconfigError as error:
            if overwrite or not error.overwritable:
                raise
            foreign.append(error.message)
            work.end("")
            return
        if not planned[0].changed:
            work.end("The kubeconfig says so already; there is nothing to write.", *planned[0].warnings)

    def looked() -> None:
        if foreign:
            _ask_to_overwrite(app, title, names, foreign[0])
        elif planned[0].changed:
            _show(app, title, names, planned[0], overwrite=overwrite)

    app.working.start(Work(title, look, done=looked))


def _ask_to_overwrite(app: TogetherApp, title: str, names: list[str], foreign: str) -> None:
    from togetherctl.tui.screens.question import Question

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            _plan(app, title, names, overwrite=True)

    means = [
        f"{foreign}.",
        "Yes shows what would change; nothing is written before you have agreed to that.",
        "Or give a cluster a context of its own: e on its row, then context.",
    ]
    app.push_screen(Question(title, "Replace entries that togetherctl did not write?", means), answered)


def _show(app: TogetherApp, title: str, names: list[str], planned: Written, *, overwrite: bool) -> None:
    from togetherctl.actions.kubeconfig import write_clusters
    from togetherctl.tui.screens.diff import Diff

    def do(world: World, work: Work) -> None:
        work.begin("", "Writing …")
        written = write_clusters(world, names, overwrite=overwrite)
        files = ", ".join(tilde(change.path, world.environ) for change in written.changed)
        more = [*written.warnings, *written.notes, f"Contexts: {', '.join(written.contexts)}"]
        work.end(f"Wrote {files or 'nothing: it says so already'}.", *more)

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work(title, do))

    files = ", ".join(tilde(change.path, app.world.environ) for change in planned.changed)
    diff = "".join(change.diff() for change in planned.changed)
    app.push_screen(Diff(title, f"Write this to {files}?", diff, planned.warnings), answered)


def _named(app: TogetherApp, selection: Selection) -> list[str]:
    """The clusters that are meant; where there are none, that is said."""
    names = clusters(app, selection)
    if not names:
        app.notify(f"No cluster is opened by {called(selection.profiles)}.", severity="warning", markup=False)
    return names


def use(app: TogetherApp, selection: Selection) -> None:
    """Make the context of a cluster the current one; of several, ask which."""
    from togetherctl.tui.screens.choice import Choice

    names = _named(app, selection)
    if len(names) == 1:
        _use(app, names[0])
    elif names:

        def answered(name: str | None) -> None:
            if name is not None:
                _use(app, name)

        app.push_screen(Choice("Use cluster", dict.fromkeys(names, ""), "Use it"), answered)


def _use(app: TogetherApp, name: str) -> None:
    def do(world: World, work: Work) -> None:
        from togetherctl.actions.kubeconfig_edit import use as carry_out

        work.begin("", "Setting the current context …")
        used = carry_out(world, name)
        more = [*used.written.warnings, *used.written.notes] if used.written else []
        if used.written:
            files = ", ".join(tilde(change.path, world.environ) for change in used.written.changed)
            more.insert(0, f"Its entries were written to {files} first.")
        if used.before == used.context:
            work.end(f"{used.context} is the current context already.", *more)
            return
        before = f"it was {used.before}" if used.before else "there was none"
        work.end(f"The current context is {used.context}; {before}.", *more)

    app.working.start(Work(f"Use cluster: {name}", do))
