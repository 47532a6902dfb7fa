"""`togetherctl kubeconfig write`."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.kubeconfig.called import called, called_options
from togetherctl.errors import UsageError
from togetherctl.kube.kubeconfig import Change, kubeconfig_files, write
from togetherctl.kube.stanza import entries_for
from togetherctl.paths import tilde


@click.command("write")
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--set-current", is_flag=True, help="Make the cluster's context the current one.")
@click.option("--overwrite", is_flag=True, help="Replace entries of the same name that togetherctl did not write.")
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@called_options
@pass_app
def command(
    app: App,
    names: tuple[str, ...],
    kubeconfig: str | None,
    set_current: bool,
    overwrite: bool,
    dry_run: bool,
    portable: bool,
    no_shim: bool,
) -> None:
    """Write clusters into a kubeconfig.

    Without CLUSTER, all of them. Everything else in the file stays as it is, comments and the current context too.
    """
    clusters = app.world.store.clusters(names)
    if not clusters:
        raise UsageError(
            f"there is no cluster in {app.world.store.path} yet",
            hint="togetherctl cluster add NAME --profile P --server URL",
        )
    if set_current and len(clusters) != 1:
        raise UsageError("--set-current goes with one cluster", hint="togetherctl kubeconfig write NAME --set-current")
    own = called(app, portable=portable, no_shim=no_shim, write=not dry_run)
    changes = write(
        kubeconfig_files(kubeconfig, app.environ),
        [entry for cluster in clusters for entry in entries_for(cluster, own)],
        overwrite=overwrite,
        current_context=clusters[0].context if set_current else None,
        dry_run=dry_run,
    )
    for cluster in clusters:
        if cluster.ca_file and not cluster.ca_file.is_file():
            app.console.warn(f"the CA file of {cluster.name} is not there, and kubectl will say so: {cluster.ca_file}")
    if dry_run:
        click.echo("".join(change.diff() for change in changes), nl=False)
    _report(app, changes, [cluster.context for cluster in clusters], dry_run=dry_run, switched=set_current)


def _report(app: App, changes: list[Change], contexts: list[str], *, dry_run: bool, switched: bool) -> None:
    changed = [tilde(change.path, app.environ) for change in changes if change.changed]
    if not changed:
        app.console.say("Nothing to write: the kubeconfig says all of this already.")
    elif dry_run:
        app.console.say(f"Nothing was written; {', '.join(changed)} would change as shown.")
    else:
        app.console.say(f"Wrote {', '.join(contexts)} to {', '.join(changed)}.")
    if not dry_run and not switched:
        app.console.say(f"  kubectl --context {contexts[0]} get pods")
