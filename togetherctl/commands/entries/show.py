"""`profile show`, `issuer show`, `cluster show`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record
from togetherctl.errors import UsageError
from togetherctl.store.editing import Kind, section
from togetherctl.store.problems import nearest


def command(kind: Kind) -> click.Command:
    @click.command("show")
    @click.argument("name")
    @output_option
    @pass_app
    def show(app: App, name: str) -> None:
        entries = getattr(app.world.store.table, section(kind))
        if name not in entries:
            raise UsageError(f"there is no {kind} {name}{nearest(name, entries)}", hint=f"togetherctl {kind} list")
        show_record(app, {"name": name, **entries[name].model_dump(mode="json")}, name="name")

    show.help = f"Show one {kind} with every key, set or by default. Secrets are hidden."
    return show
