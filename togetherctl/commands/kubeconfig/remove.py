"""`togetherctl kubeconfig remove` and `prune`: take entries of ours out of a kubeconfig."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.errors import UsageError
from togetherctl.paths import tilde
from togetherctl.usecases.kubeconfig_edit import KubeconfigRemoval, of_clusters, of_nothing_known
from togetherctl.usecases.reports import list_files, report_kubeconfig_removal


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Print the difference and write nothing."),
        click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config."),
    ):
        command = option(command)
    return command


@click.command(
    "remove",
    cls=Command,
    examples=[
        "togetherctl kubeconfig remove gpu",
    ],
)
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every entry that togetherctl wrote.")
@_options
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take clusters out of a kubeconfig.

    Takes out only entries that togetherctl wrote, users that no other context needs, and contexts of yours that would
    not work without them, which are named. The configuration keeps its
    clusters. If the current context goes, there is no current context afterwards, and the command says so.
    """
    if everyone == bool(names):
        raise UsageError("name clusters or say --all", hint="togetherctl kubeconfig remove CLUSTER")
    _confirm_and_remove(app, of_clusters(app.world, names, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)


@click.command(
    "prune",
    cls=Command,
    examples=[
        "togetherctl kubeconfig prune --dry-run",
    ],
)
@_options
@pass_app
def prune(app: App, kubeconfig: str | None, dry_run: bool, yes: bool) -> None:
    """Take out entries of clusters and profiles that are gone.

    Only entries that togetherctl wrote are taken out.
    """
    _confirm_and_remove(app, of_nothing_known(app.world, kubeconfig=kubeconfig), dry_run=dry_run, yes=yes)


def _confirm_and_remove(app: App, leaving: KubeconfigRemoval, *, dry_run: bool, yes: bool) -> None:
    """Show what goes, ask, and take it out; or only show the difference."""
    lines, diff = report_kubeconfig_removal(leaving, app.environ), "".join(change.diff() for change in leaving.changes)
    if not leaving.removed or dry_run:
        put(diff, end="")
        app.console.report(lines)
        nothing = f"Nothing to remove in {', '.join(tilde(path, app.environ) for path in leaving.files)}."
        app.console.say("Nothing was written." if leaving.removed else nothing)
        return
    app.confirm("Remove these entries?", yes=yes, said=[line.text for line in lines], diff=diff)
    app.console.say(f"Changed {list_files(leaving.carry_out().changed, app.environ)}.")
