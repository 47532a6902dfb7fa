"""Look where kubectl's kubeconfig and the configuration differ, and which context is the current one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from togetherctl.errors import KubeconfigError
from togetherctl.kube.configuration_of_user import users_of_others
from togetherctl.kube.entries import (
    PROGRAM,
    SECTIONS,
    Entry,
    Section,
    entries_for,
    list_or_empty,
    mapping_or_empty,
    owner_of,
    profile_of_stanza,
)
from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files
from togetherctl.kube.ownership import EntryInFile, all_entries, current_context
from togetherctl.usecases.kubeconfig_write import name_by_template, template_fields, template_of

if TYPE_CHECKING:
    from togetherctl.config.config import Cluster, Config
    from togetherctl.wiring import World

# The configuration's key for what a cluster's entry says in a kubeconfig.
_KEYS = {
    "server": "server",
    "certificate-authority": "ca_file",
    "certificate-authority-data": "ca_data",
    "tls-server-name": "tls_server_name",
    "proxy-url": "proxy_url",
    "insecure-skip-tls-verify": "insecure_skip_tls_verify",
}


@dataclass(frozen=True)
class KubeconfigState:
    """What kubectl would do, beside what the configuration says.

    `current_cluster` and `current_profile` are the configuration's, None where the current context is of neither.
    `drift` names the keys of each cluster that its kubeconfig entries say otherwise: the configuration's keys, `exec`
    for other words of the stanza, and `entry` where a part is not there at all. `missing` are clusters without a
    context of ours; `elsewhere` says of those that have one which other configuration its credential comes from.
    `trouble` says why no kubeconfig could be read; then all else is empty.
    """

    current_context: str | None = None
    current_cluster: str | None = None
    current_profile: str | None = None
    drift: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    missing: tuple[str, ...] = ()
    elsewhere: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    trouble: str | None = None


def read_kubeconfig_state(world: World, kubeconfig: str | None = None) -> KubeconfigState:
    """Read the kubeconfigs that kubectl would read, or the one named, once each; no lock, and nothing is written.

    A kubeconfig that cannot be read is `trouble`, never an error. Raises ConfigError.
    """
    config = world.config
    try:
        files = [KubeconfigFile.read(path) for path in kubeconfig_files(kubeconfig, world.environ)]
    except KubeconfigError as error:
        return KubeconfigState(trouble=error.message)
    entries = KubeconfigEntries(files, config, world.environ)
    current = current_context(files)
    name = current[1] if current else None
    cluster, profile = entries.whose(name)
    drift: dict[str, tuple[str, ...]] = {}
    missing: list[str] = []
    for one in config.clusters():
        context = entries.context_of(one)
        if context is None:
            missing.append(one.name)
        elif keys := tuple(entries.differences(one, context)):
            drift[one.name] = keys
    elsewhere = {name: entries.elsewhere[name] for name in missing if name in entries.elsewhere}
    return KubeconfigState(name, cluster, profile, MappingProxyType(drift), tuple(missing), MappingProxyType(elsewhere))


class KubeconfigEntries:
    """The entries of several kubeconfigs as kubectl merges them: the first of a name counts.

    `elsewhere` are clusters that our contexts name, by the other configuration that those get their credential from;
    `of_others` knows the users of such configurations.
    """

    def __init__(self, files: Sequence[KubeconfigFile], config: Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self.elsewhere: dict[str, Path] = {}
        self._named: dict[Section, dict[str, EntryInFile]] = {section: {} for section in SECTIONS}
        for section, named in self._named.items():
            for found in all_entries(files, section):
                named.setdefault(found.name, found)
        self._ours: dict[str, list[EntryInFile]] = {}
        self.of_others = users_of_others(files, environ, config.path)
        for found in self._named["contexts"].values():
            owner = owner_of("contexts", found.entry)
            other = self.of_others.touching(found)
            if owner is not None and owner.cluster is not None and other is not None:
                self.elsewhere.setdefault(owner.cluster, other)
            elif owner is not None and owner.cluster is not None:
                self._ours.setdefault(owner.cluster, []).append(found)

    def context_of(self, cluster: Cluster) -> EntryInFile | None:
        """Our context for the cluster: the one that the configuration or its own template names, else the first."""
        ours = self._ours.get(cluster.name, [])
        fields = template_fields(self._config, cluster) if ours else {}
        for found in ours:
            if found.name in (cluster.context, name_by_template(template_of(found), fields)):
                return found
        return ours[0] if ours else None

    def whose(self, context: str | None) -> tuple[str | None, str | None]:
        """The cluster and the profile of the configuration that a context stands for."""
        found = self._named["contexts"].get(context) if context is not None else None
        if found is None:
            return None, None
        used = self.used_by(found, "clusters")
        user = self.used_by(found, "users")
        owner = owner_of("contexts", found.entry)
        of_used = owner_of("clusters", used.entry) if used else None
        names = [owner.cluster if owner else None, of_used.cluster if of_used else None]
        cluster = next((name for name in names if name in self._config.table.clusters), None)
        profile = (_called_profile(user) if user else None) or (owner.profile if owner else None)
        return cluster, profile if profile in self._config.table.profiles else None

    def used_by(self, context: EntryInFile, section: Section) -> EntryInFile | None:
        """The cluster or user that a context names."""
        return self._named[section].get(context.word(section[:-1]) or "")

    def differences(self, cluster: Cluster, context: EntryInFile) -> Iterator[str]:
        """The keys that the cluster's entries do not say as the configuration does."""
        wanted = {entry.section: entry for entry in entries_for(cluster, PROGRAM)}
        used = self.used_by(context, "clusters")
        user = self.used_by(context, "users")
        if used is None or user is None:
            yield "entry"
        if used is not None:
            yield from _cluster_differences(wanted["clusters"], used)
        if cluster.namespace and context.word("namespace") != cluster.namespace:
            yield "namespace"
        if user is not None:
            yield from _user_differences(cluster.profile, wanted["users"], user)

    def cluster_values(self, cluster: Cluster) -> dict[str, tuple[Any, Any]]:
        """What the kubeconfig and the configuration say of a cluster where they differ, by the configuration's key."""
        context = self.context_of(cluster)
        used = self.used_by(context, "clusters") if context else None
        if used is None:
            return {}
        [wanted] = [entry for entry in entries_for(cluster, PROGRAM) if entry.section == "clusters"]
        return {
            said: (_comparable(key, used.body.get(key), used.file.path), _comparable(key, wanted.body.get(key), None))
            for key, said in _KEYS.items()
            if said in _cluster_differences(wanted, used)
        }

    def contexts(self) -> list[str]:
        """The names of all contexts."""
        return list(self._named["contexts"])

    def is_of(self, context: EntryInFile, cluster: str) -> bool:
        """Whether a context is one of ours for the cluster, and no person's own made from its entries."""
        return any(context is found for found in self._ours.get(cluster, []))

    def is_of_others(self, user: str) -> bool:
        """Whether a user gets its credential from another configuration."""
        return self.of_others.merged(user) is not None

    def shares_cluster_with_others(self, context: EntryInFile) -> bool:
        """Whether a context that gets its credential from another configuration uses this one's cluster entry."""
        used = context.word("cluster")
        return any(
            found.word("cluster") == used and self.of_others.touching(found) is not None
            for found in self._named["contexts"].values()
        )

    def named(self, section: Section, name: str) -> EntryInFile | None:
        return self._named[section].get(name)

    def are_using(self, cluster: str) -> list[EntryInFile]:
        """The contexts that name this entry as their cluster."""
        return [found for found in self._named["contexts"].values() if found.word("cluster") == cluster]


def _cluster_differences(wanted: Entry, found: EntryInFile) -> Iterator[str]:
    for key, said in _KEYS.items():
        if _comparable(key, found.body.get(key), found.file.path) != _comparable(key, wanted.body.get(key), None):
            yield said


def _comparable(key: str, value: Any, file: Path | None) -> Any:
    """A value as kubectl understands it: no value and an empty one are the same; paths stand beside their file."""
    if key == "certificate-authority" and isinstance(value, str) and value and file is not None:
        value = file.absolute().parent / value
    if key == "certificate-authority" and value:
        return os.path.normpath(value)
    if key == "certificate-authority-data" and isinstance(value, str):
        return "".join(value.split()) or None
    return value or None


def _user_differences(profile: str, wanted: Entry, found: EntryInFile) -> Iterator[str]:
    if profile_of_stanza(found.body) != profile:
        yield "profile"
    if profile_of_stanza(found.body) != profile or owner_of("users", found.entry) is None:
        return
    # As writing would leave it: a stanza that says v1beta1 goes on saying it.
    after = wanted.over(found.entry)["user"]["exec"]
    if after["args"] != list_or_empty(mapping_or_empty(found.body.get("exec")).get("args")):
        yield "exec"


def _called_profile(user: EntryInFile) -> str | None:
    """The profile whose credential a user gets from togetherctl, also where another program wrote the entry."""
    command = mapping_or_empty(user.body.get("exec")).get("command")
    if owner_of("users", user.entry) is None and not (isinstance(command, str) and PROGRAM in Path(command).name):
        return None
    return profile_of_stanza(user.body)
