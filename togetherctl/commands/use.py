"""`togetherctl use`: make a cluster's context the current one."""

from __future__ import annotations

import click

from togetherctl.actions.kubeconfig_edit import use
from togetherctl.actions.reports import report_use
from togetherctl.cli.app import App, pass_app


@click.command("use")
@click.argument("cluster")
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@pass_app
def command(app: App, cluster: str, kubeconfig: str | None) -> None:
    """Make a cluster's context the current one.

    Its entries are written first where they are missing.
    """
    used = use(app.world, cluster, kubeconfig=kubeconfig)
    app.console.report(report_use(used, app.environ))
