"""`togetherctl init`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from togetherctl.actions.joining import KubeconfigOptions, current_name
from togetherctl.commands.app import App, pass_app
from togetherctl.commands.joining.ending import Proof, next_commands, prove
from togetherctl.commands.joining.options import source_options
from togetherctl.commands.joining.run import ImportRun
from togetherctl.commands.joining.showing import import_clusters

if TYPE_CHECKING:
    from togetherctl.actions.joining import Preview


@click.command("init")
@source_options
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--set-current", is_flag=True, help="Make the cluster's context the current one.")
@click.option("--overwrite", is_flag=True, help="Replace entries of the kubeconfig that togetherctl did not write.")
@click.option("--offline", is_flag=True, help="Do not look at issuers before anything is written.")
@click.option("--no-login", is_flag=True, help="Stop before the login.")
@pass_app
def command(
    app: App,
    /,
    words: tuple[str, ...],
    kubeconfig: str | None,
    set_current: bool,
    overwrite: bool,
    offline: bool,
    no_login: bool,
    **options: Any,
) -> None:
    """Take your clusters, log in, and see kubectl work.

    Writes them into the store and your kubeconfig, logs in once for each session, and asks each cluster who you are.

    SOURCE is where your clusters come from: together (by API key), a kubeconfig that somebody sent, a folder of them, a
    bundle (a file or an https address), or - for standard input. Without one you are asked, or say --issuer-url,
    --client-id and --server.

    Everything is shown before it is written. Run it again whenever there is more to take: what you changed yourself
    stays as it is.
    """
    # What cannot be read is said before anybody answers questions for nothing.
    current_name(app.world, kubeconfig)
    run = ImportRun.begin(app, words, options, offline=offline)
    wanted = KubeconfigOptions(kubeconfig=kubeconfig, set_current=set_current, overwrite=overwrite)
    done = import_clusters(run, wanted)
    if done is not None:
        _end(app, *done, no_login=no_login)


def _end(app: App, shown: Preview, kubeconfig: KubeconfigOptions, *, no_login: bool) -> None:
    """Log in and ask around, unless that is not wanted. Raises click's Exit where something failed."""
    plan = shown.plan
    clusters = [app.world.store.cluster(name) for name in plan.clusters]
    proof = Proof(0, list(plan.clusters))
    if not no_login:
        proof = prove(app, clusters, plan.profiles)
    elif plan.profiles:
        names = " ".join(map(shlex.quote, plan.profiles))
        app.console.next_steps("This stops before the login.", f"togetherctl login {names}")
    for cluster, context in zip(clusters, shown.written.contexts if shown.written else (), strict=False):
        if cluster.name in proof.opened:
            next_commands(app, cluster, context, kubeconfig)
            break
    if proof.code:
        raise click.exceptions.Exit(proof.code)
