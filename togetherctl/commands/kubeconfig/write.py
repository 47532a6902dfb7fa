"""`togetherctl kubeconfig write` and `show`, and `use`: write clusters into a kubeconfig, or print them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import as_json
from togetherctl.errors import UsageError
from togetherctl.kube.entries import entries_for
from togetherctl.kube.exec_credential import VERSIONS
from togetherctl.kube.yaml_text import YamlText
from togetherctl.usecases.kubeconfig_edit import use_cluster
from togetherctl.usecases.kubeconfig_write import ExecCommand, exec_command, write_clusters
from togetherctl.usecases.reports import report_use, report_written


def command_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--portable` and `--no-shim`, which choose the command that the kubeconfig calls."""
    command = click.option(
        "--no-shim", is_flag=True, help="Call togetherctl itself, not the script that serves ready tokens faster."
    )(command)
    return click.option(
        "--portable",
        is_flag=True,
        help="Call togetherctl by its bare name, for a file that is used on several machines.",
    )(command)


def choose_command(app: App, *, portable: bool, no_shim: bool, write: bool) -> ExecCommand:
    """The command for the exec entry, as `exec_command` gives it; its warning is shown."""
    own = exec_command(app.environ, portable=portable, no_shim=no_shim, write=write)
    if own.warning:
        app.console.warn(own.warning)
    return own


# The command gets the whole apiVersion, None where the option was left out.
_api_version = click.option(
    "--api-version",
    type=click.Choice(list(VERSIONS)),
    callback=lambda _context, _parameter, value: VERSIONS[value] if value else None,
    help="The version that the exec entry asks for; v1beta1 is for clients that know no v1, such as lightkube and "
    "pykube-ng. Left out: what the entry says already, else v1.",
)


@click.command(
    "write",
    cls=Command,
    examples=[
        "togetherctl kubeconfig write  # all clusters",
        "togetherctl kubeconfig write gpu --set-current",
        "togetherctl kubeconfig write gpu --kubeconfig gpu.yaml --portable",
    ],
)
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--all", "everyone", is_flag=True, help="Every cluster of the configuration, as if none were named.")
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
@_api_version
@command_options
@pass_app
def command(app: App, /, names: tuple[str, ...], everyone: bool, **options: Any) -> None:
    """Write clusters into a kubeconfig.

    Without CLUSTER, all of them. Everything else in the file stays as it is, comments and the current context too.

    A context that was named by a template keeps to it from then on; '{context}' goes back to what the configuration
    says.
    """
    if everyone and names:
        raise UsageError("name clusters or say --all, not both")
    written = write_clusters(app.world, names, **options)
    if options["dry_run"]:
        put("".join(change.diff() for change in written.changes), end="")
    app.console.report(report_written(written, app.environ, dry_run=options["dry_run"]))
    if not options["dry_run"] and not options["set_current"]:
        where = f"--kubeconfig {shlex.quote(str(written.own_file))} " if written.own_file else ""
        app.console.show_command(f"kubectl {where}--context {shlex.quote(written.contexts[0])} get pods")


@click.command(
    "show",
    cls=Command,
    examples=[
        "togetherctl kubeconfig show gpu > gpu.yaml",
    ],
)
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@_api_version
@command_options
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="The form of the output.",
)
@pass_app
def show(app: App, names: tuple[str, ...], portable: bool, no_shim: bool, form: str, api_version: str | None) -> None:
    """Print what would be written, as a kubeconfig of its own.

    Without CLUSTER, all of them. It holds no secret, no issuer and no client ID.
    """
    clusters = app.world.config.clusters(names)
    own = choose_command(app, portable=portable, no_shim=no_shim, write=False)
    text = YamlText("apiVersion: v1\nkind: Config\n")
    for cluster in clusters:
        for entry in entries_for(cluster, own.command, env=own.env, api_version=api_version):
            text.put(entry.section, entry.over(None))
    if len(clusters) == 1:
        text.put_scalar("current-context", clusters[0].context)
    put(as_json(text.expected()) if form == "json" else text.text(), end="\n" if form == "json" else "")


@click.command(
    "use",
    cls=Command,
    examples=[
        "togetherctl use gpu",
    ],
)
@click.argument("cluster")
@click.option("--kubeconfig", metavar="FILE", help="The file to change; else KUBECONFIG, else ~/.kube/config.")
@pass_app
def use(app: App, cluster: str, kubeconfig: str | None) -> None:
    """Make a cluster's context the current one.

    Its entries are written first where they are missing.
    """
    used = use_cluster(app.world, cluster, kubeconfig=kubeconfig)
    app.console.report(report_use(used, app.environ))
