"""Switch kubectl's current context: to a cluster's, to any other by its name, or back to the one before."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from togetherctl.config.validation import nearest
from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.environment import CLUSTER
from togetherctl.errors import UsageError, run
from togetherctl.kube.kubeconfig import KubeconfigFile, edit_files, kubeconfig_files
from togetherctl.kube.ownership import CURRENT, current_context
from togetherctl.paths import tilde
from togetherctl.printable import printable
from togetherctl.usecases.kubeconfig_state import KubeconfigEntries
from togetherctl.usecases.kubeconfig_update import EntriesUpdate, update_entries
from togetherctl.usecases.kubeconfig_write import WriteResult, write_clusters

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster
    from togetherctl.wiring import World

BACK = "-"
_MAX_BYTES = 1024 * 1024
# So many lists of kubeconfigs are remembered, those of private folders of a shell among them.
_MOST_REMEMBERED = 50


@dataclass(frozen=True)
class UseResult:
    """The current context now and before (empty where there was none), and the file that has it.

    `cluster` and `profile` are those of the configuration that it stands for. `written` is what was missing and was
    written first, `updated` what differed, in the keys `renewed`, and was; `left` are the keys that differ still, by
    cluster.
    """

    context: str
    before: str
    path: Path
    cluster: str | None = None
    profile: str | None = None
    written: WriteResult | None = None
    updated: EntriesUpdate | None = None
    left: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    renewed: tuple[str, ...] = ()


class ContextChoice(NamedTuple):
    """What `use` takes: a cluster of the configuration, or another context of the kubeconfig without a `profile`."""

    name: str
    context: str
    profile: str
    is_current: bool


def choices(world: World, *, kubeconfig: str | None = None) -> list[ContextChoice]:
    """The clusters of the configuration, then all other contexts. Raises ConfigError and KubeconfigError."""
    files = _read_files(kubeconfig_files(kubeconfig, world.environ))
    entries = KubeconfigEntries(files, world.config, world.environ)
    current = current_context(files)
    name = current[1] if current else None
    found: list[ContextChoice] = []
    for cluster in world.config.clusters():
        context = entries.context_of(cluster)
        called = context.name if context else cluster.context
        found.append(ContextChoice(cluster.name, called, cluster.profile, called == name))
    taken = {one.context for one in found}
    return found + [ContextChoice(one, one, "", one == name) for one in entries.contexts() if one not in taken]


def use_cluster(world: World, word: str, *, kubeconfig: str | None = None) -> UseResult:
    """Make the context current that `word` means: the cluster called so, else the context; `-` is the one before.

    Entries of a cluster are written first where they are missing or differ; a namespace that a person chose for the
    context stays. The one before is the context that the last `use` left; where kubectl has switched since, the one
    that it chose. Raises UsageError, ConfigError and KubeconfigError.
    """
    paths = kubeconfig_files(kubeconfig, world.environ)
    _refuse_in_own_shell(world, paths, word)
    files = _read_files(paths)
    entries = KubeconfigEntries(files, world.config, world.environ)
    if word == BACK:
        current = current_context(files)
        meant = _named_context(entries, _before(world, paths, current[1] if current else ""))
    else:
        meant = _find(world, entries, word)
    if meant.cluster is None:
        _, profile = entries.whose(meant.context)
        return replace(_switch(world, paths, meant.context), profile=profile)
    return _use(world, world.config.cluster(meant.cluster), meant.context, entries, kubeconfig)


def _refuse_in_own_shell(world: World, paths: Sequence[Path], word: str) -> None:
    """Raises UsageError in a shell that was opened for one cluster: its prompt would go on naming that."""
    own = world.environ.get(CLUSTER)
    if own and any(folder in path.parents for path in paths for folder in world.paths.own_kubeconfigs):
        raise UsageError(
            f"this shell has a kubeconfig of its own, for cluster {printable(own)} alone",
            hint=run("togetherctl", "shell", *([] if word == BACK else [word])),
        )


class _Meant(NamedTuple):
    """What a word means: a cluster, a context, or the one of ours that the context is."""

    cluster: str | None
    context: str


def _find(world: World, entries: KubeconfigEntries, word: str) -> _Meant:
    """Raises UsageError where nothing is called so."""
    world.config.refuse_two_meanings(word)
    clusters = world.config.table.clusters
    if word in clusters:
        return _Meant(word, "")
    if word in entries.contexts():
        return _named_context(entries, word)
    of_context = next((one.name for one in world.config.clusters() if one.context == word), None)
    if of_context is None and word in world.config.table.profiles:
        of_profile = world.config.clusters_of(word)
        its = f"; its clusters are {', '.join(of_profile)}" if of_profile else ", and no cluster uses it"
        raise UsageError(f"{word} is a profile{its}", hint=run("togetherctl", "use", *of_profile[:1]))
    if of_context is None:
        known = dict.fromkeys([*clusters, *entries.contexts()])
        raise UsageError(
            f"there is no cluster and no context {word}{nearest(word, known)}",
            hint=run("togetherctl", "cluster", "list"),
        )
    return _Meant(of_context, "")


def _named_context(entries: KubeconfigEntries, name: str) -> _Meant:
    found = entries.named("contexts", name)
    if found is None:
        raise UsageError(
            f"the context before was {name}, and the kubeconfig has none of that name now",
            hint=run("togetherctl", "cluster", "list"),
        )
    cluster, _ = entries.whose(name)
    return _Meant(cluster if cluster is not None and entries.is_of(found, cluster) else None, name)


def _use(world: World, cluster: Cluster, named: str, entries: KubeconfigEntries, kubeconfig: str | None) -> UseResult:
    """Use the cluster by the context that is `named`, else by the one that the configuration names."""
    written = updated = None
    context = entries.context_of(cluster)
    if context is None and cluster.name in entries.elsewhere:
        raise UsageError(
            f"the context of cluster {cluster.name} in the kubeconfig gets its credential from another configuration, "
            f"{tilde(entries.elsewhere[cluster.name], world.environ)}",
            hint=run("togetherctl", "kubeconfig", "write", cluster.name, words="if this one's is the right one"),
        )
    differ = list(entries.differences(cluster, context)) if context is not None else ["entry"]
    left = ["namespace"] if context is not None and context.word("namespace") and "namespace" in differ else []
    if context is None or "entry" in differ:
        written = write_clusters(world, [cluster.name], kubeconfig=kubeconfig)
        name, left = written.contexts[0], []
    else:
        name = context.name
    if written is None and differ != left:
        updated = update_entries(world, [cluster.name], kubeconfig=kubeconfig, keep_namespace=True)
        name = updated.updated.contexts.get(cluster.name, name)
    used = _switch(world, kubeconfig_files(kubeconfig, world.environ), named or name)
    return replace(
        used,
        cluster=cluster.name,
        profile=cluster.profile,
        written=written,
        updated=updated,
        left={cluster.name: tuple(left)} if left else {},
        renewed=tuple(key for key in differ if key not in left) if updated else (),
    )


def _switch(world: World, paths: Sequence[Path], context: str) -> UseResult:
    def switch(opened: Sequence[KubeconfigFile]) -> tuple[str, Path]:
        current = current_context(opened)
        holder = current[0] if current else opened[0]
        holder.text.put_scalar(CURRENT, context)
        return (current[1] if current else ""), holder.path

    with edit_files(paths, switch) as pending:
        before, path = pending.said
    if before != context:
        _remember(world, paths, before, context)
    return UseResult(context, before, path)


def _read_files(paths: Sequence[Path]) -> list[KubeconfigFile]:
    """Those that exist. Raises KubeconfigError."""
    return [file for file in map(KubeconfigFile.read, paths) if file.original is not None]


def _before(world: World, paths: Sequence[Path], current: str) -> str:
    """The context before the one that is current. Raises UsageError where none is known."""
    left, chosen = _recall(world).get(_place(paths), ("", ""))
    name = left if chosen == current else chosen
    if not name:
        raise UsageError(
            "no context before this one is known: togetherctl use has not switched here yet",
            hint=run("togetherctl", "use", words="choose one"),
        )
    return name


def _place(paths: Sequence[Path]) -> str:
    return os.pathsep.join(str(path.absolute()) for path in paths)


def _recall(world: World) -> dict[str, tuple[str, str]]:
    """By list of kubeconfigs: the context that `use` left last, and the one it chose; empty where that is not known."""
    known: dict[str, tuple[str, str]] = {}
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        for place, pair in json.loads(read_whole(world.paths.contexts, limit=_MAX_BYTES)[0]).items():
            match pair:
                case [str(left), str(chosen)]:
                    known[place] = left, chosen
    return known


def _remember(world: World, paths: Sequence[Path], left: str, chosen: str) -> None:
    """A note that cannot be kept costs the way back and nothing else."""
    known = _recall(world)
    known.pop(_place(paths), None)
    kept = dict([*known.items()][-_MOST_REMEMBERED:])
    kept[_place(paths)] = left, chosen
    with suppress(OSError):
        make_private_folder(world.paths.state)
        write_whole(world.paths.contexts, json.dumps(kept, indent=1).encode() + b"\n")
