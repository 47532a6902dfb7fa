"""What a kubeconfig is to call: the shim, the console script, or the bare name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.environment import CONFIG, HOME
from togetherctl.errors import StorageError, UsageError
from togetherctl.kube.stanza import own_command
from togetherctl.paths import locate
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Mapping


_FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


class Called(NamedTuple):
    """The command for the exec entry, the environment it needs, and what is to be said where it is another command."""

    command: str
    env: Mapping[str, str] = {}
    warning: str | None = None


def called(environ: Mapping[str, str], *, portable: bool, no_shim: bool, write: bool) -> Called:
    """The command for the exec entry; the shim is written and tried first where `write`.

    Raises KubeconfigError where togetherctl is not installed, and UsageError.
    """
    if portable and no_shim:
        raise UsageError("--portable does without the shim already; say one of the two")
    own = own_command(environ, portable=portable)
    shim = shim_for(environ, own)
    if portable:
        return Called(own)
    if no_shim or not shim.is_possible():
        return Called(own, _carried(environ))
    if not write:
        return Called(str(shim.path))
    try:
        return Called(str(shim.write()))
    except StorageError as error:
        return Called(own, _carried(environ), f"{error.message}; the kubeconfig calls {own} itself, which takes longer")


def _carried(environ: Mapping[str, str]) -> dict[str, str]:
    """What leads to this store from wherever the kubeconfig is used, where the usual places do not. A shim has it."""
    paths = locate(environ)
    carried = {CONFIG: str(paths.config)} if environ.get(CONFIG) else {}
    if environ.get(HOME):
        return {**carried, HOME: str(paths.state.parent)}
    return {**carried, **{name: environ[name] for name in _FOLDERS if Path(environ.get(name, "")).is_absolute()}}
