"""`togetherctl init`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option
from togetherctl.commands.importing.import_clusters import Taken, import_clusters
from togetherctl.commands.importing.options import source_options
from togetherctl.commands.importing.record import show_taken
from togetherctl.commands.importing.run import ImportRun
from togetherctl.commands.login import log_in_to_all
from togetherctl.config.config import Cluster
from togetherctl.errors import ExitCode, LoginRequired, TogetherctlError
from togetherctl.usecases.ask_clusters import ClusterAnswer, ask_clusters
from togetherctl.usecases.import_clusters import KubeconfigOptions, current_name
from togetherctl.usecases.log_in_and_out import LoginResult

_AT_ONCE = 8
_SECONDS = 10
_GROUPS = 3
_MOST_HINTS = 3


@click.command(
    "init",
    cls=Command,
    examples=[
        "togetherctl init kubeconfig.yaml  # a file that you were sent",
        "togetherctl init together  # your clusters at Together AI",
        (
            "togetherctl init --issuer-url https://login.acme.com --client-id kubernetes \\\n"
            "    --server https://203.0.113.7:6443 --ca-file ca.pem --name gpu-east"
        ),
    ],
)
@source_options
@click.option("--kubeconfig", metavar="FILE", help="The file to write; else KUBECONFIG, else ~/.kube/config.")
@click.option("--set-current", is_flag=True, help="Make the cluster's context the current one.")
@click.option("--overwrite", is_flag=True, help="Replace entries of the kubeconfig that togetherctl did not write.")
@click.option("--offline", is_flag=True, help="Do not look at issuers before anything is written.")
@click.option("--no-login", is_flag=True, help="Stop before the login.")
@output_option
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

    It writes them into the configuration and your kubeconfig, logs in once for each session, and asks each cluster who
    you are.

    SOURCE is where your clusters come from: together (by API key), agent (the one that ssh forwards to this machine), a
    kubeconfig that you were sent, a folder of them, a bundle (a file or an https address), or - for standard input.
    Without SOURCE it asks you, or takes --issuer-url, --client-id and --server.

    It shows everything before it writes. Run it again whenever there is more to take: what you changed yourself stays
    as it is.

    For a script: togetherctl init SOURCE --yes -o json. stdout then has one record of what was written and who you are
    to each cluster; it has the failure where nothing was written.
    """
    # A kubeconfig that cannot be read is reported before the first question.
    current_name(app.world, kubeconfig)
    run = ImportRun.begin(app, words, options, offline=offline)
    wanted = KubeconfigOptions(kubeconfig=kubeconfig, set_current=set_current, overwrite=overwrite)
    taken = import_clusters(run, wanted)
    if taken.done is None:
        show_taken(app, taken)
    else:
        _end(app, taken, no_login=no_login)


@dataclass(frozen=True)
class _Proof:
    """What came of the logins, and what each cluster answered or why it was not asked, by its name."""

    logins: list[LoginResult]
    answers: dict[str, ClusterAnswer]

    @property
    def opened(self) -> list[str]:
        return [name for name, one in self.answers.items() if one.view]

    @property
    def code(self) -> int:
        """The exit code: that of the first failure, and of the logins before that of the clusters."""
        errors = [one.error for one in self.logins if one.error]
        errors += [one.error for one in self.answers.values() if one.error]
        code = errors[0].exit_code if errors else ExitCode.DONE
        return code if all(one.done for one in self.logins) else ExitCode.INTERRUPTED


def _end(app: App, taken: Taken, *, no_login: bool) -> None:
    """Log in and ask around, unless that is not wanted. Raises click's Exit where something failed."""
    shown, kubeconfig = taken.shown, taken.kubeconfig
    plan = shown.plan
    clusters = [app.world.config.cluster(name) for name in plan.clusters]
    opened, proof = list(plan.clusters), None
    if not no_login:
        proof = _prove(app, clusters, plan.profiles)
        opened = proof.opened
    elif plan.profiles:
        names = " ".join(map(shlex.quote, plan.profiles))
        app.console.next_steps("This stops before the login.", f"togetherctl login {names}")
    for cluster, context in zip(clusters, shown.written.contexts if shown.written else (), strict=False):
        if cluster.name in opened:
            _say_next(app, cluster, context, kubeconfig)
            break
    show_taken(app, taken, proof.logins if proof else None, proof.answers if proof else None)
    if proof and proof.code:
        raise click.exceptions.Exit(proof.code)


def _prove(app: App, clusters: Sequence[Cluster], profiles: Sequence[str]) -> _Proof:
    """Log in once for each session, then ask every cluster who one is, and say so in a line for each.

    A failure is said, and hides nothing of the rest.
    """
    config = app.world.config
    signed_in = log_in_to_all(app, [config.profile(name) for name in profiles])
    failures: dict[str, TogetherctlError] = {}
    for one in signed_in:
        if one.session is None:
            unasked = LoginRequired("there was no login yet", hint=one.profile.ways.login)
            failures[one.profile.key] = one.error or unasked
    keys = {cluster.name: config.profile(cluster.profile).key for cluster in clusters}
    reachable = [cluster for cluster in clusters if keys[cluster.name] not in failures]
    seconds = _SECONDS * (1 + (len(reachable) - 1) // _AT_ONCE)
    said = reachable[0].name if len(reachable) == 1 else f"{len(reachable)} clusters"
    with app.console.waiting(said, seconds) if reachable and sys.stderr.isatty() else nullcontext():
        probed = {one.cluster.name: one for one in ask_clusters(app.world, reachable, at_once=_AT_ONCE)}
    unopened = {one.name: ClusterAnswer(one, None, failures.get(keys[one.name])) for one in clusters}
    answers = {name: probed.get(name, one) for name, one in unopened.items()}
    errors = [*failures.values(), *(one.error for one in probed.values() if one.error)]
    _summarise(app, {name: _line(one) for name, one in answers.items()}, errors)
    return _Proof(signed_in, answers)


def _say_next(app: App, cluster: Cluster, context: str, kubeconfig: KubeconfigOptions) -> None:
    """The command that usually follows."""
    file = kubeconfig.kubeconfig
    named = f"--kubeconfig {shlex.quote(file)} " if file else ""
    current = current_name(app.world, file) == context
    chosen = "" if current else f"--context {shlex.quote(context)} "
    app.console.say("")
    app.console.show_command(f"kubectl {named}{chosen}get pods")
    if not current:
        app.console.show_command(f"togetherctl use {cluster.name}  # makes it the current context")


def _summarise(app: App, lines: Mapping[str, str], errors: Sequence[TogetherctlError]) -> None:
    """A line for each cluster, and below them what can be done about those that failed."""
    if lines:
        app.console.say("")
    width = max((len(name) for name in lines), default=0)
    for name, line in lines.items():
        app.console.say(f"  {name:<{width}}  {line}")
    hints = list(dict.fromkeys(str(error.remedy) for error in errors if error.remedy))
    for hint in hints[:_MOST_HINTS]:
        app.console.say(f"  {hint}")
    if len(hints) > _MOST_HINTS:
        app.console.show_command("togetherctl whoami --cluster NAME  # says what can be done about each")


def _line(one: ClusterAnswer) -> str:
    if one.error is not None:
        return one.error.message
    if one.view is None:
        return "not asked"
    groups = [group for group in one.view.groups if group != "system:authenticated"]
    shown = ", ".join(groups[:_GROUPS]) + (", …" if len(groups) > _GROUPS else "")
    return f"you are {one.view.username}" + (f" in {shown}" if shown else "")
