"""`profile remove`, `issuer remove`, `cluster remove`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.entries.existing import existing
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.store.editing import Kind, changing, section

_USED_BY: dict[Kind, tuple[Kind, str]] = {"issuer": ("profile", "issuer"), "profile": ("cluster", "profile")}


def command(kind: Kind) -> click.Command:
    @click.command("remove")
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @pass_app
    def remove(app: App, name: str, yes: bool) -> None:
        _refuse_if_used(app, kind, name)
        app.confirm(f"Remove {kind} {name} from {app.world.paths.config}?", yes=yes)
        if kind == "profile":
            _end_session(app, name)
        with changing(app.world.paths) as editor:
            existing(editor, kind, name)
            editor.unset((section(kind), name))
            if kind == "profile" and editor.data.get("default_profile") == name:
                editor.unset(("default_profile",))
        app.console.say(f"Removed {kind} {name}.")

    remove.help = f"Remove one {kind} from the store."
    return remove


def _refuse_if_used(app: App, kind: Kind, name: str) -> None:
    if kind not in _USED_BY:
        return
    users, key = _USED_BY[kind]
    using = [
        user for user, table in getattr(app.world.store.table, section(users)).items() if getattr(table, key) == name
    ]
    if using:
        raise UsageError(
            f"{kind} {name} is used by {users} {', '.join(using)}", hint=f"togetherctl {users} remove {using[0]}"
        )


def _end_session(app: App, name: str) -> None:
    """Tokens that no profile can reach any more must not stay behind."""
    store = app.world.store
    if name not in store.table.profiles:
        return
    profile = store.profile(name)
    if store.sharing(profile) != [name]:
        return
    try:
        session = app.world.engine.logout(profile, revoke=None)
    except TogetherctlError as error:
        app.console.warn(f"its session could not be deleted: {error.message}")
        return
    if session is not None:
        app.console.say(f"Its session ({session.identity}) was deleted here; the issuer was not told.")
