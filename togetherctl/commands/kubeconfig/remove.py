"""`togetherctl kubeconfig remove`."""

from __future__ import annotations

import click

from togetherctl.actions.entries import of_clusters
from togetherctl.cli.app import App, pass_app
from togetherctl.commands.kubeconfig.leaving import confirm_and_remove
from togetherctl.errors import UsageError


@click.command("remove")
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every entry that togetherctl wrote.")
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take clusters out of a kubeconfig.

    Only entries that togetherctl wrote, and users that no other context needs; the store keeps its clusters. If the
    current context is among them, there is none afterwards, and that is said.
    """
    if everyone == bool(names):
        raise UsageError("name clusters or say --all", hint="togetherctl kubeconfig remove CLUSTER")
    confirm_and_remove(app, of_clusters(app.world, names, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)
