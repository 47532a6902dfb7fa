"""`togetherctl profile import`."""

from __future__ import annotations

import shlex
from typing import Any

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import output_option
from togetherctl.commands.importing.import_clusters import import_clusters
from togetherctl.commands.importing.options import source_options
from togetherctl.commands.importing.record import show_taken
from togetherctl.commands.importing.run import ImportRun
from togetherctl.usecases.import_clusters import KubeconfigOptions


@click.command(
    "import",
    cls=Command,
    examples=[
        "togetherctl profile import team.toml",
        "togetherctl profile import kubeconfig.yaml --clusters gpu-east",
    ],
)
@source_options
@output_option
@pass_app
def command(app: App, /, words: tuple[str, ...], **options: Any) -> None:
    """Import profiles and clusters into the configuration.

    SOURCE is what togetherctl init takes: together, agent, a kubeconfig, a folder of them, a bundle (a file or an https
    address), or - for standard input. The kubeconfig is left alone, and no issuer is asked anything.
    """
    taken = import_clusters(ImportRun.begin(app, words, options, offline=True), KubeconfigOptions(write=False))
    show_taken(app, taken)
    if taken.done is None:
        return
    plan = taken.shown.plan
    commands = [f"togetherctl login {' '.join(map(shlex.quote, plan.profiles))}"]
    if plan.clusters:
        commands.insert(0, f"togetherctl kubeconfig write {' '.join(map(shlex.quote, plan.clusters))}")
    app.console.next_steps("They are in your configuration.", *commands)
