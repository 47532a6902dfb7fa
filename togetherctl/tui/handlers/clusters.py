"""Actions on clusters: test them, write their contexts into the kubeconfig, use one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.errors import KubeconfigError, TogetherctlError
from togetherctl.tui.job import Job, done, failed
from togetherctl.tui.screens.dialog import ChoiceDialog, Question
from togetherctl.tui.selection import Selection, count_or_name, session_keys

if TYPE_CHECKING:
    from togetherctl.tui.context import AppContext
    from togetherctl.usecases.ask_clusters import ClusterAnswer
    from togetherctl.usecases.kubeconfig_write import WriteResult
    from togetherctl.wiring import World


def test(app: AppContext, selection: Selection) -> None:
    """Ask clusters who the person is there."""
    names = _find_clusters(app, selection)

    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.ask_clusters import ask_clusters

        job.begin("", f"Asking {count_or_name(names, 'cluster')} …")
        ask_clusters(world, world.config.clusters(names), each=lambda probed: _report_probe(job, probed))
        job.drop_step()

    if names:
        rows = [app.rows[app.config.table.clusters[name].profile] for name in names] if app.config else []
        app.jobs.start(Job(f"Test cluster: {count_or_name(names, 'cluster')}", do, keys=session_keys(rows)))


def _report_probe(job: Job[None], probed: ClusterAnswer) -> None:
    name = probed.cluster.name
    if probed.view is None:
        job.add(failed(name, probed.error or TogetherctlError("it did not answer")))
        return
    groups = ", ".join(probed.view.groups)
    job.add(done(name, f"you are {probed.view.username}", f"groups: {groups}" if groups else "no groups", read=True))


def write(app: AppContext, selection: Selection) -> None:
    """Show what would change in the kubeconfig; write it if the person agrees."""
    names = _find_clusters(app, selection)
    if names:
        _plan_write(app, f"Write kubeconfig: {count_or_name(names, 'cluster')}", names, overwrite=False)


def _plan_write(app: AppContext, title: str, names: Sequence[str], *, overwrite: bool) -> None:
    """See what would change; ask first about entries that togetherctl did not write."""
    from togetherctl.usecases.reports import report_written

    def plan(world: World, job: Job[WriteResult | str]) -> WriteResult | str:
        """The change, or why the kubeconfig has entries of others in its way."""
        from togetherctl.usecases.kubeconfig_write import write_clusters

        job.begin("", "Reading the kubeconfig …")
        try:
            planned = write_clusters(world, names, overwrite=overwrite, dry_run=True)
        except KubeconfigError as error:
            if overwrite or not error.overwritable:
                raise
            job.end("")
            return error.message
        if not planned.changed:
            job.report(report_written(planned, world.environ))
        return planned

    def go_on(planned: WriteResult | str) -> None:
        if isinstance(planned, str):
            _ask_to_overwrite(app, title, names, planned)
        elif planned.changed:
            _ask_to_write(app, title, names, planned, overwrite=overwrite)

    app.jobs.start(Job(title, plan, then=go_on))


def _ask_to_overwrite(app: AppContext, title: str, names: Sequence[str], foreign: str) -> None:
    means = [
        f"{foreign}.",
        "Yes shows what would change; nothing is written before you agree to that.",
        "Or give a cluster a context of its own: e on its row, then context.",
    ]
    question = Question(title, "Replace entries that togetherctl did not write?", means)
    question.ask(app, lambda: _plan_write(app, title, names, overwrite=True))


def _ask_to_write(app: AppContext, title: str, names: Sequence[str], planned: WriteResult, *, overwrite: bool) -> None:
    from togetherctl.usecases.reports import list_files

    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.kubeconfig_write import write_clusters
        from togetherctl.usecases.reports import report_written

        job.begin("", "Writing …")
        job.report(report_written(write_clusters(world, names, overwrite=overwrite), world.environ))

    files = list_files(planned.changed, app.world.environ)
    diff = "".join(change.diff() for change in planned.changed)
    question = Question(title, f"Write this to {files}?", planned.warnings, diff=diff)
    question.ask(app, lambda: app.jobs.start(Job(title, do)))


def _find_clusters(app: AppContext, selection: Selection) -> list[str]:
    """The clusters of the selection; says so if there are none."""
    names = selection.clusters(app)
    if not names:
        who = count_or_name(selection.profiles)
        app.notify(f"There is no cluster of {who}.", severity="warning", markup=False)
    return names


def use(app: AppContext, selection: Selection) -> None:
    """Make the context of a cluster the current one; of several, ask which."""
    names = _find_clusters(app, selection)
    if len(names) == 1:
        _use(app, names[0])
    elif names:
        choice = ChoiceDialog("Use cluster", dict.fromkeys(names, ""), "Use it")
        app.push_screen(choice, lambda name: _use(app, name) if name else None)


def _use(app: AppContext, name: str) -> None:
    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.reports import report_use
        from togetherctl.usecases.use_context import use_cluster

        job.begin("", "Setting the current context …")
        job.report(report_use(use_cluster(world, name), world.environ))

    app.jobs.start(Job(f"Use cluster: {name}", do))
