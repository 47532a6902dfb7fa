"""`togetherctl get-token`: the exec plugin with its options, and with kubelogin's flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.exec_plugin import print_credential
from togetherctl.cli.kubelogin_flags import FlagsCommand, refuse_flags_beside_profile
from togetherctl.kube.exec_credential import V1, V1BETA1, VERSIONS
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from togetherctl.config.profile import Profile
    from togetherctl.kubelogin.flags import Flags


@click.command(
    "get-token",
    cls=FlagsCommand,
    takes="get-token",
    options_metavar="[--profile NAME | FLAGS]",
    examples=[
        "togetherctl get-token --profile acme",
        "togetherctl get-token --oidc-issuer-url=https://login.acme.com \\\n    --oidc-client-id=kubernetes",
    ],
)
@click.option("--profile", "name", metavar="NAME", help="The profile whose credential is wanted.")
@click.option(
    "--api-version",
    type=click.Choice(list(VERSIONS)),
    help="The version of the answer for clients that do not set KUBERNETES_EXEC_INFO; else v1, and v1beta1 with "
    "kubelogin's flags.",
)
@pass_app
def command(app: App, name: str | None, api_version: str | None, flags: Flags | None) -> None:
    """Print a credential for kubectl (kubectl runs this).

    The answer is an ExecCredential of client.authentication.k8s.io, v1 or v1beta1 as KUBERNETES_EXEC_INFO asks. If a
    login is needed, it opens one, unless the profile says login = "never", or TOGETHERCTL_NO_INPUT or CI is set.

    Instead of --profile it takes the flags of kubelogin, with the same meaning.
    """
    program = click.get_current_context().find_root().info_name or ""
    refuse_flags_beside_profile(name, flags)
    app.console.for_a_client = True
    version = VERSIONS[api_version] if api_version else None
    if name is None and (flags is not None or program == PLUGIN):
        _print_by_flags(app, flags, program, version or V1BETA1)
        return
    renew = flags is not None and flags.force_refresh
    print_credential(app.world, name or app.world.config.meant_profile(), otherwise=version or V1, renew=renew)


def _print_by_flags(app: App, flags: Flags | None, program: str, otherwise: str) -> None:
    """The answer for a profile that only these flags know of; the configuration is not looked at."""
    from togetherctl.kubelogin.flags import Flags
    from togetherctl.kubelogin.profile import profile_of

    given = flags or Flags()

    def make_profile() -> Profile:
        return profile_of(given, app.environ, program=program, warn=app.console.warn)

    print_credential(app.world, make_profile, otherwise=otherwise, renew=given.force_refresh)
