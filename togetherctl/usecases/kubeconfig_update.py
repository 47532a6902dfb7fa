"""Bring our kubeconfig entries of some clusters up to the configuration, and leave all others as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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
    world: World,
    clusters: Iterable[str],
    *,
    before: Config | None = None,
    kubeconfig: str | None = None,
    keep_namespace: bool = False,
) -> EntriesUpdate:
    """What would bring the entries that we have for these clusters up to the configuration as it is on disk now.

    `before` is the configuration before a change: it tells which names and namespaces were its own. A cluster without
    a context of ours stays without. Commands of stanzas, what a person added to entries, and with `keep_namespace` the
    namespace of a context stay. Raises ConfigError, and KubeconfigError where a kubeconfig cannot be read, or where
    entries of others would have to change.
    """
    now = world.reread()
    wanted = [now.config.cluster(name) for name in dict.fromkeys(clusters) if name in now.config.table.clusters]
    updating = _Updating(now, wanted, before or now.config, keep_namespace)
    files = kubeconfig_files(kubeconfig, world.environ)
    changes, updated = plan_edit(files, updating.edit)
    return EntriesUpdate(changes, updated, files, updating)


def update_entries(
    world: World,
    clusters: Iterable[str],
    *,
    before: Config | None = None,
    kubeconfig: str | None = None,
    keep_namespace: bool = False,
) -> EntriesUpdate:
    """Plan the update and write it, without a question. Raises as `plan_update` does."""
    planned = plan_update(world, clusters, before=before, kubeconfig=kubeconfig, keep_namespace=keep_namespace)
    return planned.carry_out()


@dataclass(frozen=True)
class _Updating:
    """The edit of the opened files."""

    world: World
    clusters: Sequence[Cluster]
    before: Config
    keep_namespace: bool = False
    write: bool = False

    def edit(self, opened: Sequence[KubeconfigFile]) -> Updated:
        updated = Updated()
        if not opened:
            return updated
        # Contexts go by the names that they were given.
        entries = KubeconfigEntries(opened, self.before, self.world.environ)
        put: list[Entry] = []
        for cluster in self.clusters:
            known = cluster.name in self.before.table.clusters
            earlier = self.before.cluster(cluster.name) if known else cluster
            context = entries.context_of(earlier)
            if context is None:
                continue
            one = _One(cluster, earlier, context, entries, self)
            keys = one.keys
            # A user of another configuration would send its token to the server of this one.
            of_others = entries.is_of_others(one.user_name) or entries.shares_cluster_with_others(context)
            if keys and not of_others:
                put += one.entries()
                updated.keys[cluster.name] = keys
                updated.contexts[cluster.name] = one.name
                if one.name != context.name:
                    updated.renamed.append((context.name, one.name))
        put_entries(opened, put, known=list(self.world.config.table.clusters), others=entries.of_others)
        return updated

    def command(self, user: EntryInFile | None) -> ExecCommand:
        """The command that a user of ours calls already, else the usual one."""
        stanza = mapping_or_empty(user.body.get("exec")) if user and owner_of("users", user.entry) else {}
        command = stanza.get("command")
        if not isinstance(command, str) or not command:
            return exec_command(self.world.environ, portable=False, no_shim=False, write=self.write)
        return ExecCommand(command, dict(_variables(stanza)))


@dataclass(frozen=True)
class _One:
    """One cluster, as it was `earlier` and as it is, and our context for it."""

    cluster: Cluster
    earlier: Cluster
    context: EntryInFile
    there: KubeconfigEntries
    updating: _Updating

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys that change."""
        keys = dict.fromkeys(self.there.differences(self.cluster, self.context))
        if self.keeps_namespace:
            keys.pop("namespace", None)
        if self.name != self.context.name:
            keys["context"] = None
        if self.drops_namespace:
            keys["namespace"] = None
        return tuple(keys)

    @cached_property
    def name(self) -> str:
        """What the context is called from now on: one that has a name of its owner's keeps it."""
        template, config = template_of(self.context), self.updating.world.config
        if name_by_template(template, template_fields(self.updating.before, self.earlier)) == self.context.name:
            return name_by_template(template, template_fields(config, self.cluster)) or self.context.name
        return self.cluster.context if self.context.name == self.earlier.context else self.context.name

    @property
    def keeps_namespace(self) -> bool:
        return self.updating.keep_namespace and bool(self.context.word("namespace"))

    @property
    def drops_namespace(self) -> bool:
        """Whether the context has the namespace that the configuration gave it and has no more."""
        gave = not self.cluster.namespace and bool(self.earlier.namespace) and not self.keeps_namespace
        return gave and self.context.word("namespace") == self.earlier.namespace

    @property
    def user(self) -> EntryInFile | None:
        """The user that the context names."""
        return self.there.used_by(self.context, "users")

    @property
    def user_name(self) -> str:
        """The user that the context names from now on."""
        user = self.user
        return user.name if user and "profile" not in self.keys else f"{USER_PREFIX}{self.cluster.profile}"

    def entries(self) -> Iterator[Entry]:
        """The entries of the cluster under the names that they have; a user that serves its profile stays."""
        used, user, user_name = self.there.used_by(self.context, "clusters"), self.user, self.user_name
        serves = user is not None and "profile" not in self.keys
        own = self.updating.command(self.there.named("users", user_name) or user)
        named = Named(self.name, template_of(self.context), self.context.name)
        of_cluster, of_context, of_user = entries_for(self.cluster, own.command, named, env=own.env)
        if used is not None and owner_of("clusters", used.entry) is not None:
            alone = used.name == self.earlier.context and len(self.there.are_using(used.name)) == 1
            of_cluster = replace(of_cluster, name=self.cluster.context if alone else used.name, instead=used.name)
        yield of_cluster
        body = {**of_context.body, "cluster": of_cluster.name, "user": user_name}
        if self.keeps_namespace:
            body.pop("namespace", None)
        yield replace(of_context, body=body, without=("namespace",) if self.drops_namespace else ())
        if not serves or user is None or owner_of("users", user.entry) is not None:
            yield replace(of_user, name=user_name)


def _variables(stanza: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in map(mapping_or_empty, list_or_empty(stanza.get("env"))):
        name, value = item.get("name"), item.get("value")
        if isinstance(name, str) and isinstance(value, str):
            yield name, value
