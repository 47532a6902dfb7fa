"""`togetherctl profile update`."""

from __future__ import annotations

from collections.abc import Callable

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.commands.entries.follow import follow_in_kubeconfig
from togetherctl.commands.importing.choose import agree_to_hosts
from togetherctl.errors import TogetherctlError
from togetherctl.importing.fetch import STANDARD_INPUT, shown
from togetherctl.importing.trusted_hosts import NewHost, trusted_host
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.usecases.import_clusters import Import, bundles, carry_out, plan_of_update
from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state


@click.command(
    "update",
    cls=Command,
    examples=[
        "togetherctl profile update",
        "togetherctl profile update team --dry-run",
    ],
)
@click.argument("names", metavar="[BUNDLE]...", nargs=-1)
@click.option("--trust-host", "trusted", metavar="HOST", multiple=True, help="Agree to this host: HOST or HOST:PORT.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@click.option(
    "--yes",
    is_flag=True,
    help="Do not ask. A host that is new to a login you have, or comes from the network, needs --trust-host.",
)
@pass_app
def command(app: App, names: tuple[str, ...], trusted: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Ask for newer bundles, and take their changes.

    Shows the difference first. What you changed yourself stays yours, and what the bundle no longer has stays in your
    configuration. Without a name it asks for all bundles of the configuration.
    """
    for host in trusted:
        trusted_host(host)
    chosen = bundles(app.world, names)
    if not chosen:
        app.console.say("There is no bundle in your configuration; togetherctl init takes one.")
    failed: TogetherctlError | None = None
    for name, table in chosen.items():
        if table.source == STANDARD_INPUT and not names:
            app.console.say(f"Bundle {name} came from standard input, so there is no newer one to ask for.")
            continue
        try:
            newer = plan_of_update(app.world, name)
            if newer is None:
                app.console.say(f"Bundle {name} is as it was at {shown(table.source, app.environ)}.")
            else:
                _take(app, name, newer, trusted, dry_run=dry_run, yes=yes)
        except TogetherctlError as error:
            # One that fails does not keep the others; a single one fails as any command does.
            if len(chosen) == 1:
                raise
            app.console.error(error)
            failed = failed or error
    if failed is not None:
        raise click.exceptions.Exit(failed.exit_code)


def _take(app: App, name: str, newer: Import, trusted: tuple[str, ...], *, dry_run: bool, yes: bool) -> None:
    plan, lines = newer.plan, [printable(line, limit=1000) for line in newer.plan.difference()]
    asks = app.console.can_ask and not yes and not dry_run and not plan.changes_nothing
    if not asks:
        for line in lines:
            put(line)
    for host in newer.other_hosts:
        app.console.say(f"New host: {host.sentence}.")
    if dry_run:
        agree_to_hosts(app, newer, trusted, None, dry_run=True)
        app.console.say(f"Nothing was written; bundle {name} would change as shown.")
        return
    if not plan.changes_nothing:
        agree_to_hosts(app, newer, trusted, _ask_by(app) if asks else None, dry_run=False)
        place = tilde(app.world.paths.config, app.environ)
        said = [
            f"Bundle {name} is newer at {newer.origin}: {len(lines)} {'line' if len(lines) == 1 else 'lines'} differ."
        ]
        app.confirm(f"Change {place} like that?", yes=yes, said=said if asks else [], diff="\n".join(lines))
    before = app.world.config
    carry_out(app.world, newer)
    app.console.say(f"Bundle {name} is as {newer.origin} has it.")
    clusters = plan.touched("cluster")
    state = read_kubeconfig_state(app.world.reread())
    there = [one for one in clusters if one not in state.missing and not state.trouble]
    follow_in_kubeconfig(app, there, before=before, yes=yes)
    new = [one for one in clusters if one not in there]
    if new:
        app.console.next_steps(
            "kubectl does not know them yet." if len(new) > 1 else "kubectl does not know it yet.",
            f"togetherctl kubeconfig write {' '.join(new)}",
        )


def _ask_by(app: App) -> Callable[[NewHost], bool]:
    from togetherctl.cli.prompts import Prompts

    asking = Prompts(app.environ)
    return lambda host: asking.yes(f"{host.sentence}. Is that right?", default=False)
