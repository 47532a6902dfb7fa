"""`togetherctl config path`."""

from __future__ import annotations

import os
import sys

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.output import output_option, show_record
from togetherctl.printable import printable


@click.command("path")
@output_option
@pass_app
def command(app: App) -> None:
    """Print where the store is.

    With -o json also the state and the cache.
    """
    paths = app.world.paths
    if app.output == "table":
        if sys.stdout.isatty():
            put(printable(paths.config))
        else:
            # A script that reads it needs the very bytes, whatever this locale can spell.
            sys.stdout.flush()
            sys.stdout.buffer.write(os.fsencode(paths.config) + b"\n")
        return
    show_record(app, {"config": str(paths.config), "state": str(paths.state), "cache": str(paths.cache)}, name="config")
