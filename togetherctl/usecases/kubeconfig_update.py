"""Bring our kubeconfig entries of some clusters up to the configuration, and leave all others as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from togetherctl.kube.context_name import Named
from togetherctl.kube.edit import put_entries
from togetherctl.kube.entries import USER_PREFIX, Entry, entries_for, list_or_empty, mapping_or_empty, owner_of
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile, edit_files, kubeconfig_files, plan_edit
from togetherctl.usecases.kubeconfig_state import KubeconfigEntries
from togetherctl.usecases.kubeconfig_write import (
    ExecCommand,
    WithChanges,
    exec_command,
    name_by_template,
    template_fields,
    template_of,
)

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster, Config
    from togetherctl.kube.ownership import EntryInFile
    from togetherctl.wiring import World


@dataclass(frozen=True)
class Updated:
    """What an update changes: the keys of each cluster, as `KubeconfigState.drift` has them, and its context's name.

    `renamed` are contexts that get another name, as (old, new).
    """

    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)
    renamed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class EntriesUpdate(WithChanges):
    """What becomes of our entries of some clusters; `carry_out` writes it."""

    changes: list[KubeconfigChange]
    updated: Updated
    files: Sequence[Path] = ()
    _updating: _Updating | None = field(default=None, repr=False)

    def carry_out(self) -> EntriesUpdate:
        """Update the files as they are now; gives what was written. Raises KubeconfigError, and then nothing was."""
        if self._updating is None or not self.changed:
            return self
        # The command of a new user may be a script that has to be there.
        updating = replace(self._updating, write=True)
        with edit_files(self.files, updating.edit) as pending:
            return replace(self, changes=pending.changes, updated=pending.said)


def plan_update(
    world: World, clusters: Iterable[str], *, before: Config | None = None, kubeconfig: str | None = None
) -> EntriesUpdate:
    """What would bring the entries that we have for these clusters up to the configuration as it is on disk now.

    `before` is the configuration before a change: it tells which names and namespaces were its own. A cluster without
    a context of ours stays without. Commands of stanzas, and what a person added to entries, stay. Raises ConfigError,
    and KubeconfigError where a kubeconfig cannot be read, or where entries of others would have to change.
    """
    now = world.reread()
    wanted = [now.config.cluster(name) for name in dict.fromkeys(clusters) if name in now.config.table.clusters]
    updating = _Updating(now, wanted, before or now.config)
    files = kubeconfig_files(kubeconfig, world.environ)
    changes, updated = plan_edit(files, updating.edit)
    return EntriesUpdate(changes, updated, files, updating)


def update_entries(
    world: World, clusters: Iterable[str], *, before: Config | None = None, kubeconfig: str | None = None
) -> EntriesUpdate:
    """Plan the update and write it, without a question. Raises as `plan_update` does."""
    return plan_update(world, clusters, before=before, kubeconfig=kubeconfig).carry_out()


@dataclass(frozen=True)
class _Updating:
    """The edit of the opened files."""

    world: World
    clusters: Sequence[Cluster]
    before: Config
    write: bool = False

    def edit(self, opened: Sequence[KubeconfigFile]) -> Updated:
        updated = Updated()
        if not opened:
            return updated
        # Contexts go by the names that they were given.
        entries = KubeconfigEntries(opened, self.before)
        put: list[Entry] = []
        for cluster in self.clusters:
            earlier = self._earlier(cluster)
            context = entries.context_of(earlier)
            if context is None:
                continue
            keys = dict.fromkeys(entries.differences(cluster, context))
            name = self._name(cluster, earlier, context)
            if name != context.name:
                keys["context"] = None
                updated.renamed.append((context.name, name))
            dropped = _left_namespace(cluster, earlier, context)
            if dropped:
                keys["namespace"] = None
            if keys:
                serves = "profile" not in keys
                put += self._entries(entries, cluster, earlier, context, name, serves=serves, dropped=dropped)
                updated.keys[cluster.name] = tuple(keys)
                updated.contexts[cluster.name] = name
        put_entries(opened, put, known=list(self.world.config.table.clusters))
        return updated

    def _earlier(self, cluster: Cluster) -> Cluster:
        known = cluster.name in self.before.table.clusters
        return self.before.cluster(cluster.name) if known else cluster

    def _name(self, cluster: Cluster, earlier: Cluster, context: EntryInFile) -> str:
        """What the context is called from now on: one that has a name of its owner's keeps it."""
        template = template_of(context)
        if name_by_template(template, template_fields(self.before, earlier)) == context.name:
            return name_by_template(template, template_fields(self.world.config, cluster)) or context.name
        return cluster.context if context.name == earlier.context else context.name

    def _entries(
        self,
        entries: KubeconfigEntries,
        cluster: Cluster,
        earlier: Cluster,
        context: EntryInFile,
        name: str,
        *,
        serves: bool,
        dropped: bool,
    ) -> Iterator[Entry]:
        """The entries of the cluster under the names that they have; a user that `serves` its profile stays."""
        used, user = entries.used_by(context, "clusters"), entries.used_by(context, "users")
        user_name = user.name if user is not None and serves else f"{USER_PREFIX}{cluster.profile}"
        own = self._command(entries.named("users", user_name) or user)
        named = Named(name, template_of(context), context.name)
        of_cluster, of_context, of_user = entries_for(cluster, own.command, named, env=own.env)
        if used is not None and owner_of("clusters", used.entry) is not None:
            alone = used.name == earlier.context and len(entries.are_using(used.name)) == 1
            of_cluster = replace(of_cluster, name=cluster.context if alone else used.name, instead=used.name)
        yield of_cluster
        body = {**of_context.body, "cluster": of_cluster.name, "user": user_name}
        yield replace(of_context, body=body, without=("namespace",) if dropped else ())
        if not serves or user is None or owner_of("users", user.entry) is not None:
            yield replace(of_user, name=user_name)

    def _command(self, user: EntryInFile | None) -> ExecCommand:
        """The command that a user of ours calls already, else the usual one."""
        stanza = mapping_or_empty(user.body.get("exec")) if user and owner_of("users", user.entry) else {}
        command = stanza.get("command")
        if not isinstance(command, str) or not command:
            return exec_command(self.world.environ, portable=False, no_shim=False, write=self.write)
        return ExecCommand(command, dict(_variables(stanza)))


def _variables(stanza: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in map(mapping_or_empty, list_or_empty(stanza.get("env"))):
        name, value = item.get("name"), item.get("value")
        if isinstance(name, str) and isinstance(value, str):
            yield name, value


def _left_namespace(cluster: Cluster, earlier: Cluster, context: EntryInFile) -> bool:
    """Whether the context has the namespace that the configuration gave it and has no more."""
    return not cluster.namespace and bool(earlier.namespace) and context.word("namespace") == earlier.namespace
