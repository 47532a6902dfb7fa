"""Writing clusters of the store into kubeconfigs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl.actions.calling import called
from togetherctl.errors import UsageError
from togetherctl.kube.kubeconfig import kubeconfig_files, write
from togetherctl.kube.stanza import entries_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.kube.kubeconfig import Change
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Written:
    """The kubeconfig files before and after, the contexts that open the clusters, and what is to be said."""

    changes: list[Change]
    contexts: list[str]
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.changed]


def write_clusters(  # noqa: PLR0913 # each is an option that a person may give
    world: World,
    names: Sequence[str] = (),
    *,
    kubeconfig: str | None = None,
    overwrite: bool = False,
    set_current: bool = False,
    dry_run: bool = False,
    portable: bool = False,
    no_shim: bool = False,
) -> Written:
    """Write the clusters called `names`, without names all of them, into `kubeconfig`, else where kubectl looks.

    Raises UsageError, and KubeconfigError, and then no kubeconfig was changed.
    """
    clusters = _wanted(world, names)
    if set_current and len(clusters) != 1:
        raise UsageError("--set-current goes with one cluster", hint="togetherctl kubeconfig write NAME --set-current")
    command, warning = called(world.environ, portable=portable, no_shim=no_shim, write=not dry_run)
    changes = write(
        kubeconfig_files(kubeconfig, world.environ),
        [entry for cluster in clusters for entry in entries_for(cluster, command)],
        overwrite=overwrite,
        current_context=clusters[0].context if set_current else None,
        dry_run=dry_run,
    )
    warnings = [warning] if warning else []
    warnings += [
        f"the CA file of {cluster.name} is not there, and kubectl will say so: {cluster.ca_file}"
        for cluster in clusters
        if cluster.ca_file and not cluster.ca_file.is_file()
    ]
    return Written(changes, [cluster.context for cluster in clusters], warnings)


def _wanted(world: World, names: Sequence[str]) -> list[Cluster]:
    clusters = world.store.clusters(names)
    if not clusters:
        raise UsageError(
            f"there is no cluster in {world.store.path} yet",
            hint="togetherctl cluster add NAME --profile P --server URL",
        )
    return clusters
