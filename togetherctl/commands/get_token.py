"""`togetherctl get-token`: the exec plugin with its options, and with kubelogin's flags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from togetherctl.cli.app import App, pass_app
from togetherctl.cli.exec_plugin import print_credential, say_notes, stdout_for_the_answer_alone
from togetherctl.cli.kubelogin_flags import FlagsCommand
from togetherctl.errors import UsageError
from togetherctl.kube.exec_credential import V1, V1BETA1, VERSIONS, render, wanted_version
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from togetherctl.kubelogin.flags import Flags


@click.command("get-token", cls=FlagsCommand, takes="get-token", options_metavar="[--profile NAME | FLAGS]")
@click.option("--profile", "name", metavar="NAME", help="The profile whose credential is wanted.")
@click.option(
    "--api-version",
    type=click.Choice(list(VERSIONS)),
    help="The version of the answer for clients that do not set KUBERNETES_EXEC_INFO; else v1, and v1beta1 with "
    "kubelogin's flags.",
)
@pass_app
def command(app: App, name: str | None, api_version: str | None, flags: Flags | None) -> None:
    """Print a credential for kubectl, which calls this.

    The answer is an ExecCredential of client.authentication.k8s.io, v1 or v1beta1 as KUBERNETES_EXEC_INFO asks. A
    login is opened where one is needed, unless the profile says login = "never", TOGETHERCTL_NO_INPUT or CI is set.

    Instead of a profile it takes kubelogin's flags, which mean what they mean there.
    """
    program = click.get_current_context().find_root().info_name or ""
    if flags is not None and name is not None:
        _refuse_both(flags)
    app.console.for_a_client = True
    version = VERSIONS[api_version] if api_version else None
    if name is None and (flags is not None or program == PLUGIN):
        _by_flags(app, flags, program, version or V1BETA1)
        return
    renew = flags is not None and flags.force_refresh
    print_credential(app.world, name or app.world.store.meant_profile(), otherwise=version or V1, renew=renew)


def _by_flags(app: App, flags: Flags | None, program: str, otherwise: str) -> None:
    """The answer for a profile that only these flags know of; the store is not looked at."""
    from togetherctl.kubelogin.flags import Flags
    from togetherctl.kubelogin.profile import profile_of

    flags = flags or Flags()
    with stdout_for_the_answer_alone() as answer:
        version = wanted_version(app.environ, otherwise=otherwise)
        profile = profile_of(flags, app.environ, program=program, warn=app.console.warn)
        credential = app.world.storeless_engine.credential(profile, app.world.policy, renew=flags.force_refresh)
        answer(render(version, credential.token.value, credential.ask_again_at))
        say_notes(app.world, profile)


def _refuse_both(flags: Flags) -> None:
    """Raises UsageError for flags that the profile speaks of."""
    others = [name for name in flags.typed if name != "force-refresh"]
    if others:
        raise UsageError(f"--profile already sets what --{others[0]} sets; give one of them")
