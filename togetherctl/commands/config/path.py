"""`togetherctl config path`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record


@click.command("path")
@output_option
@pass_app
def command(app: App) -> None:
    """Print where the store is.

    With -o json also the state and the cache.
    """
    paths = app.world.paths
    if app.output == "table":
        click.echo(paths.config)
        return
    show_record(app, {"config": str(paths.config), "state": str(paths.state), "cache": str(paths.cache)}, name="config")
