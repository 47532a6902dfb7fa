"""What a kubeconfig is to call: the shim, the console script, or the bare name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from togetherctl.errors import StorageError, UsageError
from togetherctl.kube.stanza import own_command
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.commands.app import App


def called_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--portable` and `--no-shim`."""
    command = click.option(
        "--no-shim", is_flag=True, help="Call togetherctl itself, not the script that serves ready tokens faster."
    )(command)
    return click.option(
        "--portable",
        is_flag=True,
        help="Call togetherctl by its bare name, for a file that is used on several machines.",
    )(command)


def called(app: App, *, portable: bool, no_shim: bool, write: bool) -> str:
    """The command for the exec entry; the shim is written and tried first where `write`.

    Raises KubeconfigError where togetherctl is not installed, and UsageError.
    """
    if portable and no_shim:
        raise UsageError("--portable does without the shim already; say one of the two")
    own = own_command(app.environ, portable=portable)
    shim = shim_for(app.environ, own)
    if portable or no_shim or not shim.is_possible():
        return own
    if not write:
        return str(shim.path)
    try:
        return str(shim.write())
    except StorageError as error:
        app.console.warn(f"{error.message}; the kubeconfig calls {own} itself, which takes longer")
        return own
