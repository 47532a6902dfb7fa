"""`togetherctl kubeconfig prune`."""

from __future__ import annotations

import click

from togetherctl.actions.entries import of_nothing_known
from togetherctl.cli.app import App, pass_app
from togetherctl.commands.kubeconfig.leaving import confirm_and_remove


@click.command("prune")
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def command(app: App, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take out entries of what the store no longer has.

    Only entries that togetherctl wrote, for a cluster or profile that is gone.
    """
    confirm_and_remove(app, of_nothing_known(app.world, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)
