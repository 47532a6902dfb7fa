"""`togetherctl run`: run a command with a kubeconfig of its own, for one cluster or for several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.commands.login import log_in_to_all
from togetherctl.config import value_checks
from togetherctl.config.profile import once_per_session
from togetherctl.errors import ExitCode, UsageError, run
from togetherctl.usecases.foreground_process import CannotRun, run_in_foreground
from togetherctl.usecases.log_in_and_out import log_in_to
from togetherctl.usecases.own_kubeconfig import OwnKubeconfigs, find_clusters, lacks_session, own_kubeconfigs
from togetherctl.usecases.reports import report_login
from togetherctl.usecases.side_by_side import Job, JobResult, run_side_by_side, stdout_and_stderr

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster

_SEPARATOR = "--"


class _RunCommand(Command):
    """What follows `--` is the command to run, and no option or cluster of ours."""

    # For completion.
    runs_another = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index(_SEPARATOR) if _SEPARATOR in args else len(args)
        ctx.meta[_SEPARATOR] = tuple(args[at + 1 :])
        try:
            return super().parse_args(ctx, args[:at])
        except click.NoSuchOption:
            if _SEPARATOR in args:
                raise
            # More likely it is one of the command.
            raise UsageError("-- stands before the command", hint="togetherctl run CLUSTER -- CMD") from None


def check_namespace(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Raises UsageError for what no namespace is called."""
    if value is None:
        return None
    try:
        return value_checks.namespace(value)
    except ValueError as error:
        raise UsageError(f"--namespace {error}") from None


namespace_option = click.option(
    "-n", "--namespace", metavar="NAMESPACE", callback=check_namespace, help="The namespace of the context."
)


@click.command(
    "run",
    cls=_RunCommand,
    options_metavar="[OPTIONS]",
    examples=[
        "togetherctl run gpu -- kubectl get nodes",
        "togetherctl run gpu train -- kubectl get pods",
        "togetherctl run --all -- kubectl get nodes  # on all clusters at once",
    ],
)
@click.argument("names", metavar="[CLUSTER]... -- CMD...", nargs=-1)
@click.option("--all", "everyone", is_flag=True, help="Every cluster of the configuration.")
@namespace_option
@pass_app
def command(app: App, names: tuple[str, ...], everyone: bool, namespace: str | None) -> None:
    """Run a command with a kubeconfig of its own.

    CMD gets a kubeconfig with CLUSTER alone, which goes when it ends, so neither ~/.kube/config nor another terminal
    is disturbed. A context's name will do for CLUSTER. A session that needs a login is logged in to first.

    With one cluster, CMD has the terminal, and the exit code is that of CMD. Several run at once: each line begins with
    the name of its cluster, stdin is empty, and the exit code is the first in their order that is not 0.
    """
    words: Sequence[str] = click.get_current_context().meta[_SEPARATOR]
    clusters = _choose(app, names, words, everyone=everyone)
    if len(clusters) == 1 and not everyone:
        raise click.exceptions.Exit(run_in(app, clusters[0], namespace, words))
    raise click.exceptions.Exit(_run_in_all(app, clusters, namespace, words))


def run_in(app: App, cluster: Cluster, namespace: str | None, words: Sequence[str]) -> int:
    """Log in where that is needed, and run a command for one cluster; its exit code."""
    log_in_first(app, cluster)
    with own_kubeconfigs(app.world, [cluster], namespace=namespace) as own:
        _warn(app, own)
        try:
            return run_in_foreground(words, own.each[cluster.name].environ, keep_open=[own.folder.lock])
        except CannotRun as error:
            app.console.error(error)
            return error.shell_code


def log_in_first(app: App, cluster: Cluster) -> None:
    """Log in to the cluster's session unless it has a token that is good. Raises what `Engine.login` raises."""
    profile = app.world.config.profile(cluster.profile)
    if lacks_session(app.world, profile):
        app.console.report(report_login(app.world, log_in_to(app.world, profile)))


def _choose(app: App, names: Sequence[str], words: Sequence[str], *, everyone: bool) -> list[Cluster]:
    if everyone and names:
        raise UsageError("name clusters or say --all, not both")
    if not everyone and not names:
        raise UsageError("name a cluster, or say --all", hint="togetherctl run CLUSTER -- CMD")
    clusters = app.world.config.clusters() if everyone else find_clusters(app.world, names[: None if words else 1])
    if not clusters:
        raise UsageError(f"there is no cluster in {app.world.config.path} yet", hint=run("togetherctl", "init"))
    if not words and len(names) > 1:
        raise UsageError(
            "-- stands before the command", hint=run("togetherctl", "run", names[0], _SEPARATOR, *names[1:])
        )
    if not words or not words[0]:
        raise UsageError(
            "CMD is empty, so there is no command to run" if words else "there is no command to run",
            hint=run("togetherctl", "shell", clusters[0].name, words="name one after --, or open a shell"),
        )
    return clusters


def _run_in_all(app: App, clusters: Sequence[Cluster], namespace: str | None, words: Sequence[str]) -> int:
    codes = _log_in_to_lacking(app, clusters)
    able = [cluster for cluster in clusters if cluster.name not in codes]
    with own_kubeconfigs(app.world, able, namespace=namespace) as own:
        _warn(app, own)
        jobs = [Job(cluster.name, words, own.each[cluster.name].environ) for cluster in able]
        out, err = stdout_and_stderr()
        results = run_side_by_side(
            jobs, out=out, err=err, keep_open=[own.folder.lock], ended=lambda one: _say_if_not_run(app, one)
        )
        codes |= {one.job.name: one.code for one in results}
    failed = [f"{cluster.name} ({code})" for cluster in clusters if (code := codes[cluster.name])]
    if failed:
        app.console.say(f"{len(failed)} of {len(clusters)} failed, with the exit code: {', '.join(failed)}.")
    return next((code for cluster in clusters if (code := codes[cluster.name])), 0)


def _say_if_not_run(app: App, result: JobResult) -> None:
    if result.error:
        app.console.error(result.error)


def _log_in_to_lacking(app: App, clusters: Sequence[Cluster]) -> dict[str, int]:
    """Log in once for each session that needs it; the exit codes of clusters whose session cannot be had."""
    config = app.world.config
    profiles = {name: config.profile(name) for name in dict.fromkeys(cluster.profile for cluster in clusters)}
    lacking = [profile for profile in once_per_session(list(profiles.values())) if lacks_session(app.world, profile)]
    results = log_in_to_all(app, lacking)
    if not all(one.done for one in results):
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    refused = {one.profile.key: int(one.error.exit_code) for one in results if one.error}
    return {
        cluster.name: refused[profiles[cluster.profile].key]
        for cluster in clusters
        if profiles[cluster.profile].key in refused
    }


def _warn(app: App, own: OwnKubeconfigs) -> None:
    for warning in own.warnings:
        app.console.warn(warning)
