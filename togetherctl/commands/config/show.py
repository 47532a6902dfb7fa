"""`togetherctl config show`."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.output import output_option, show_record
from togetherctl.store.files import read
from togetherctl.store.showing import without_secrets


@click.command("show")
@output_option
@pass_app
def command(app: App) -> None:
    """Print the store, without its secrets.

    As it is written, comments and all; what somebody typed into it that is secret is hidden.
    """
    if app.output != "table":
        store = app.world.store
        show_record(app, {"path": str(store.path), **store.table.model_dump(mode="json")}, name="path")
        return
    text = without_secrets(read(app.world.paths.config).text, app.world.store.table)
    put(text.text, end="")
