"""Switching the current context, on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.actions.kubeconfig import Written, write_clusters
from togetherctl.kube.kubeconfig import editing, kubeconfig_files, planned
from togetherctl.kube.ours import CURRENT, current_context, everything
from togetherctl.kube.stanza import owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Used:
    """The current context now and before (empty where there was none), and the file that says so.

    `written` is what had to be written first, None where all was there.
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
    """The context of ours that opens the cluster with all it needs; the one named as the store says comes first."""
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
