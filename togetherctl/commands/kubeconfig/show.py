"""`togetherctl kubeconfig show`."""

from __future__ import annotations

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.output import as_json
from togetherctl.commands.kubeconfig.called import api_version_option, called, called_options
from togetherctl.kube.stanza import entries_for
from togetherctl.kube.yaml_text import YamlText


@click.command("show")
@click.argument("names", metavar="[CLUSTER]...", nargs=-1)
@api_version_option
@called_options
@click.option("-o", "--output", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@pass_app
def command(
    app: App, names: tuple[str, ...], portable: bool, no_shim: bool, form: str, api_version: str | None
) -> None:
    """Print what would be written, as a kubeconfig of its own.

    Without CLUSTER, all of them. It holds no secret, no issuer and no client ID.
    """
    clusters = app.world.store.clusters(names)
    own = called(app, portable=portable, no_shim=no_shim, write=False)
    text = YamlText("apiVersion: v1\nkind: Config\n")
    for cluster in clusters:
        for entry in entries_for(cluster, own.command, env=own.env, api_version=api_version):
            text.put(entry.section, entry.over(None))
    if len(clusters) == 1:
        text.put_scalar("current-context", clusters[0].context)
    if form == "json":
        put(as_json(text.expected()))
    else:
        put(text.text(), end="")
