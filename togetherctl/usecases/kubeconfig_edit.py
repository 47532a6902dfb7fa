"""Edit kubeconfigs: take entries out, and write kubectl's plugin allowlist."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.errors import UsageError, run
from togetherctl.kube import kuberc
from togetherctl.kube.configuration_of_user import users_of_others
from togetherctl.kube.entries import own_command, owner_of
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile, edit_files, kubeconfig_files, plan_edit
from togetherctl.kube.ownership import NO_OTHERS, Predicate, RemovedEntries, UsersOfOthers, all_entries, remove_entries
from togetherctl.shim import shim_for
from togetherctl.usecases.kubeconfig_write import (
    WithChanges,
    commands_refused,
    read_entries,
)

if TYPE_CHECKING:
    from togetherctl.kube.kuberc import Key
    from togetherctl.wiring import World


@dataclass(frozen=True)
class KubeconfigRemoval(WithChanges):
    """The entries to take out of which files, and the rule that selects them; `carry_out` takes them out."""

    files: list[Path]
    changes: list[KubeconfigChange]
    removed: RemovedEntries
    clusters: Predicate = field(repr=False)
    profiles: Predicate = field(repr=False)
    others: Callable[[Sequence[KubeconfigFile]], UsersOfOthers] = field(repr=False)

    def carry_out(self) -> KubeconfigRemoval:
        """Take the entries out of the files as they are now; gives what was taken out. Raises KubeconfigError."""
        with edit_files(self.files, self.edit) as pending:
            return replace(self, changes=pending.changes, removed=pending.said)

    def edit(self, files: Sequence[KubeconfigFile]) -> RemovedEntries:
        """Change the opened files."""
        return remove_entries(files, clusters=self.clusters, profiles=self.profiles, others=self.others(files))


def of_clusters(world: World, names: Sequence[str], *, kubeconfig: str | None = None) -> KubeconfigRemoval:
    """Our entries of these clusters, also of those no longer in the configuration; without names, all of ours.

    Those that get their credential from another configuration go where one of the clusters has no other context.

    Raises UsageError where neither configuration nor kubeconfig has such a cluster, and KubeconfigError.
    """
    if not names:
        return plan_leaving(world, kubeconfig, clusters=lambda _name: True, profiles=lambda _name: True, of_others=True)
    wanted = frozenset(names)
    files = [KubeconfigFile.read(path) for path in kubeconfig_files(kubeconfig, world.environ)]
    others = users_of_others(files, world.environ, world.paths.config)
    contexts = [(others.behind(one), owner_of("contexts", one.entry)) for one in all_entries(files, "contexts")]
    own = {owner.cluster for other, owner in contexts if owner is not None and other is None}
    clusters = [owner_of("clusters", one.entry) for one in all_entries(files, "clusters")]
    for name in sorted(wanted - {owner.cluster for owner in [*clusters, *(owner for _, owner in contexts)] if owner}):
        world.config.entry("cluster", name)
    return plan_leaving(
        world,
        kubeconfig,
        clusters=wanted.__contains__,
        profiles=lambda _name: False,
        of_others=not wanted <= own,
    )


def of_nothing_known(world: World, *, kubeconfig: str | None = None) -> KubeconfigRemoval:
    """Our entries whose cluster or profile the configuration does not have, but for those of another configuration.

    Raises KubeconfigError, and UsageError where there is no configuration.
    """
    config = world.config
    if config.mtime_ns is None:
        raise UsageError(
            f"there is no configuration at {config.path}, so every entry would go; --all says that this is meant",
            hint=run("togetherctl", "kubeconfig", "remove", "--all"),
        )
    clusters, profiles = config.table.clusters, config.table.profiles
    return plan_leaving(
        world,
        kubeconfig,
        clusters=lambda name: name is not None and name not in clusters,
        profiles=lambda name: name is not None and name not in profiles,
    )


def plan_leaving(
    world: World, kubeconfig: str | None, *, clusters: Predicate, profiles: Predicate, of_others: bool = False
) -> KubeconfigRemoval:
    """The entries of the clusters and profiles that these functions select. Raises KubeconfigError.

    Those that get their credential from another configuration that is there stay, unless `of_others`.
    """

    def others(opened: Sequence[KubeconfigFile]) -> UsersOfOthers:
        return NO_OTHERS if of_others else users_of_others(opened, world.environ, world.paths.config)

    paths = kubeconfig_files(kubeconfig, world.environ)
    plan = KubeconfigRemoval(paths, [], RemovedEntries(), clusters, profiles, others)
    changes, removed = plan_edit(plan.files, plan.edit)
    return replace(plan, changes=changes, removed=removed)


@dataclass(frozen=True)
class Plugins:
    """Commands for kubectl's list of plugins: ours, and those that other users of the kubeconfig call."""

    ours: list[str]
    others: list[str]


def plugins(world: World, *, kubeconfig: str | None = None) -> Plugins:
    """The shim and the console script, with absolute paths; then what else the kubeconfig calls.

    Raises KubeconfigError.
    """
    own = own_command(world.environ, portable=False)
    shim = shim_for(world.environ, own)
    called = _exec_commands(world, kubeconfig)
    # A path in the list must be a normal one.
    ours = [os.path.normpath(command) for command in ([str(shim.path), own] if shim.is_possible() else [own])]
    # One that entries of ours call still, such as the script of an earlier installation.
    ours += [command for command, is_ours in called.items() if is_ours and os.path.normpath(command) not in ours]
    return Plugins(ours, [command for command in called if command not in ours])


def allowing(world: World, allowed: Plugins, key: Key) -> KubeconfigChange:
    """The kuberc as it is, and as it lets kubectl run what is ours. Raises KubeconfigError and UsageError."""
    path = kuberc.locate_kuberc(world.environ)
    if path is None:
        raise UsageError("kubectl is told to use no kuberc (KUBERC or KUBECTL_KUBERC), so it asks no list")
    return kuberc.Kuberc.read(path).allowing(allowed.ours, key)


def find_refused_commands(world: World, kubeconfig: str | None = None) -> list[str]:
    """A sentence for each command of our exec entries that kubectl's kuberc does not let it run."""
    called = _exec_commands(world, kubeconfig)
    return commands_refused(world, [command for command, is_ours in called.items() if is_ours])


def _exec_commands(world: World, kubeconfig: str | None) -> dict[str, bool]:
    """The commands that users of the kubeconfig call, and whether an entry of ours calls each."""
    called: dict[str, bool] = {}
    for found in read_entries(kubeconfig_files(kubeconfig, world.environ), "users"):
        stanza = found.body.get("exec")
        command = stanza.get("command") if isinstance(stanza, dict) else None
        if isinstance(command, str) and command:
            called[command] = called.get(command, False) or owner_of("users", found.entry) is not None
    return called
