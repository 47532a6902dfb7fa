"""`togetherctl get-token`: the exec plugin."""

from __future__ import annotations

import click

from togetherctl.commands.app import App, pass_app
from togetherctl.commands.exec_plugin import print_credential


@click.command("get-token")
@click.option("--profile", "name", metavar="NAME", help="The profile whose credential is wanted.")
@pass_app
def command(app: App, name: str | None) -> None:
    """Print a credential for kubectl, which calls this.

    The answer is an ExecCredential of client.authentication.k8s.io, v1 or v1beta1 as KUBERNETES_EXEC_INFO asks. A
    login is opened where one is needed, unless the profile says login = "never", TOGETHERCTL_NO_INPUT or CI is set.
    """
    print_credential(app.world, name or app.world.store.meant_profile())
