"""`togetherctl config set`."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.errors import UsageError


@click.command("set")
@click.argument("setting", metavar="default_profile=NAME")
@pass_app
def command(app: App, setting: str) -> None:
    """Set a key of the store itself, such as default_profile.

    That is the profile meant where a command leaves it out; an empty NAME means none.
    """
    key, equals, name = setting.partition("=")
    if key != "default_profile" or not equals:
        raise UsageError(
            "the key that can be set here is default_profile", hint="togetherctl config set default_profile=NAME"
        )
    with app.world.changing_store() as text:
        if name:
            text.set(("default_profile",), name)
        else:
            text.unset(("default_profile",))
    app.console.say(f"The default profile is {name}." if name else "There is no default profile.")
