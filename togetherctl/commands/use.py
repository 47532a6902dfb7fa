"""`togetherctl use`: make a cluster's context the current one."""

from __future__ import annotations

import click

from togetherctl.actions.kubeconfig_edit import use
from togetherctl.cli.app import App, pass_app
from togetherctl.paths import tilde


@click.command("use")
@click.argument("cluster")
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@pass_app
def command(app: App, cluster: str, kubeconfig: str | None) -> None:
    """Make a cluster's context the current one.

    Its entries are written first where they are missing.
    """
    used = use(app.world, cluster, kubeconfig=kubeconfig)
    if used.written:
        for warning in used.written.warnings:
            app.console.warn(warning)
        changed = ", ".join(tilde(change.path, app.environ) for change in used.written.changed)
        app.console.say(f"Wrote {used.context} to {changed}.")
    if used.before == used.context:
        app.console.say(f"{used.context} is the current context already.")
        return
    before = f"it was {used.before}" if used.before else "there was none"
    app.console.say(f"The current context is {used.context}; {before}.")
