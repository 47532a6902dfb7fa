"""`togetherctl profile update`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from togetherctl.actions.updating import bundles, carry_out, look
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.errors import TogetherctlError
from togetherctl.printable import printable
from togetherctl.sources.bundle_place import STANDARD_INPUT, shown
from togetherctl.sources.trust import agree, to_be_named, trusted_host

if TYPE_CHECKING:
    from togetherctl.actions.updating import Newer
    from togetherctl.sources.trust import Stranger


@click.command("update")
@click.argument("names", metavar="[BUNDLE]...", nargs=-1)
@click.option("--trust-host", "trusted", metavar="HOST", multiple=True, help="Agree to this host: HOST or HOST:PORT.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask; a host that is new to a login you have, or comes from the network, needs --trust-host.",
)
@pass_app
def command(app: App, names: tuple[str, ...], trusted: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Ask for newer bundles, and take their changes.

    Shows the difference first. What you changed yourself stays yours, and what left the bundle stays in your store.
    Without a name, all bundles of the store.
    """
    for host in trusted:
        trusted_host(host)
    chosen = bundles(app.world, names)
    if not chosen:
        app.console.say("There is no bundle in your store; togetherctl init takes one.")
    failed: TogetherctlError | None = None
    for name, table in chosen.items():
        if table.source == STANDARD_INPUT and not names:
            app.console.say(f"Bundle {name} came from standard input, so there is no newer one to ask for.")
            continue
        try:
            newer = look(app.world, name)
            if newer is None:
                app.console.say(f"Bundle {name} is as it was at {shown(table.source, app.environ)}.")
            else:
                _take(app, newer, trusted, dry_run=dry_run, yes=yes)
        except TogetherctlError as error:
            # One that fails does not keep the others; a single one fails as any command does.
            if len(chosen) == 1:
                raise
            app.console.error(error)
            failed = failed or error
    if failed is not None:
        raise click.exceptions.Exit(failed.exit_code)


def _take(app: App, newer: Newer, trusted: tuple[str, ...], *, dry_run: bool, yes: bool) -> None:
    for line in newer.update.lines():
        put(printable(line, limit=1000))
    named = to_be_named(newer.strangers, remote=newer.taken.is_remote)
    for stranger in newer.strangers:
        if stranger not in named:
            app.console.say(f"New host: {stranger.sentence}.")
    if dry_run:
        for stranger in named:
            app.console.say(f"{stranger.sentence}; --trust-host {stranger.host} agrees to that.")
        app.console.say(f"Nothing was written; bundle {newer.name} would change as shown.")
        return
    if not newer.update.changes_nothing:
        agree(named, trusted=trusted, ask=_ask if app.console.can_ask and not yes else None)
        app.confirm(f"Change {app.world.paths.config} like that?", yes=yes)
    carry_out(app.world, newer)
    clusters = newer.update.touched("cluster")
    said = f"Bundle {newer.name} is as {newer.taken.origin} has it."
    if clusters:
        app.console.next_steps(said, f"togetherctl kubeconfig write {' '.join(clusters)}")
    else:
        app.console.say(said)


def _ask(stranger: Stranger) -> bool:
    sys.stdout.flush()
    return click.confirm(f"{printable(stranger.sentence, limit=1000)}. Is that right?", err=True)
