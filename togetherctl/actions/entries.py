"""Taking our entries out of kubeconfigs: those of some clusters, all of them, or those the store has no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl.errors import UsageError, run
from togetherctl.kube.kubeconfig import editing, kubeconfig_files, planned
from togetherctl.kube.ours import everything, take_out
from togetherctl.kube.stanza import owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from togetherctl.kube.kubeconfig import Change, KubeconfigFile
    from togetherctl.kube.ours import Doomed, Removed
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Leaving:
    """What goes from which files, and what it is decided by; `carry_out` takes it out."""

    files: list[Path]
    changes: list[Change]
    removed: Removed
    clusters: Doomed = field(repr=False)
    profiles: Doomed = field(repr=False)

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.changed]

    def carry_out(self) -> Leaving:
        """Take out what is there by now; gives what was taken out. Raises KubeconfigError."""
        with editing(self.files, self.edit) as pending:
            return Leaving(self.files, pending.changes, pending.said, self.clusters, self.profiles)

    def edit(self, files: Sequence[KubeconfigFile]) -> Removed:
        """The change itself."""
        return take_out(files, clusters=self.clusters, profiles=self.profiles)


def of_clusters(world: World, names: Sequence[str], *, kubeconfig: str | None = None) -> Leaving:
    """The entries of these clusters, whether or not the store has them still; without names all that are ours.

    Raises UsageError where there is no such cluster in store and kubeconfig, and KubeconfigError.
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

    Raises KubeconfigError, and UsageError where there is no store to tell by.
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


def leaving(world: World, kubeconfig: str | None, *, clusters: Doomed, profiles: Doomed) -> Leaving:
    """What goes if these clusters and profiles are doomed. Raises KubeconfigError."""
    files = kubeconfig_files(kubeconfig, world.environ)
    changes, removed = planned(files, lambda opened: take_out(opened, clusters=clusters, profiles=profiles))
    return Leaving(files, changes, removed, clusters, profiles)
