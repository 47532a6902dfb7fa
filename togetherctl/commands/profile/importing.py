"""`togetherctl profile import`."""

from __future__ import annotations

import shlex
from typing import Any

import click

from togetherctl.actions.joining import Wish, join, preview
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.prompts import Asking
from togetherctl.commands.joining.choosing import Choosing
from togetherctl.commands.joining.gathering import Gathering, keep
from togetherctl.commands.joining.logins import Logins
from togetherctl.commands.joining.options import Given, Missing, source_options
from togetherctl.commands.joining.showing import agreed, show
from togetherctl.paths import tilde


@click.command("import")
@source_options
@pass_app
def command(app: App, /, words: tuple[str, ...], **options: Any) -> None:
    """Take profiles and clusters from a source into the store.

    SOURCE is what togetherctl init takes: together, a kubeconfig, a folder of them, a bundle (a file or an https
    address), or - for standard input. The kubeconfig is left alone, and no issuer is asked anything.
    """
    given = Given.of(words, options, app.environ)
    # What cannot be read is said before anybody answers questions for nothing.
    _ = app.world.store
    asking = Asking(app.environ) if app.console.can_ask and not given.yes else None
    missing = Missing.of(given)
    logins = Logins(app, given, asking, missing, offline=True)
    gathered = Gathering(app, given, asking, logins, missing).gather()
    wish = Wish(write=False)
    taking = Choosing(app, given, asking, logins, missing).taking(gathered, wish)
    shown = preview(app.world, taking, wish)
    show(app, shown, wish)
    if given.dry_run:
        app.console.say(f"Nothing was written; {tilde(app.world.paths.config, app.environ)} would change as shown.")
        return
    if shown.changes_nothing:
        app.console.say("Your store has all of this already.")
    else:
        agreed(app, asking, "Write this?")
    app.world, _, left = join(app.world, shown, wish)
    for line in left:
        app.console.say(line)
    keep(app, gathered.api_key)
    commands = [f"togetherctl login {' '.join(map(shlex.quote, taking.profiles))}"]
    if taking.clusters:
        commands.insert(0, f"togetherctl kubeconfig write {' '.join(map(shlex.quote, taking.clusters))}")
    app.console.next_steps("They are in your store.", *commands)
