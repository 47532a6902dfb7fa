"""`togetherctl config`: show the configuration itself, its path and its schema, and set its own keys."""

from __future__ import annotations

import json
import os
import sys

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command, Lazy, LazyGroup
from togetherctl.cli.output import output_option, show_record
from togetherctl.errors import UsageError
from togetherctl.printable import printable

VERBS = {
    "path": Lazy(f"{__name__}:path", "Print where the configuration is."),
    "show": Lazy(f"{__name__}:show", "Print the configuration, without its secrets."),
    "schema": Lazy(f"{__name__}:schema", "Print the JSON Schema of the configuration."),
    "set": Lazy(f"{__name__}:set_", "Set a key of the configuration itself, such as default_profile."),
}

command = LazyGroup("config", lazy=VERBS, help="Show the configuration itself: its path, its text, its schema.")


@click.command("path")
@output_option
@pass_app
def path(app: App) -> None:
    """Print where the configuration is.

    With -o json also the state and the cache.
    """
    paths = app.world.paths
    if app.output != "table":
        found = {"config": str(paths.config), "state": str(paths.state), "cache": str(paths.cache)}
        show_record(app, found, name="config")
    elif sys.stdout.isatty():
        put(printable(paths.config))
    else:
        # A script that reads it needs the very bytes, whatever this locale can spell.
        sys.stdout.flush()
        sys.stdout.buffer.write(os.fsencode(paths.config) + b"\n")


@click.command("show")
@output_option
@pass_app
def show(app: App) -> None:
    """Print the configuration, without its secrets.

    The text keeps its comments and its order. Secrets that someone typed into it are hidden.
    """
    from togetherctl.config.files import read
    from togetherctl.config.redact import without_secrets

    config = app.world.config
    if app.output != "table":
        show_record(app, {"path": str(config.path), **config.table.model_dump(mode="json")}, name="path")
        return
    put(without_secrets(read(app.world.paths.config).text, config.table).text, end="")
    if not config.table.profiles:
        app.say_it_is_empty()


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of the configuration.

    For editors that complete and check TOML.
    """
    from togetherctl.config.models import json_schema

    put(json.dumps(json_schema(), indent=2))


@click.command(
    "set",
    cls=Command,
    examples=[
        "togetherctl config set default_profile=acme",
    ],
)
@click.argument("setting", metavar="default_profile=NAME")
@pass_app
def set_(app: App, setting: str) -> None:
    """Set a key of the configuration itself, such as default_profile.

    Commands use the default profile where you name none. An empty NAME means that there is no default.
    """
    key, equals, name = setting.partition("=")
    if key != "default_profile" or not equals:
        raise UsageError(
            "the key that can be set here is default_profile", hint="togetherctl config set default_profile=NAME"
        )
    with app.world.changing_config() as text:
        if name:
            text.set(("default_profile",), name)
        else:
            text.unset(("default_profile",))
    app.console.say(f"The default profile is {name}." if name else "There is no default profile.")
