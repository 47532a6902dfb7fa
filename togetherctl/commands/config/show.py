"""`togetherctl config show`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record
from togetherctl.store.choices import HIDDEN
from togetherctl.store.files import read
from togetherctl.store.toml_text import TomlText


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
    text = TomlText(read(app.world.paths.config).text)
    for name, profile in app.world.store.table.profiles.items():
        if profile.client_secret is not None and profile.client_secret.kind == "literal":
            text.set(("profiles", name, "client_secret"), HIDDEN)
    for name, issuer in app.world.store.table.issuers.items():
        for header in issuer.request_headers:
            text.set(("issuers", name, "request_headers", header), HIDDEN)
        shown = issuer.model_dump()["proxy"]
        if shown != issuer.proxy:
            text.set(("issuers", name, "proxy"), shown)
    click.echo(text.text, nl=False)
