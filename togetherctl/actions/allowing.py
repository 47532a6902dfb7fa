"""What kubectl's list of credential plugins that it may run has to name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import KubeconfigError, UsageError
from togetherctl.kube import kuberc
from togetherctl.kube.kubeconfig import kubeconfig_files, planned
from togetherctl.kube.ours import everything
from togetherctl.kube.stanza import own_command, owner_of
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.kube.kubeconfig import Change, KubeconfigFile
    from togetherctl.kube.kuberc import Key
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
    # A path in the list must be a normal one.
    ours = [os.path.normpath(command) for command in ours]
    # One that entries of ours call still, such as the script of an earlier installation.
    ours += [command for command, is_ours in called.items() if is_ours and os.path.normpath(command) not in ours]
    return Allowed(ours, [command for command in called if command not in ours])


def allowing(world: World, allowed: Allowed, key: Key) -> Change:
    """The kuberc as it is, and as it lets kubectl run what is ours. Raises KubeconfigError and UsageError."""
    path = kuberc.place(world.environ)
    if path is None:
        raise UsageError("kubectl is told to use no kuberc (KUBERC or KUBECTL_KUBERC), so it asks no list")
    return kuberc.Kuberc.read(path).allowing(allowed.ours, key)


def forbidden(world: World, commands: Sequence[str]) -> list[str]:
    """A sentence for each of these commands that kubectl's kuberc does not let it run, with the way out."""
    path = kuberc.place(world.environ)
    if path is None:
        return []
    try:
        read = kuberc.Kuberc.read(path)
    except KubeconfigError:
        # kubectl says what is wrong with it, and goes on.
        return []
    return [
        f"kubectl will not run {command}: {path} {why}; run: togetherctl kubeconfig allowlist --write"
        for command in commands
        if (why := read.forbids(command)) is not None
    ]


def forbidden_in(world: World, kubeconfig: str | None = None) -> list[str]:
    """The same for what our entries of a kubeconfig call."""

    def called(files: Sequence[KubeconfigFile]) -> list[str]:
        ours = [found for found in everything(files, "users") if owner_of("users", found.entry) is not None]
        stanzas = [found.body.get("exec") for found in ours]
        commands = [stanza.get("command") for stanza in stanzas if isinstance(stanza, dict)]
        return list(dict.fromkeys(command for command in commands if isinstance(command, str) and command))

    return forbidden(world, planned(kubeconfig_files(kubeconfig, world.environ), called)[1])
