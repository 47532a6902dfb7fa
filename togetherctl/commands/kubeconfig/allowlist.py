"""`togetherctl kubeconfig allowlist`."""

from __future__ import annotations

import click

from togetherctl.actions.allowing import plugins
from togetherctl.commands.app import App, pass_app
from togetherctl.commands.console import put
from togetherctl.kube.yaml_text import dump


@click.command("allowlist")
@click.option(
    "--kubeconfig", metavar="FILE", help="The kubeconfig to look through; else KUBECONFIG, else ~/.kube/config."
)
@click.option(
    "--key",
    type=click.Choice(["command", "name"]),
    default="command",
    show_default=True,
    help="What the list calls a plugin: kubectl 1.35 says name, newer ones command.",
)
@pass_app
def command(app: App, kubeconfig: str | None, key: str) -> None:
    """Print the list that lets kubectl run no other plugin.

    kubectl 1.35 or newer takes from its file kuberc which credential plugins it may run, whatever a kubeconfig says.
    Plugins that other users of your kubeconfig call are listed as comments.
    """
    allowed = plugins(app.world, kubeconfig=kubeconfig)
    listed = dump({"credentialPluginAllowlist": [{key: path} for path in allowed.ours]})
    put("apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist")
    put(listed, end="")
    for other in allowed.others:
        put(f"# {dump([{key: other}]).rstrip()}")
    app.console.say("This goes into ~/.kube/kuberc, beside what is there; kubectl before 1.35 does not know it.")
    if allowed.others:
        app.console.say("kubectl runs what is a comment there only once you take the # away.")
