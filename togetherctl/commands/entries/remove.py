"""`profile remove`, `issuer remove`, `cluster remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.errors import UsageError
from togetherctl.store.editing import existing

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind

_USED_BY: dict[Kind, tuple[Kind, str]] = {"issuer": ("profile", "issuer"), "profile": ("cluster", "profile")}


def command(kind: Kind) -> click.Command:
    @click.command("remove")
    @click.argument("name")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @pass_app
    def remove(app: App, name: str, yes: bool) -> None:
        app.world.store.entry(kind, name)
        _refuse_if_used(app, kind, name)
        app.confirm(f"Remove {kind} {name} from {app.world.paths.config}?", yes=yes)
        with app.world.changing_store() as text:
            text.unset(existing(text, kind, name))
            if kind == "profile" and text.data.get("default_profile") == name:
                text.unset(("default_profile",))
        app.console.say(f"Removed {kind} {name}.")

    remove.help = f"Remove one {kind} from the store." + (
        "\n\nA session no other profile shares is deleted with it; `togetherctl logout` first revokes it at the issuer."
        if kind == "profile"
        else ""
    )
    return remove


def _refuse_if_used(app: App, kind: Kind, name: str) -> None:
    if kind not in _USED_BY:
        return
    users, key = _USED_BY[kind]
    using = [user for user, table in app.world.store.entries(users).items() if getattr(table, key) == name]
    if using:
        raise UsageError(
            f"{kind} {name} is used by {users} {', '.join(using)}", hint=f"togetherctl {users} remove {using[0]}"
        )
