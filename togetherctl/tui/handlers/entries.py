"""Actions on the configuration: add, edit, rename, remove and show its entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import KubeconfigError, TogetherctlError
from togetherctl.paths import tilde
from togetherctl.tui.job import Job
from togetherctl.tui.screens.dialog import Question, TomlScreen
from togetherctl.tui.selection import Selection, count_or_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from togetherctl.auth.issuer_check import Report
    from togetherctl.config.types import Kind
    from togetherctl.tui.context import AppContext
    from togetherctl.tui.screens.edit import Saved
    from togetherctl.usecases.add_entry import Tables
    from togetherctl.usecases.kubeconfig_update import EntriesUpdate
    from togetherctl.usecases.remove_entry import Removal
    from togetherctl.wiring import World


def edit(app: AppContext, selection: Selection) -> None:
    """Edit the profile or cluster under the cursor."""
    _edit(app, *selection.entry)


def edit_issuer(app: AppContext, selection: Selection) -> None:
    """Edit the issuer of the profile; other profiles may use it too."""
    row = app.rows.get(selection.profiles[0])
    if row is not None:
        _edit(app, "issuer", row.profile.issuer.name)


def _edit(app: AppContext, kind: Kind, name: str) -> None:
    from togetherctl.config.editing import section
    from togetherctl.tui.screens.edit import EditScreen

    def read(world: World, job: Job[dict[str, Any]]) -> dict[str, Any]:
        data = _read(world, job, name)
        if name not in data.get(section(kind), {}):
            raise TogetherctlError(f"there is no {kind} {name} any more")
        return data

    def saved(done: Saved | None) -> None:
        if done is not None:
            _follow_in_kubeconfig(app, title, done, _clusters_of(app, kind, name))

    title = f"Edit {kind}: {name}"
    app.jobs.start(Job(title, read, then=lambda data: app.push_screen(EditScreen(kind, name, data), saved)))


def _clusters_of(app: AppContext, kind: Kind, name: str) -> list[str]:
    """The clusters whose kubeconfig entries an edit of this entry may change."""
    if kind == "cluster":
        return [name]
    return app.config.clusters_of(name) if app.config and kind == "profile" else []


def _follow_in_kubeconfig(app: AppContext, title: str, edit: Saved, clusters: Sequence[str]) -> None:
    """Say what was edited; where our entries differ from it now, show how, and write them if the person agrees."""

    def plan(world: World, job: Job[EntriesUpdate | None]) -> EntriesUpdate | None:
        from togetherctl.usecases.kubeconfig_update import plan_update

        job.begin("", "Reading the kubeconfig …")
        try:
            planned = plan_update(world, clusters, before=edit.before)
        except KubeconfigError as error:
            job.fail(error, edit.said, *edit.more, "The kubeconfig stays as it was.")
            return None
        job.end("" if planned.changed else "\n".join([edit.said, *edit.more]))
        return planned

    def ask(planned: EntriesUpdate | None) -> None:
        from togetherctl.usecases.reports import describe_update, list_files

        if planned is None or not planned.changed:
            return
        diff = "".join(change.diff() for change in planned.changed)
        lines = [*edit.more, *describe_update(planned, app.world.environ)]
        asked = f"{edit.said} Write this to {list_files(planned.changed, app.world.environ)}, which kubectl goes by?"
        Question(title, asked, lines, diff=diff).ask(app, lambda: app.jobs.start(Job(title, write_of(planned))))

    def write_of(planned: EntriesUpdate) -> Callable[[World, Job[None]], None]:
        def write(world: World, job: Job[None]) -> None:
            from togetherctl.usecases.reports import report_update

            job.begin("", "Writing …")
            job.report(report_update(planned.carry_out(), world.environ))

        return write

    if clusters:
        app.jobs.start(Job(title, plan, then=ask))
    else:
        app.notify("\n".join([edit.said, *edit.more]), markup=False)


def _read(world: World, job: Job[dict[str, Any]], name: str = "") -> dict[str, Any]:
    """What the configuration file holds now."""
    from togetherctl.config.files import read

    job.begin(name, "Reading …")
    data = read(world.paths.config).data
    job.end("")
    return data


def rename(app: AppContext, selection: Selection) -> None:
    """Ask for another name; sessions and kubeconfigs follow."""
    from togetherctl.tui.screens.form import NewName

    kind, name = selection.entry
    title = f"Rename {kind}: {name}"

    def answered(new: str | None) -> None:
        if new is not None:
            app.jobs.start(Job(title, lambda world, job: _rename(world, job, kind, name, new)))

    taken = app.config.entries(kind) if app.config else ()
    about = "Its session stays, and kubeconfigs follow."
    app.push_screen(NewName(title, name, taken, about), answered)


def _rename(world: World, job: Job[None], kind: Kind, old: str, new: str) -> None:
    from togetherctl.usecases.rename_entry import rename_entry
    from togetherctl.usecases.reports import report_rename

    job.begin("", "Renaming …")
    job.report(report_rename(kind, old, new, rename_entry(world, kind, old, new), world.environ))


def remove(app: AppContext, selection: Selection) -> None:
    """Say what goes along, and ask."""
    from togetherctl.usecases.remove_entry import plan_removal
    from togetherctl.usecases.reports import report_removal

    kind, name = selection.entry
    title = f"Remove {kind}: {name}"

    def look(world: World, job: Job[Removal]) -> Removal:
        job.begin("", "Finding what goes along …")
        going = plan_removal(world, kind, name, cascade=True)
        job.end("")
        return going

    def ask(going: Removal) -> None:
        lines = [line.text for line in report_removal(going, app.world.environ, log_out="o in the table")]
        question = Question(title, f"Remove {kind} {name}?", lines)
        question.ask(app, lambda: app.jobs.start(Job(title, lambda world, job: _remove(world, job, going))))

    app.jobs.start(Job(title, look, then=ask))


def _remove(world: World, job: Job[None], going: Removal) -> None:
    from togetherctl.usecases.remove_entry import remove_entry
    from togetherctl.usecases.reports import report_removed

    job.begin("", "Removing …")
    job.report(report_removed(going, remove_entry(world, going), world.environ))


def show_toml(app: AppContext, selection: Selection) -> None:
    """Show the tables of the selection as they are in the file, without secrets."""
    from togetherctl.config.files import read
    from togetherctl.config.redact import only, without_secrets
    from togetherctl.config.toml_text import CannotEdit

    title = f"TOML: {count_or_name(selection.profiles)}"

    def look(world: World, job: Job[str]) -> str:
        job.begin("", "Reading …")
        config = world.config
        keys: list[tuple[str, ...]] = []
        for name in selection.profiles:
            table = config.table.profiles[name]
            keys += [("issuers", table.issuer), ("profiles", name)]
            keys += [("clusters", cluster) for cluster in config.clusters_of(name)]
        try:
            text = only(without_secrets(read(config.path).text, config.table), keys)
        except CannotEdit:
            raise TogetherctlError("the configuration is laid out in a way that cannot be shown in part") from None
        job.end("")
        return text

    app.jobs.start(Job(title, look, then=lambda text: app.push_screen(TomlScreen(title, text))))


def add(app: AppContext, _selection: Selection) -> None:
    """Add a profile by hand, with its issuer and a cluster if they are new; show it before it is written."""
    from togetherctl.tui.screens.add import AddScreen

    def ask(data: dict[str, Any]) -> None:
        screen = AddScreen(data)
        app.push_screen(screen, lambda tables: _ask_to_add(app, tables, screen.report) if tables else None)

    app.jobs.start(Job("Add profile", _read, then=ask))


def _ask_to_add(app: AppContext, tables: Tables, report: Report | None) -> None:
    from togetherctl.config.editing import section
    from togetherctl.config.toml_text import TomlText
    from togetherctl.tui.handlers.clusters import offer_write
    from togetherctl.tui.handlers.sessions import offer_login
    from togetherctl.usecases.add_entry import add_profile as add_tables

    name = next(name for kind, name in tables if kind == "profile")
    cluster = next((name for kind, name in tables if kind == "cluster"), None)
    title = f"Add profile: {name}"
    text = TomlText("")
    text.add({(section(kind), entry): table for (kind, entry), table in tables.items()})

    said = f"Added {name}."

    def do(world: World, job: Job[None]) -> None:
        job.begin("", "Adding …")
        add_tables(world, tables)
        job.end("")

    def go_on(_done: None) -> None:
        app.stand_on(name)
        if cluster is None:
            offer_login(app, title, said, [name])
        else:
            offer_write(app, title, said, cluster, lambda: offer_login(app, title, said, [name]))

    notes = [*report.to_mend, *report.notes_at_once] if report else []
    lines = [f"! {note.message}" + (f"; {note.remedy}" if note.remedy else "") for note in notes]
    if report and report.provider:
        lines.insert(0, f"This is {report.provider}.")
    diff = "".join(f"+{line}\n" for line in text.text.splitlines())
    place = tilde(app.world.paths.config, app.world.environ)
    question = Question(title, f"Add this to {place}?", lines, diff=diff)
    question.ask(app, lambda: app.jobs.start(Job(title, do, then=go_on)))
