"""`togetherctl kubeconfig write`."""

from __future__ import annotations

import shlex

import click

from togetherctl.actions.kubeconfig import write_clusters
from togetherctl.actions.reports import report_written
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.commands.kubeconfig.called import api_version_option, called_options
from togetherctl.errors import UsageError


@click.command("write")
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--all", "everyone", is_flag=True, help="Every cluster of the store, as if none were named.")
@click.option("--output-dir", metavar="DIR", help="Write each cluster into a file of its own, DIR/CLUSTER.yaml.")
@click.option(
    "--context-template",
    "template",
    metavar="TEMPLATE",
    help="Name contexts by a template, such as '{profile}-{cluster}'; fields: "
    "{cluster}, {profile}, {issuer}, {context}, {namespace}.",
)
@click.option("--set-current", is_flag=True, help="Make the cluster's context the current one.")
@click.option("--overwrite", is_flag=True, help="Replace entries of the same name that togetherctl did not write.")
@click.option("--dry-run", is_flag=True, help="Print the difference and write nothing.")
@api_version_option
@called_options
@pass_app
def command(
    app: App,
    names: tuple[str, ...],
    kubeconfig: str | None,
    everyone: bool,
    output_dir: str | None,
    template: str | None,
    set_current: bool,
    overwrite: bool,
    dry_run: bool,
    portable: bool,
    no_shim: bool,
    api_version: str | None,
) -> None:
    """Write clusters into a kubeconfig.

    Without CLUSTER, all of them. Everything else in the file stays as it is, comments and the current context too.

    A context that was named by a template keeps to it from then on; '{context}' goes back to what the store says.
    """
    if everyone and names:
        raise UsageError("name clusters or say --all, not both")
    written = write_clusters(
        app.world,
        names,
        kubeconfig=kubeconfig,
        overwrite=overwrite,
        set_current=set_current,
        dry_run=dry_run,
        portable=portable,
        no_shim=no_shim,
        output_dir=output_dir,
        template=template,
        api_version=api_version,
    )
    if dry_run:
        put("".join(change.diff() for change in written.changes), end="")
    app.console.report(report_written(written, app.environ, dry_run=dry_run))
    if not dry_run and not set_current:
        where = f"--kubeconfig {shlex.quote(str(written.own_file))} " if written.own_file else ""
        app.console.say(f"  kubectl {where}--context {shlex.quote(written.contexts[0])} get pods")
