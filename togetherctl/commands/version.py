"""`togetherctl version`: show the version, the interpreter and the shim."""

from __future__ import annotations

import platform
import sys

import click

from togetherctl import __version__
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.output import output_option, show_record
from togetherctl.errors import KubeconfigError
from togetherctl.kube.entries import own_command
from togetherctl.shim import ShimState, shim_for

# What a person is told; scripts get the word.
_STATES = {
    ShimState.CURRENT.value: "current",
    ShimState.OUTDATED.value: "outdated: it goes on working, slower; togetherctl kubeconfig write makes it again",
    ShimState.NONE.value: "none: no script for kubeconfigs to call was made yet, which is no fault; togetherctl "
    "kubeconfig write makes it",
}


@click.command("version")
@output_option
@pass_app
def command(app: App) -> None:
    """Show which togetherctl this is.

    The shim is a small script that kubeconfigs call in place of togetherctl, because it starts faster.
    togetherctl kubeconfig write makes it, and makes it again after an upgrade or a move.
    """
    item = {
        "version": __version__,
        "python": platform.python_version(),
        "interpreter": sys.executable,
        **_shim(app),
    }
    if app.output == "table":
        item["shim_state"] = _STATES[str(item["shim_state"])]
    show_record(app, item, name="version")


def _shim(app: App) -> dict[str, str | None]:
    try:
        shim = shim_for(app.environ, own_command(app.environ, portable=False))
    except KubeconfigError:
        return {"shim": None, "shim_state": ShimState.NONE.value}
    state = shim.state()
    if shim.other_config() is not None:
        state = ShimState.NONE
    return {"shim": None if state is ShimState.NONE else str(shim.path), "shim_state": state.value}
