"""`togetherctl version`."""

from __future__ import annotations

import platform
import sys

import click

from togetherctl import __version__
from togetherctl.commands.app import App, pass_app
from togetherctl.commands.output import output_option, show_record


@click.command("version")
@output_option
@pass_app
def command(app: App) -> None:
    """Show which togetherctl this is."""
    show_record(
        app,
        {"version": __version__, "python": platform.python_version(), "interpreter": sys.executable},
        name="version",
    )
