"""What a kubeconfig is to call: the shim, the console script, or the bare name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from togetherctl.errors import StorageError, UsageError
from togetherctl.kube.stanza import own_command
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Mapping


class Called(NamedTuple):
    """The command for the exec entry, and what is to be said where it is not the one that was wanted."""

    command: str
    warning: str | None = None


def called(environ: Mapping[str, str], *, portable: bool, no_shim: bool, write: bool) -> Called:
    """The command for the exec entry; the shim is written and tried first where `write`.

    Raises KubeconfigError where togetherctl is not installed, and UsageError.
    """
    if portable and no_shim:
        raise UsageError("--portable does without the shim already; say one of the two")
    own = own_command(environ, portable=portable)
    shim = shim_for(environ, own)
    if portable or no_shim or not shim.is_possible():
        return Called(own)
    if not write:
        return Called(str(shim.path))
    try:
        return Called(str(shim.write()))
    except StorageError as error:
        return Called(own, f"{error.message}; the kubeconfig calls {own} itself, which takes longer")
