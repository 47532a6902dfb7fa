"""`togetherctl kubeconfig remove` and `prune`: take entries of ours out of a kubeconfig."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.commands.kubeconfig.leaving import confirm_and_remove
from togetherctl.errors import UsageError
from togetherctl.usecases.kubeconfig_edit import of_clusters, of_nothing_known


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Print the difference and write nothing."),
        click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config."),
    ):
        command = option(command)
    return command


@click.command("remove")
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every entry that togetherctl wrote.")
@_options
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take clusters out of a kubeconfig.

    Takes out only entries that togetherctl wrote, and users that no other context needs. The configuration keeps its
    clusters. If the current context goes, there is no current context afterwards, and the command says so.
    """
    if everyone == bool(names):
        raise UsageError("name clusters or say --all", hint="togetherctl kubeconfig remove CLUSTER")
    confirm_and_remove(app, of_clusters(app.world, names, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)


@click.command("prune")
@_options
@pass_app
def prune(app: App, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take out entries of what the configuration no longer has.

    Only entries that togetherctl wrote, for a cluster or profile that is gone.
    """
    confirm_and_remove(app, of_nothing_known(app.world, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)
