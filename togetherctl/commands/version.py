"""`togetherctl version`: show the version, the interpreter and the shim, and whether a newer release is there."""

from __future__ import annotations

import platform
import sys

import click

from togetherctl import __version__
from togetherctl.cli.app import App, pass_app
from togetherctl.cli.console import put
from togetherctl.cli.lazy import Command
from togetherctl.cli.output import hint_fields, output_option, show_record
from togetherctl.errors import ExitCode, KubeconfigError
from togetherctl.kube.entries import own_command
from togetherctl.shim import ShimState, shim_for

# What a person is told; scripts get the word.
_STATES = {
    ShimState.CURRENT.value: "current",
    ShimState.OUTDATED.value: "outdated: it goes on working, slower; togetherctl kubeconfig write makes it again",
    ShimState.NONE.value: "none: no script for kubeconfigs to call was made yet, which is no fault; togetherctl "
    "kubeconfig write makes it",
}


@click.command(
    "version",
    cls=Command,
    examples=["togetherctl version", "togetherctl version --check   # exit 1: a newer release is there"],
)
@click.option("--check", is_flag=True, help="Ask for a newer release, and do nothing else.")
@output_option
@pass_app
def command(app: App, check: bool) -> None:
    """Show which togetherctl this is.

    The shim is a small script that kubeconfigs call in place of togetherctl, because it starts faster.
    togetherctl kubeconfig write makes it, and makes it again after an upgrade or a move.

    --check asks the address of releases that this togetherctl was built with. The exit code is 0 if this version is up
    to date, 1 if there is a newer one, and another if the question has no answer. No other command asks, and this one
    installs nothing.
    """
    if check:
        _check(app)
        return
    item = {
        "version": __version__,
        "python": platform.python_version(),
        "interpreter": sys.executable,
        **_shim(app),
    }
    if app.output == "table":
        item["shim_state"] = _STATES[str(item["shim_state"])]
    show_record(app, item, name="version")


def _check(app: App) -> None:
    from togetherctl.usecases.release_check import ask_for_newest

    newest = ask_for_newest(app.environ, log=app.world.log)
    remedy = newest.upgrade(app.environ)
    if app.output != "table":
        item = {
            "version": newest.here,
            "latest": newest.version,
            "latest_date": newest.date or None,
            "newer": newest.is_newer,
            **hint_fields(remedy),
        }
        show_record(app, item, name="latest")
    elif newest.is_newer:
        app.console.note(newest.sentence(), remedy)
    else:
        put(newest.sentence())
    if newest.is_newer:
        raise click.exceptions.Exit(ExitCode.FAILED)


def _shim(app: App) -> dict[str, str | None]:
    try:
        shim = shim_for(app.environ, own_command(app.environ, portable=False))
    except KubeconfigError:
        return {"shim": None, "shim_state": ShimState.NONE.value}
    state = shim.state()
    if shim.other_config() is not None:
        state = ShimState.NONE
    return {"shim": None if state is ShimState.NONE else str(shim.path), "shim_state": state.value}
