"""Give one command, or a shell, a kubeconfig of its own: one cluster, one context, which is the current one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.auth.session import State
from togetherctl.disk import write_whole
from togetherctl.environment import CALLERS, CLUSTER, EXEC_INFO
from togetherctl.errors import KubeconfigError, StorageError, TogetherctlError
from togetherctl.kube.context_name import Named
from togetherctl.kube.entries import SECTIONS, Entry, Section, entries_for, is_our_entry, own_command, owner_of
from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files, plan_edit
from togetherctl.kube.ownership import CURRENT, EntryInFile, all_entries
from togetherctl.kube.yaml_text import YamlText
from togetherctl.shim import ShimState, shim_for
from togetherctl.temporary_folder import TemporaryFolder, temporary_folder
from togetherctl.usecases.kubeconfig_write import (
    ContextNaming,
    ExecCommand,
    commands_refused,
    exec_command,
    read_entries,
)

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

_NOT_FOR_COMMANDS = (EXEC_INFO, CALLERS)


@dataclass(frozen=True)
class OwnKubeconfig:
    """A kubeconfig for `cluster` in `folder`, and the whole environment of what uses it."""

    cluster: Cluster
    context: str
    namespace: str
    path: Path
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class OwnKubeconfigs:
    """The kubeconfigs of one run, by the cluster's name, in one folder that goes with it."""

    folder: TemporaryFolder
    each: Mapping[str, OwnKubeconfig]
    warnings: Sequence[str]


def find_clusters(world: World, names: Sequence[str]) -> list[Cluster]:
    """The clusters of these names, each once; a context's name will do. Raises UsageError for one that is unknown."""
    config = world.config
    contexts: dict[str, str] = {}
    if any(name not in config.table.clusters for name in names):
        with suppress(TogetherctlError):
            for found in read_entries(kubeconfig_files(None, world.environ), "contexts"):
                owner = owner_of("contexts", found.entry)
                if owner and owner.cluster in config.table.clusters:
                    contexts.setdefault(found.name, owner.cluster)
        contexts |= {table.context: name for name, table in config.table.clusters.items() if table.context}
    for name in names:
        config.refuse_two_meanings(name)
    return [
        config.cluster(name)
        for name in dict.fromkeys(name if name in config.table.clusters else contexts.get(name, name) for name in names)
    ]


def lacks_session(world: World, profile: Profile) -> bool:
    """Whether the first command to ask for a credential would have to log in or refresh."""
    if profile.storage == "memory":
        # It would end with this process.
        return False
    session = world.engine.load(profile)
    return world.engine.state(profile, session) not in (State.VALID, State.STALE)


@contextmanager
def own_kubeconfigs(
    world: World, clusters: Sequence[Cluster], *, namespace: str | None = None
) -> Iterator[OwnKubeconfigs]:
    """A kubeconfig for each cluster while the block runs, with what `kubeconfig write` would write.

    What the person added to these entries in their own kubeconfig stays, the namespace too, unless `namespace` says
    otherwise. Raises KubeconfigError, and StorageError where no private folder can be made.
    """
    own = _choose_command(world)
    texts = _render(world, clusters, own, namespace)
    with _private_folder(world, clusters[0].name if len(clusters) == 1 else "several") as folder:
        each = {}
        for cluster, (context, used, text) in zip(clusters, texts, strict=True):
            path = folder.path / f"{cluster.name}.yaml"
            try:
                write_whole(path, text.encode("utf-8"), sweep=False)
            except OSError as error:
                raise StorageError(f"{path} cannot be written: {error.strerror}") from None
            each[cluster.name] = OwnKubeconfig(cluster, context, used, path, _environment(world, cluster, path))
        yield OwnKubeconfigs(folder, each, commands_refused(world, [own.command]))


def _choose_command(world: World) -> ExecCommand:
    """What the kubeconfig calls; a shim that is there and right is not tried again."""
    shim = shim_for(world.environ, own_command(world.environ, portable=False))
    return exec_command(
        world.environ, portable=False, no_shim=False, write=shim.is_possible() and shim.state() is not ShimState.CURRENT
    )


@contextmanager
def _private_folder(world: World, name: str) -> Iterator[TemporaryFolder]:
    """A folder in memory where there is one, else with the state. Raises KubeconfigError and StorageError."""
    with ExitStack() as stack:
        problems, split = [], False
        for parent in world.paths.own_kubeconfigs:
            if os.pathsep in str(parent):
                # kubectl would look for two files, find none, and go on without a word.
                problems.append(f"{parent} has a {os.pathsep} in its name, where KUBECONFIG is split")
                split = True
                continue
            try:
                folder = stack.enter_context(temporary_folder(parent, name))
            except OSError as error:
                problems.append(f"{parent}: {error.strerror}")
                continue
            yield folder
            return
        said = f"there is no private folder for a kubeconfig ({'; '.join(problems)})"
        if split:
            hint = f"set XDG_RUNTIME_DIR to a folder of yours, 0700, without a {os.pathsep} in its name"
            raise KubeconfigError(said, hint=None if sys.platform == "win32" else hint)
        raise StorageError(said)


def _render(
    world: World, clusters: Sequence[Cluster], own: ExecCommand, namespace: str | None
) -> list[tuple[str, str, str]]:
    """The context, the namespace and the text of each cluster's kubeconfig."""

    def render(files: Sequence[KubeconfigFile]) -> list[tuple[str, str, str]]:
        ours = [one for section in SECTIONS for one in all_entries(files, section) if is_our_entry(section, one.entry)]
        known: dict[tuple[Section, str], EntryInFile] = {}
        for one in ours:
            known.setdefault((one.section, one.name), one)
        naming = ContextNaming(world.config)
        return [
            _render_one(cluster, own, naming.names(files, [cluster])[cluster.name], known, namespace)
            for cluster in clusters
        ]

    try:
        return plan_edit(kubeconfig_files(None, world.environ), render)[1]
    except KubeconfigError:
        # What is wrong with the person's own kubeconfig does not matter to one that does without it.
        return render([])


def _render_one(
    cluster: Cluster,
    own: ExecCommand,
    named: Named,
    known: Mapping[tuple[Section, str], EntryInFile],
    namespace: str | None,
) -> tuple[str, str, str]:
    text = YamlText("apiVersion: v1\nkind: Config\n")
    used = "default"
    for entry in entries_for(cluster, own.command, named, env=own.env):
        before = known.get((entry.section, entry.name))
        merged = entry.over(before.entry if before and _is_of(before, entry) else None)
        if entry.section == "contexts":
            body = merged["context"]
            if namespace:
                body["namespace"] = namespace
            used = str(body.get("namespace") or used)
        text.put(entry.section, merged)
    text.put_scalar(CURRENT, named.context)
    return named.context, used, text.text()


def _is_of(found: EntryInFile, entry: Entry) -> bool:
    """Whether an entry of ours is for the same cluster of the configuration; a user is for several."""
    owner = owner_of(found.section, found.entry)
    return entry.cluster is None or (owner is not None and owner.cluster == entry.cluster)


def _environment(world: World, cluster: Cluster, path: Path) -> dict[str, str]:
    """What the person's own command gets: all that they have, but what was meant for this process alone."""
    kept = {name: value for name, value in world.environ.items() if name not in _NOT_FOR_COMMANDS}
    return {**kept, "KUBECONFIG": str(path), CLUSTER: cluster.name}
