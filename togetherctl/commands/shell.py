"""`togetherctl shell`: open a shell with a kubeconfig of its own for one cluster."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.commands.run_command import log_in_first, namespace_option
from togetherctl.config.config import Cluster
from togetherctl.environment import CLUSTER
from togetherctl.errors import StorageError, UsageError, run
from togetherctl.usecases.foreground_process import CannotRun, run_in_foreground
from togetherctl.usecases.own_kubeconfig import OwnKubeconfig, find_clusters, own_kubeconfigs
from togetherctl.usecases.shell_start import start_of_shell


@click.command("shell", cls=Command, examples=["togetherctl shell gpu", "togetherctl shell gpu -n training"])
@click.argument("name", metavar="[CLUSTER]", required=False)
@namespace_option
@pass_app
def command(app: App, name: str | None, namespace: str | None) -> None:
    """Open a shell with a kubeconfig of its own.

    The kubeconfig holds CLUSTER alone and goes when the shell ends, so neither ~/.kube/config nor another terminal is
    disturbed. A context's name will do for CLUSTER; without one, you choose. A session that needs a login is logged in
    to first.

    The shell is SHELL, with your prompt and start files; TOGETHERCTL_CLUSTER holds the cluster's name. The exit code is
    that of the shell.
    """
    cluster = find_clusters(app.world, [name])[0] if name else _choose(app)
    log_in_first(app, cluster)
    with own_kubeconfigs(app.world, [cluster], namespace=namespace) as own:
        for warning in own.warnings:
            app.console.warn(warning)
        try:
            words, environ = start_of_shell(own.each[cluster.name].environ, own.folder.path)
        except OSError as error:
            raise StorageError(f"{own.folder.path} cannot be written: {error.strerror}") from None
        _say_where(app, own.each[cluster.name])
        try:
            code = run_in_foreground(words, environ, keep_open=[own.folder.lock])
        except CannotRun as error:
            app.console.error(error)
            code = error.shell_code
    raise click.exceptions.Exit(code)


def _say_where(app: App, own: OwnKubeconfig) -> None:
    before = app.environ.get(CLUSTER)
    back = f", back to {before}" if before else ""
    app.console.say(
        f"A shell for cluster {own.cluster.name}, namespace {own.namespace}; exit or Ctrl-D leaves it{back}."
    )


def _choose(app: App) -> Cluster:
    clusters = app.world.config.clusters()
    if not clusters:
        raise UsageError(f"there is no cluster in {app.world.config.path} yet", hint=run("togetherctl", "init"))
    if not app.console.can_ask:
        names = [cluster.name for cluster in clusters]
        raise UsageError(
            f"which cluster? There are {', '.join(names[:10])}{' …' if len(names) > 10 else ''}",
            hint="togetherctl shell CLUSTER",
        )
    from togetherctl.cli.prompts import PromptChoice, Prompts

    choices = [PromptChoice(f"{cluster.name}  {cluster.server}", cluster) for cluster in clusters]
    return Prompts(app.environ).one("Which cluster?", choices)
