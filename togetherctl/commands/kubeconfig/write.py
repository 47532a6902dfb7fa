"""`togetherctl kubeconfig write` and `show`: write clusters into a kubeconfig, or print them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import as_json, output_option, show_list
from togetherctl.errors import UsageError
from togetherctl.kube.agent_stanza import entries_for_agent
from togetherctl.kube.entries import Entry, entries_for
from togetherctl.kube.exec_credential import VERSIONS
from togetherctl.kube.yaml_text import YamlText
from togetherctl.usecases.kubeconfig_write import (
    ExecCommand,
    WriteResult,
    called_there,
    exec_command,
    kept_back,
    write_clusters,
)
from togetherctl.usecases.reports import describe_write, report_written

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster


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


_for_agent = click.option(
    "--for-agent",
    is_flag=True,
    help="Make it for a machine that an agent is forwarded to: its entries need only sh and curl there, and no "
    "togetherctl.",
)


def _refuse_beside_agent(options: Mapping[str, Any]) -> None:
    """Raises UsageError where an option chooses what the entries for an agent do not have."""
    for name in ("portable", "no_shim", "api_version", "set_current"):
        if options["for_agent"] and options.get(name):
            other = f"--{name.replace('_', '-')}"
            raise UsageError(f"--for-agent and {other} exclude each other")


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
@click.option("--yes", is_flag=True, help="Do not ask.")
@_for_agent
@_api_version
@command_options
@output_option
@pass_app
def command(app: App, /, names: tuple[str, ...], everyone: bool, yes: bool, **options: Any) -> None:
    """Write clusters into a kubeconfig.

    Without CLUSTER, all of them. Everything else in the file stays as it is, comments and the current context too.

    A context that was named by a template keeps that template. To go back to the names of the configuration, say
    --context-template '{context}'.

    With --for-agent the file is for another machine, so it is printed if you name none.
    """
    if everyone and names:
        raise UsageError("name clusters or say --all, not both")
    _refuse_beside_agent(options)
    if options["for_agent"] and not (options["kubeconfig"] or options["output_dir"]):
        _print_for_agent(app, names, "yaml")
        return
    dry_run = options["dry_run"]
    if not yes and not dry_run and app.console.can_ask:
        planned = write_clusters(app.world, names, **{**options, "dry_run": True})
        if planned.changed:
            app.confirm_write(describe_write(planned, app.environ), _diff(planned), yes=yes)
    written = write_clusters(app.world, names, **options)
    if app.output != "table":
        _show_written(app, written)
    elif dry_run:
        put(_diff(written), end="")
    app.console.report(report_written(written, app.environ, dry_run=dry_run))
    if not dry_run and not options["set_current"] and app.output == "table":
        _show_next(app, written, options["kubeconfig"])


def _diff(written: WriteResult) -> str:
    return "".join(change.diff() for change in written.changes)


def _show_written(app: App, written: WriteResult) -> None:
    items = [
        {"context": context, "kubeconfig": str(written.places[context]), "changed": context in written.updated}
        for context in written.contexts
    ]
    show_list(app, items, {}, name="context")


def _show_next(app: App, written: WriteResult, kubeconfig: str | None) -> None:
    """A command that uses what was written, and looks into the same file."""
    file = str(written.own_file) if written.own_file else kubeconfig
    where = f"--kubeconfig {shlex.quote(file)} " if file else ""
    context = (written.updated or written.contexts)[0]
    app.console.show_command(f"kubectl {where}--context {shlex.quote(context)} get pods")


@click.command(
    "show",
    cls=Command,
    examples=[
        "togetherctl kubeconfig show gpu > gpu.yaml",
        "togetherctl kubeconfig show gpu --for-agent > far.yaml  # for sh and curl",
    ],
)
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@_for_agent
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
def show(app: App, /, names: tuple[str, ...], form: str, for_agent: bool, **options: Any) -> None:
    """Print what would be written, as a kubeconfig of its own.

    Without CLUSTER, all of them. It holds no secret, no issuer and no client ID.
    """
    _refuse_beside_agent({"for_agent": for_agent, **options})
    if for_agent:
        _print_for_agent(app, names, form)
        return
    own = choose_command(app, portable=options["portable"], no_shim=options["no_shim"], write=False)
    clusters = app.world.config.clusters(names)
    _print_entries(
        clusters,
        [
            entry
            for cluster in clusters
            for entry in entries_for(cluster, own.command, env=own.env, api_version=options["api_version"])
        ],
        form,
    )


def _print_for_agent(app: App, names: Sequence[str], form: str) -> None:
    clusters = app.world.config.clusters(names)
    entries = [entry for one in clusters for entry in entries_for_agent(one, called_there(app.world, one))]
    _print_entries(clusters, entries, form)
    for sentence in kept_back(app.world, clusters):
        app.console.warn(sentence)


def _print_entries(clusters: Sequence[Cluster], entries: Sequence[Entry], form: str) -> None:
    """A kubeconfig of its own; a cluster that is alone is its current one."""
    text = YamlText("apiVersion: v1\nkind: Config\n")
    for entry in entries:
        text.put(entry.section, entry.over(None))
    if len(clusters) == 1:
        text.put_scalar("current-context", clusters[0].context)
    put(as_json(text.expected()) if form == "json" else text.text(), end="\n" if form == "json" else "")
