"""Changing the store: every change goes through it, so that comments survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import TogetherctlError
from togetherctl.paths import tilde
from togetherctl.store.editing import section
from togetherctl.store.files import read
from togetherctl.store.toml_text import CannotEdit
from togetherctl.tui.doing.choosing import called
from togetherctl.tui.work import Work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from togetherctl.actions.adding import Tables
    from togetherctl.actions.removing import Going
    from togetherctl.auth.checking import Report
    from togetherctl.kube.kubeconfig import Change
    from togetherctl.store.choices import Kind
    from togetherctl.store.toml_text import Key
    from togetherctl.tui.app import TogetherApp
    from togetherctl.tui.selection import Selection
    from togetherctl.wiring import World


def edit(app: TogetherApp, selection: Selection) -> None:
    """The profile or cluster under the cursor, in a form."""
    _edit(app, *entry(selection))


def edit_issuer(app: TogetherApp, selection: Selection) -> None:
    """The issuer of the profile that is meant, in a form; other profiles may have it too."""
    row = app.rows.get(selection.profiles[0])
    if row is not None:
        _edit(app, "issuer", row.profile.issuer.name)


def _edit(app: TogetherApp, kind: Kind, name: str) -> None:
    from togetherctl.tui.screens.edit import EditScreen

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


def rename(app: TogetherApp, selection: Selection) -> None:
    """Ask for another name; sessions and kubeconfigs follow."""
    from togetherctl.tui.screens.name import NewName

    kind, name = entry(selection)

    def answered(new: str | None) -> None:
        if new is not None:
            app.working.start(Work(f"Rename {kind}: {name}", lambda world, work: _rename(world, work, kind, name, new)))

    taken = app.store.entries(kind) if app.store else ()
    about = "Its session stays, and what kubeconfigs call follows."
    app.push_screen(NewName(f"Rename {kind}: {name}", name, taken, about), answered)


def _rename(world: World, work: Work, kind: Kind, old: str, new: str) -> None:
    from togetherctl.actions.renaming import rename as carry_out

    work.begin("", "Renaming …")
    renamed = carry_out(world, kind, old, new)
    contexts = [f"The context {before} is called {after} now." for before, after in renamed.contexts]
    work.end(f"Renamed {kind} {old} to {new}.", *_follow(world, renamed.changed), *contexts, *renamed.notes)


def remove(app: TogetherApp, selection: Selection) -> None:
    """Say what goes along, and ask."""
    from togetherctl.actions.removing import what_goes
    from togetherctl.tui.screens.question import Question

    kind, name = entry(selection)
    title = f"Remove {kind}: {name}"
    found: list[Going] = []

    def look(world: World, work: Work) -> None:
        work.begin("", "Looking at what goes along …")
        found.append(what_goes(world, kind, name, cascade=True))
        work.end("")

    def looked() -> None:
        app.push_screen(Question(title, f"Remove {kind} {name}?", list(_goes(app.world, found[0]))), answered)

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work(title, lambda world, work: _remove(world, work, found[0])))

    app.working.start(Work(title, look, done=looked))


def _goes(world: World, going: Going) -> Iterator[str]:
    """What goes along, a line each."""
    yield from (f"{kind} {name} goes too." for kind, name in going.entries[1:])
    for session in going.sessions:
        whose = f" of {session.identity}" if session.identity else ""
        yield f"The session{whose} goes too, and the issuer is not told; Log out would."
    yield from (f"The client secret of profile {name} in the keyring goes too." for name in going.secrets)
    if going.kubeconfig is None:
        return
    files = ", ".join(tilde(change.path, world.environ) for change in going.kubeconfig.changed)
    removed = going.kubeconfig.removed
    for kind, names in (("context", removed.contexts), ("cluster", removed.clusters), ("user", removed.users)):
        if names:
            yield f"From {files}: {kind if len(names) == 1 else f'{kind}s'} {', '.join(names)}."
    if removed.current is not None:
        yield f"{removed.current} is the current context."
    yield from (f"This stays: {kept}." for kept in removed.kept)


def _remove(world: World, work: Work, going: Going) -> None:
    from togetherctl.actions.removing import remove as carry_out

    (kind, name), *_ = going.entries
    work.begin("", "Removing …")
    removed = carry_out(world, going)
    changed = removed.kubeconfig.changed if removed.kubeconfig else []
    work.end(f"Removed {kind} {name}.", *_follow(world, changed), *removed.warnings, read=bool(removed.warnings))


def _follow(world: World, changes: Sequence[Change]) -> list[str]:
    files = ", ".join(tilde(change.path, world.environ) for change in changes)
    return [f"{files} follows."] if files else []


def show_toml(app: TogetherApp, selection: Selection) -> None:
    """The tables of what is meant, as they stand in the file."""
    from togetherctl.store.showing import only, without_secrets
    from togetherctl.tui.screens.toml import TomlScreen

    shown: list[str] = []
    title = f"TOML: {called(selection.profiles)}"

    def look(world: World, work: Work) -> None:
        work.begin("", "Reading …")
        store = world.store
        keys: list[Key] = []
        for name in selection.profiles:
            table = store.table.profiles[name]
            keys += [("issuers", table.issuer), ("profiles", name)]
            keys += [("clusters", cluster) for cluster in store.clusters_of(name)]
        try:
            shown.append(only(without_secrets(read(store.path).text, store.table), keys))
        except CannotEdit:
            raise TogetherctlError("the store is laid out in a way that cannot be shown in part") from None
        work.end("")

    app.working.start(Work(title, look, done=lambda: app.push_screen(TomlScreen(title, shown[0]))))


def add(app: TogetherApp, _selection: Selection) -> None:
    """A profile by hand, and its issuer and a cluster where they are new; shown before it is written."""
    from togetherctl.tui.screens.add import AddScreen

    found: list[dict[str, Any]] = []

    def look(world: World, work: Work) -> None:
        work.begin("", "Reading …")
        found.append(read(world.paths.config).data)
        work.end("")

    def looked() -> None:
        screen = AddScreen(found[0])

        def answered(tables: Tables | None) -> None:
            if tables is not None:
                _show_addition(app, tables, screen.report)

        app.push_screen(screen, answered)

    app.working.start(Work("Add profile", look, done=looked))


def _show_addition(app: TogetherApp, tables: Tables, report: Report | None) -> None:
    from togetherctl.actions.adding import add as carry_out
    from togetherctl.store.toml_text import TomlText
    from togetherctl.tui.screens.diff import Diff

    name = next(name for kind, name in tables if kind == "profile")
    text = TomlText("")
    text.add({(section(kind), called): table for (kind, called), table in tables.items()})

    added: list[str] = []

    def do(world: World, work: Work) -> None:
        work.begin("", "Adding …")
        carry_out(world, tables)
        added.append(world.anew().store.profile(name).key)
        work.end(f"Added profile {name}.")

    def offer() -> None:
        from togetherctl.tui.doing.sessions import offer_login

        offer_login(app, f"Add profile: {name}", f"Added {name}.", [name], frozenset(added))

    def answered(yes: bool | None) -> None:  # noqa: FBT001 # what the screen was dismissed with
        if yes:
            app.working.start(Work(f"Add profile: {name}", do, done=offer))

    notes = [*report.to_mend, *report.notes_at_once] if report else []
    said = [f"! {note.text}" + (f"; {note.remedy}" if note.remedy else "") for note in notes]
    if report and report.provider:
        said.insert(0, f"This is {report.provider}.")
    diff = "".join(f"+{line}\n" for line in text.text.splitlines())
    place = tilde(app.world.paths.config, app.world.environ)
    app.push_screen(Diff(f"Add profile: {name}", f"Add this to {place}?", diff, said), answered)
