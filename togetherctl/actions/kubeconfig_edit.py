"""Edit kubeconfigs: take entries out, switch the current context, and write kubectl's plugin allowlist."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from togetherctl.actions.kubeconfig import Written, forbidden, write_clusters
from togetherctl.errors import UsageError, run
from togetherctl.kube import kuberc
from togetherctl.kube.kubeconfig import editing, kubeconfig_files, planned
from togetherctl.kube.ours import CURRENT, current_context, everything, take_out
from togetherctl.kube.stanza import own_command, owner_of
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from togetherctl.kube.kubeconfig import Change, KubeconfigFile
    from togetherctl.kube.kuberc import Key
    from togetherctl.kube.ours import Predicate, Removed
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Leaving:
    """The entries to take out of which files, and the rule that selects them; `carry_out` takes them out."""

    files: list[Path]
    changes: list[Change]
    removed: Removed
    clusters: Predicate = field(repr=False)
    profiles: Predicate = field(repr=False)

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.changed]

    def carry_out(self) -> Leaving:
        """Take the entries out of the files as they are now; gives what was taken out. Raises KubeconfigError."""
        with editing(self.files, self.edit) as pending:
            return replace(self, changes=pending.changes, removed=pending.said)

    def edit(self, files: Sequence[KubeconfigFile]) -> Removed:
        """Change the opened files."""
        return take_out(files, clusters=self.clusters, profiles=self.profiles)


def of_clusters(world: World, names: Sequence[str], *, kubeconfig: str | None = None) -> Leaving:
    """Our entries of these clusters, also of clusters that the store no longer has; without names, all our entries.

    Raises UsageError where neither store nor kubeconfig has such a cluster, and KubeconfigError.
    """
    if not names:
        return leaving(world, kubeconfig, clusters=lambda _name: True, profiles=lambda _name: True)
    wanted = frozenset(names)
    found = leaving(world, kubeconfig, clusters=wanted.__contains__, profiles=lambda _name: False)
    known: set[str] = set()

    def look(files: Sequence[KubeconfigFile]) -> None:
        for section in ("clusters", "contexts"):
            for one in everything(files, section):
                owner = owner_of(section, one.entry)
                known.update([owner.cluster] if owner and owner.cluster else [])

    planned(found.files, look)
    for name in sorted(wanted - known):
        world.store.entry("cluster", name)
    return found


def of_nothing_known(world: World, *, kubeconfig: str | None = None) -> Leaving:
    """Our entries whose cluster or profile the store does not have.

    Raises KubeconfigError, and UsageError where there is no store.
    """
    store = world.store
    if store.mtime_ns is None:
        raise UsageError(
            f"there is no store at {store.path}, so every entry would go; --all says that this is meant",
            hint=run("togetherctl", "kubeconfig", "remove", "--all"),
        )
    clusters, profiles = store.table.clusters, store.table.profiles
    return leaving(
        world,
        kubeconfig,
        clusters=lambda name: name is not None and name not in clusters,
        profiles=lambda name: name is not None and name not in profiles,
    )


def leaving(world: World, kubeconfig: str | None, *, clusters: Predicate, profiles: Predicate) -> Leaving:
    """The entries of the clusters and profiles that these functions select. Raises KubeconfigError."""
    files = kubeconfig_files(kubeconfig, world.environ)
    changes, removed = planned(files, lambda opened: take_out(opened, clusters=clusters, profiles=profiles))
    return Leaving(files, changes, removed, clusters, profiles)


@dataclass(frozen=True)
class Used:
    """The current context now and before (empty where there was none), and the file that has it.

    `written` is what was written first, None where all was there.
    """

    context: str
    before: str
    path: Path
    written: Written | None


def use(world: World, cluster: str, *, kubeconfig: str | None = None) -> Used:
    """Make the context of `cluster` the current one; its entries are written first if one of them is missing.

    Raises UsageError, and KubeconfigError.
    """
    files = kubeconfig_files(kubeconfig, world.environ)
    meant = world.store.cluster(cluster)
    _, context = planned(files, lambda opened: _context(opened, meant))
    written = None
    if context is None:
        written = write_clusters(world, [cluster], kubeconfig=kubeconfig)
        context = written.contexts[0]

    def switch(opened: Sequence[KubeconfigFile]) -> tuple[str, Path]:
        current = current_context(opened)
        holder = current[0] if current else opened[0]
        holder.text.put_scalar(CURRENT, context)
        return (current[1] if current else ""), holder.path

    with editing(files, switch) as pending:
        before, path = pending.said
    return Used(context, before, path, written)


def _context(files: Sequence[KubeconfigFile], cluster: Cluster) -> str | None:
    """Our complete context for the cluster; the name that the store gives comes first."""
    users = {found.name for found in everything(files, "users")}
    clusters = {found.name for found in everything(files, "clusters")}
    usable = []
    seen: set[str] = set()
    for found in everything(files, "contexts"):
        owner = owner_of("contexts", found.entry)
        whole = found.word("user") in users and found.word("cluster") in clusters
        if found.name not in seen and owner is not None and owner == (cluster.name, cluster.profile) and whole:
            usable.append(found.name)
        seen.add(found.name)
    return cluster.context if cluster.context in usable else next(iter(usable), None)


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


def allowing(world: World, allowed: Plugins, key: Key) -> Change:
    """The kuberc as it is, and as it lets kubectl run what is ours. Raises KubeconfigError and UsageError."""
    path = kuberc.place(world.environ)
    if path is None:
        raise UsageError("kubectl is told to use no kuberc (KUBERC or KUBECTL_KUBERC), so it asks no list")
    return kuberc.Kuberc.read(path).allowing(allowed.ours, key)


def forbidden_in(world: World, kubeconfig: str | None = None) -> list[str]:
    """A sentence for each command of our exec entries that kubectl's kuberc does not let it run."""
    called = _exec_commands(world, kubeconfig)
    return forbidden(world, [command for command, is_ours in called.items() if is_ours])


def _exec_commands(world: World, kubeconfig: str | None) -> dict[str, bool]:
    """The commands that users of the kubeconfig call, and whether an entry of ours calls each."""
    called: dict[str, bool] = {}

    def look(files: Sequence[KubeconfigFile]) -> None:
        for found in everything(files, "users"):
            stanza = found.body.get("exec")
            command = stanza.get("command") if isinstance(stanza, dict) else None
            if isinstance(command, str) and command:
                called[command] = called.get(command, False) or owner_of("users", found.entry) is not None

    planned(kubeconfig_files(kubeconfig, world.environ), look)
    return called
