"""Writing clusters of the store into kubeconfigs: into those that kubectl reads, or into one file for each cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl.actions.allowing import forbidden
from togetherctl.actions.calling import called
from togetherctl.actions.naming import Naming
from togetherctl.errors import KubeconfigError, UsageError, run
from togetherctl.kube.cluster_tls import is_authority
from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files
from togetherctl.kube.ours import CURRENT, everything
from togetherctl.kube.stanza import SECTIONS, entries_for, is_ours
from togetherctl.kube.writing import write
from togetherctl.paths import expand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from togetherctl.actions.calling import Called
    from togetherctl.kube.kubeconfig import Change
    from togetherctl.kube.stanza import Entry
    from togetherctl.store.store import Cluster
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Written:
    """The kubeconfig files before and after, the contexts that open the clusters, and what is to be said.

    `own_file` is the file of the first cluster where each has one of its own.
    """

    changes: list[Change]
    contexts: list[str]
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    own_file: Path | None = None

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
    output_dir: str | None = None,
    template: str | None = None,
    api_version: str | None = None,
) -> Written:
    """Write the clusters called `names`, without names all of them.

    They go into `kubeconfig`, else where kubectl looks; or each into a file of its own in `output_dir`. `template`
    names the contexts; `api_version` is that of the stanzas, None: what they say already, else v1. Raises UsageError,
    and KubeconfigError, and then no kubeconfig was changed.
    """
    clusters = _wanted(world, names)
    if output_dir is not None and (kubeconfig is not None or set_current):
        other = "--set-current" if kubeconfig is None else "--kubeconfig"
        raise UsageError(
            f"--output-dir and {other} exclude each other: each cluster gets a file of its own, its context current",
            hint="togetherctl kubeconfig write --output-dir DIR",
        )
    if set_current and len(clusters) != 1:
        raise UsageError("--set-current goes with one cluster", hint="togetherctl kubeconfig write NAME --set-current")
    naming = Naming.of(world.store, template)
    own = called(world.environ, portable=portable, no_shim=no_shim, write=not dry_run)
    writing = _Writing(world, own, naming, overwrite=overwrite, api_version=api_version)
    if output_dir is not None:
        written = writing.into_folder(expand(output_dir, world.environ), clusters, dry_run=dry_run)
    else:
        files = kubeconfig_files(kubeconfig, world.environ)
        written = writing.into(files, clusters, set_current=set_current, dry_run=dry_run)
    written.warnings.extend([own.warning] if own.warning else [])
    written.warnings.extend(
        f"the CA file of {cluster.name} is not there, and kubectl will say so: {cluster.ca_file}"
        for cluster in clusters
        if cluster.ca_file and not cluster.ca_file.is_file()
    )
    written.warnings.extend(_left_out(world, clusters))
    written.warnings.extend(forbidden(world, [own.command]))
    return written


def _left_out(world: World, clusters: Sequence[Cluster]) -> Iterator[str]:
    """What the store says of a cluster and no kubeconfig can."""
    for cluster in clusters:
        table = world.store.table.clusters[cluster.name]
        if table.insecure_skip_tls_verify and not cluster.insecure:
            yield (
                f"cluster {cluster.name} has a certificate authority and insecure_skip_tls_verify, which kubectl "
                f"refuses together: the kubeconfig goes without the latter; togetherctl cluster unset {cluster.name} "
                "insecure_skip_tls_verify"
            )
        if cluster.ca_data and not is_authority(cluster.ca_data):
            yield f"ca_data of cluster {cluster.name} holds no certificate that can be read, and kubectl will say so"


def _wanted(world: World, names: Sequence[str]) -> list[Cluster]:
    clusters = world.store.clusters(names)
    if not clusters:
        raise UsageError(
            f"there is no cluster in {world.store.path} yet",
            hint=run("togetherctl", "init"),
        )
    return clusters


class _Writing:
    """What is the same for every file that is written."""

    def __init__(
        self, world: World, called: Called, naming: Naming, *, overwrite: bool, api_version: str | None
    ) -> None:
        self._known = list(world.store.table.clusters)
        self._called = called
        self._naming = naming
        self._overwrite = overwrite
        self._api_version = api_version

    def into(self, files: Sequence[Path], clusters: Sequence[Cluster], *, set_current: bool, dry_run: bool) -> Written:
        """Write all of them into the files that kubectl would read as one."""
        contexts: list[str] = []
        renamed: list[str] = []

        def entries(opened: Sequence[KubeconfigFile]) -> list[Entry]:
            named = self._naming.all(opened, clusters)
            contexts[:] = [named[cluster.name].context for cluster in clusters]
            renamed[:] = [
                f"The context {one.instead} is called {one.context} now." for one in named.values() if one.instead
            ]
            command, env, _ = self._called
            return [
                entry
                for cluster in clusters
                for entry in entries_for(cluster, command, named[cluster.name], env=env, api_version=self._api_version)
            ]

        changes = write(
            files, entries, overwrite=self._overwrite, known=self._known, set_current=set_current, dry_run=dry_run
        )
        return Written(changes, contexts, notes=renamed)

    def into_folder(self, folder: Path, clusters: Sequence[Cluster], *, dry_run: bool) -> Written:
        """Write each into a file of its own, called like the cluster. None is written if one of them cannot be."""
        files = {cluster.name: folder / f"{cluster.name}.yaml" for cluster in clusters}
        opened = {name: KubeconfigFile.read(path) for name, path in files.items()}
        theirs = [str(file.path) for file in opened.values() if file.original is not None and not _is_ours(file)]
        if theirs and not self._overwrite:
            raise KubeconfigError(
                f"togetherctl did not write {', '.join(theirs)}, and leaves {'it' if len(theirs) == 1 else 'them'} "
                "alone",
                hint="choose another folder; --overwrite adds to what is there",
            )
        written = Written([], [])
        for really in (False,) if dry_run else (False, True):
            written = Written([], [], own_file=files[clusters[0].name])
            for cluster in clusters:
                one = self.into(
                    [files[cluster.name]],
                    [cluster],
                    set_current=not opened[cluster.name].text.data.get(CURRENT),
                    dry_run=not really,
                )
                written.changes.extend(one.changes)
                written.contexts.extend(one.contexts)
                written.notes.extend(one.notes)
        return written


def _is_ours(file: KubeconfigFile) -> bool:
    """Whether a file holds entries of ours and no others; an empty one can be taken."""
    found = [one for section in SECTIONS for one in everything([file], section)]
    if not found:
        return not (file.original or "").strip()
    return all(is_ours(one.section, one.entry) for one in found)
