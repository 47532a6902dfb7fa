"""What a kubeconfig is to call: the shim, the console script, or the bare name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from togetherctl.actions import calling
from togetherctl.kube.exec_credential import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.cli.app import App


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


def api_version_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--api-version`; the command gets the whole apiVersion, None where it was left out."""

    def whole(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
        return VERSIONS[value] if value else None

    return click.option(
        "--api-version",
        type=click.Choice(list(VERSIONS)),
        callback=whole,
        help="The version that the exec entry asks for; v1beta1 is for clients that know no v1, such as lightkube and "
        "pykube-ng. Left out: what the entry says already, else v1.",
    )(command)


def called(app: App, *, portable: bool, no_shim: bool, write: bool) -> calling.Called:
    """The command for the exec entry, and its environment; the shim is written and tried first where `write`.

    Raises KubeconfigError where togetherctl is not installed, and UsageError.
    """
    own = calling.called(app.environ, portable=portable, no_shim=no_shim, write=write)
    if own.warning:
        app.console.warn(own.warning)
    return own
