"""`togetherctl version`: show the version, the interpreter and the shim."""

from __future__ import annotations

import platform
import sys

import click

from togetherctl import __version__
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.output import output_option, show_record
from togetherctl.errors import KubeconfigError
from togetherctl.kube.stanza import own_command
from togetherctl.shim import ShimState, shim_for


@click.command("version")
@output_option
@pass_app
def command(app: App) -> None:
    """Show which togetherctl this is.

    The shim is the script that kubeconfigs call. It is outdated after an upgrade or a move;
    `togetherctl kubeconfig write` renews it.
    """
    show_record(
        app,
        {
            "version": __version__,
            "python": platform.python_version(),
            "interpreter": sys.executable,
            **_shim(app),
        },
        name="version",
    )


def _shim(app: App) -> dict[str, str | None]:
    try:
        shim = shim_for(app.environ, own_command(app.environ, portable=False))
    except KubeconfigError:
        return {"shim": None, "shim_state": ShimState.NONE.value}
    state = shim.state()
    return {"shim": None if state is ShimState.NONE else str(shim.path), "shim_state": state.value}
