"""`togetherctl config show`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record
from togetherctl.store.files import Editor, read

_HIDDEN = "(hidden)"


@click.command("show")
@output_option
@pass_app
def command(app: App) -> None:
    """Print the store as it is written, without the secrets somebody typed into it."""
    if app.output != "table":
        store = app.world.store
        show_record(app, {"path": str(store.path), **store.table.model_dump(mode="json")}, name="path")
        return
    editor = Editor(read(app.world.paths.config))
    for name, table in app.world.store.table.profiles.items():
        if table.client_secret is not None and table.client_secret.kind == "literal":
            editor.set(("profiles", name, "client_secret"), _HIDDEN)
    for name, issuer in app.world.store.table.issuers.items():
        for header in issuer.request_headers:
            editor.set(("issuers", name, "request_headers", header), _HIDDEN)
    click.echo(editor.text, nl=False)
