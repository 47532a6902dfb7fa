"""`togetherctl profile export`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.console import put
from togetherctl.errors import UsageError, run
from togetherctl.sources.bundle_export import bundle_of


@click.command("export")
@click.argument("names", metavar="[PROFILE]...", nargs=-1)
@pass_app
def command(app: App, names: tuple[str, ...]) -> None:
    """Print a bundle for others: profiles, issuers, clusters.

    It holds no secret, and nothing of this machine: CA files stand in it as certificates, and what is left out is
    said. Others take it with togetherctl init FILE, or from an https address. Without a name, all profiles.
    """
    store = app.world.store
    if not store.profile_names:
        raise UsageError(f"there is no profile in {store.path} yet", hint=run("togetherctl", "init"))
    exported = bundle_of(store, names, app.environ)
    put(exported.text, end="")
    for line in exported.left_out:
        app.console.say(f"Left out of {line}.")
    if any("client_secret" in line for line in exported.left_out):
        app.console.say("Whoever takes it sets the client secret: togetherctl profile secret NAME")
