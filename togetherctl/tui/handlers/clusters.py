"""Actions on clusters: test them, write their contexts into the kubeconfig, use one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import KubeconfigError, TogetherctlError
from togetherctl.tui.job import Job, done, failed
from togetherctl.tui.screens.dialog import ChoiceDialog, Question, UseQuestion
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
        _Writing(app, f"Write kubeconfig: {count_or_name(names, 'cluster')}", names).start()


def offer_write(app: AppContext, title: str, said: str, name: str, then: Callable[[], object]) -> None:
    """Say what was done, and offer to write a cluster that kubectl does not know yet, and to use it; `then` go on."""
    _Writing(app, title, [name], said, is_new=True, then=then).start()


@dataclass(frozen=True)
class _Writing:
    """Writing clusters into the kubeconfig, after questions; `then` comes whatever is answered.

    `said` stands before the question. A cluster that `is_new` may become the current one.
    """

    app: AppContext
    title: str
    names: Sequence[str]
    said: str = ""
    is_new: bool = False
    then: Callable[[], object] = lambda: None

    def start(self, *, overwrite: bool = False) -> None:
        """See what would change; ask first about entries that togetherctl did not write."""

        def plan(world: World, job: Job[WriteResult | str]) -> WriteResult | str:
            """The change, or why the kubeconfig has entries of others in its way."""
            from togetherctl.usecases.kubeconfig_write import write_clusters
            from togetherctl.usecases.reports import report_written

            job.begin("", "Reading the kubeconfig …")
            try:
                planned = write_clusters(world, self.names, overwrite=overwrite, dry_run=True)
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
                self._ask_to_overwrite(planned)
            elif planned.changed:
                self._ask_to_write(planned, overwrite=overwrite)
            else:
                self.then()

        self.app.jobs.start(Job(self.title, plan, then=go_on))

    def _ask_to_overwrite(self, foreign: str) -> None:
        means = [
            f"{foreign}.",
            "Yes shows what would change; nothing is written before you agree to that.",
            "Or give a cluster a context of its own: e on its row, then Context.",
        ]
        question = Question(self.title, self._ask("Replace entries that togetherctl did not write?"), means)
        question.ask(self.app, lambda: self.start(overwrite=True), self.then)

    def _ask_to_write(self, planned: WriteResult, *, overwrite: bool) -> None:
        from togetherctl.usecases.reports import list_files

        files = list_files(planned.changed, self.app.world.environ)
        diff = "".join(change.diff() for change in planned.changed)
        warnings = planned.warnings
        if self.is_new:
            asked = self._ask(f"Write its cluster to {files}, for kubectl?")
            question: Question = UseQuestion(self.title, asked, warnings, diff=diff)
        else:
            question = Question(self.title, self._ask(f"Write this to {files}?"), warnings, diff=diff)

        def do(world: World, job: Job[None]) -> None:
            from togetherctl.usecases.kubeconfig_write import write_clusters
            from togetherctl.usecases.reports import Line, report_written

            use = isinstance(question, UseQuestion) and question.use
            job.begin("", "Writing …")
            written = write_clusters(world, self.names, overwrite=overwrite, set_current=use)
            used = f"The current context is {written.contexts[0]}."
            job.report([*report_written(written, world.environ), *([Line(used)] if use else [])])

        job = Job(self.title, do, then=lambda _done: self.then())
        question.ask(self.app, lambda: self.app.jobs.start(job), self.then)

    def _ask(self, question: str) -> str:
        return f"{self.said} {question}".strip()


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


def offer_use(app: AppContext, title: str, names: Sequence[str], then: Callable[[], object]) -> None:
    """Offer one of `names` as the current context, where kubectl has none; `then` go on."""
    if len(names) == 1:
        asked = f"kubectl has no current context yet. Make {names[0]} the current one?"
        Question(title, asked).ask(app, lambda: _use(app, names[0], then), then)
        return

    def chosen(name: str | None) -> None:
        if name:
            _use(app, name, then)
        else:
            then()

    does = "Use it; Escape: none of them"
    app.push_screen(ChoiceDialog("kubectl has no current context yet", dict.fromkeys(names, ""), does), chosen)


def _use(app: AppContext, name: str, then: Callable[[], object] = lambda: None) -> None:
    def do(world: World, job: Job[None]) -> None:
        from togetherctl.usecases.reports import report_use
        from togetherctl.usecases.use_context import use_cluster

        job.begin("", "Setting the current context …")
        job.report(report_use(use_cluster(world, name), world.environ))

    app.jobs.start(Job(f"Use cluster: {name}", do, then=lambda _done: then()))
