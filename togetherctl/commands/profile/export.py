"""`togetherctl profile export`: print a bundle for other people."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.profile_args import name_profile
from togetherctl.errors import UsageError, run
from togetherctl.importing.bundle import bundle_of


@click.command(
    "export",
    cls=Command,
    examples=[
        "togetherctl profile export > team.toml",
        "togetherctl profile export acme",
    ],
)
@click.argument("names", metavar="[PROFILE]...", nargs=-1)
@pass_app
def command(app: App, names: tuple[str, ...]) -> None:
    """Print a bundle for others: profiles, issuers, clusters.

    The bundle holds no secret and no path of this machine: it has certificates in place of CA files, and the command
    says what it leaves out. Others take it with togetherctl init FILE, or from an https address. Without a name it
    holds all profiles.
    """
    config = app.world.config
    if not config.table.profiles:
        raise UsageError(f"there is no profile in {config.path} yet", hint=run("togetherctl", "init"))
    exported = bundle_of(config, [name_profile(app, name) for name in names], app.environ)
    put(exported.text, end="")
    for line in exported.left_out:
        app.console.say(f"Left out of {line}.")
    if any("client_secret" in line for line in exported.left_out):
        app.console.say("Each person who takes it sets the client secret: togetherctl profile secret NAME")
