"""`profile show`, `issuer show`, `cluster show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record

if TYPE_CHECKING:
    from togetherctl.store.choices import Kind


def command(kind: Kind) -> click.Command:
    @click.command("show")
    @click.argument("name")
    @output_option
    @pass_app
    def show(app: App, name: str) -> None:
        table = app.world.store.entry(kind, name)
        show_record(app, {"name": name, **table.model_dump(mode="json")}, name="name")

    show.help = f"Show one {kind} with every key.\n\nSet or by default; secrets are hidden."
    return show
