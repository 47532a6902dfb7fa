"""Have the kubeconfig follow a change of clusters in the configuration, after a question where one can be asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from togetherctl.errors import ConfigError, KubeconfigError, also, run
from togetherctl.usecases.kubeconfig_update import plan_update
from togetherctl.usecases.kubeconfig_write import write_clusters
from togetherctl.usecases.reports import describe_update, describe_write, report_drift, report_update, report_written

if TYPE_CHECKING:
    from togetherctl.cli.app import App
    from togetherctl.config.config import Config


def kubeconfig_options(command: click.Command) -> click.Command:
    """Adds `--kubeconfig` and `--keep-kubeconfig`."""
    for option in (
        click.option("--keep-kubeconfig", is_flag=True, help="Leave kubeconfigs as they are."),
        click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; else KUBECONFIG, else ~/.kube/config."),
    ):
        command = option(command)
    return command


yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def follow_in_kubeconfig(
    app: App,
    clusters: Sequence[str],
    *,
    before: Config | None,
    yes: bool,
    kubeconfig: str | None = None,
    keep_kubeconfig: bool = False,
) -> None:
    """Write the clusters' entries where we have some that differ, or say that they do and with which command to write.

    `before` is the configuration before the change, which stands: a kubeconfig that cannot be written is said only.
    """
    if not clusters:
        return
    try:
        planned = plan_update(app.world, clusters, before=before, kubeconfig=kubeconfig)
        if not planned.changed:
            return
        diff = "".join(change.diff() for change in planned.changed)
        if keep_kubeconfig or not app.agrees_to_write(describe_update(planned, app.environ), diff, yes=yes):
            app.console.report(report_drift(planned.updated.keys, kubeconfig=kubeconfig))
        else:
            app.console.report(report_update(planned.carry_out(), app.environ))
    except ConfigError:
        # It was wrong before; nothing can be written of it.
        return
    except KubeconfigError as error:
        write = run(
            "togetherctl", "kubeconfig", "write", *clusters, *(("--kubeconfig", kubeconfig) if kubeconfig else ())
        )
        app.console.note(f"The kubeconfig stays as it was: {error.message}.", also(error.remedy, write))


def write_added(app: App, cluster: str, *, yes: bool) -> bool:
    """Write a new cluster into the kubeconfig if the person agrees; gives whether that was done.

    The cluster is in the configuration already: a kubeconfig that cannot be written is said only.
    """
    world = app.world.reread()
    try:
        planned = write_clusters(world, [cluster], dry_run=True)
        diff = "".join(change.diff() for change in planned.changed)
        if planned.changed and not app.agrees_to_write(describe_write(planned, app.environ), diff, yes=yes):
            return False
        written = write_clusters(world, [cluster])
    except KubeconfigError as error:
        app.console.note(f"The kubeconfig stays as it was: {error.message}.", error.remedy)
        return False
    app.console.report(report_written(written, app.environ))
    return True
