"""What kubectl's list of credential plugins that it may run has to name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.kube.kubeconfig import kubeconfig_files, planned
from togetherctl.kube.ours import everything
from togetherctl.kube.stanza import own_command, owner_of
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Allowed:
    """The commands of ours, and those that other users of the kubeconfig call."""

    ours: list[str]
    others: list[str]


def plugins(world: World, *, kubeconfig: str | None = None) -> Allowed:
    """The shim and the console script, with absolute paths; then what else the kubeconfig calls.

    Raises KubeconfigError.
    """
    own = own_command(world.environ, portable=False)
    shim = shim_for(world.environ, own)
    ours = [str(shim.path), own] if shim.is_possible() else [own]
    called: dict[str, bool] = {}

    def look(files: Sequence[KubeconfigFile]) -> None:
        for found in everything(files, "users"):
            stanza = found.body.get("exec")
            command = stanza.get("command") if isinstance(stanza, dict) else None
            if isinstance(command, str) and command:
                called[command] = called.get(command, False) or owner_of("users", found.entry) is not None

    planned(kubeconfig_files(kubeconfig, world.environ), look)
    # One that entries of ours call still, such as the script of an earlier installation.
    ours += [command for command, is_ours in called.items() if is_ours and command not in ours]
    return Allowed(ours, [command for command in called if command not in ours])
