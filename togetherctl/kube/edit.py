"""Write and rename entries of togetherctl in kubeconfigs, and refuse to replace those of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from togetherctl.errors import KubeconfigError
from togetherctl.kube.entries import USER_PREFIX, Entry, mark_as_ours, mark_of, owner_of, profile_of_stanza
from togetherctl.kube.kubeconfig import KubeconfigChange, KubeconfigFile, hold_locks
from togetherctl.kube.ownership import CURRENT, NO_OTHERS, EntryInFile, UsersOfOthers, all_entries

Entries = Callable[[Sequence[KubeconfigFile]], Sequence[Entry]]
Others = Callable[[Sequence[KubeconfigFile]], UsersOfOthers]
ContextNamer = Callable[[EntryInFile], str | None]


def write_entries(  # noqa: PLR0913 # what a person chose, and the files as they are
    files: Sequence[Path],
    entries: Entries,
    *,
    overwrite: bool,
    known: Collection[str] = (),
    set_current: bool = False,
    current: str | None = None,
    others: Others = lambda _files: NO_OTHERS,
    dry_run: bool = False,
) -> Written:
    """Put what `entries` makes of the files into those that have it, else into the first that exists, else the last.

    An entry that belongs to another cluster of `known` is not replaced, and what we did not write only to `overwrite`
    it. What contexts of `others` need in a later file stays, and the entry is put into an earlier one, which kubectl
    goes by. The current context changes if `set_current`, to that of the cluster `current`, else the first of the
    entries; and where that gets another name. Raises KubeconfigError, and then no file was changed.
    """
    with nullcontext() if dry_run else hold_locks(sorted(files)):
        opened = [KubeconfigFile.read(path) for path in files]
        put = put_entries(
            opened,
            entries(opened),
            overwrite=overwrite,
            known=known,
            set_current=set_current,
            current=current,
            others=others(opened),
        )
        changes = [file.change() for file in opened]
        for change in changes:
            if change.changed and not dry_run:
                change.write()
    return Written(changes, put)


class Put(NamedTuple):
    """One entry, the file that has it, and whether it was not there like this."""

    entry: Entry
    path: Path
    changed: bool


class Written(NamedTuple):
    """The files before and after, and the entries as they were put."""

    changes: list[KubeconfigChange]
    entries: list[Put]


def put_entries(
    files: Sequence[KubeconfigFile],
    entries: Sequence[Entry],
    *,
    overwrite: bool = False,
    known: Collection[str] = (),
    set_current: bool = False,
    current: str | None = None,
    others: UsersOfOthers = NO_OTHERS,
) -> list[Put]:
    """Put entries into files that were opened, as `write_entries` does. Raises KubeconfigError."""
    plan = _Plan(files, entries, others)
    written = {entry.cluster for entry in entries}
    clusters = {name for name in known if name not in written}
    done = [plan.put(entry, overwrite=overwrite, others=clusters) for entry in entries]
    plan.refuse()
    contexts = (entry for entry in entries if entry.section == "contexts")
    context = next((entry.name for entry in contexts if current in (None, entry.cluster)), None)
    if set_current and context is not None:
        plan.set_current(context)
    return done


class _Plan:
    """Files as they are, and what becomes of them."""

    def __init__(
        self, files: Sequence[KubeconfigFile], entries: Sequence[Entry] = (), others: UsersOfOthers = NO_OTHERS
    ) -> None:
        self._files = files
        self._fallback = next((file for file in files if file.original is not None), files[-1])
        self._foreign: list[str] = []
        self._of_other_clusters: list[str] = []
        self._needed: list[str] = []
        self._others = others
        contexts = [entry for entry in entries if entry.section == "contexts"]
        # Where the contexts go, by the cluster of the configuration.
        self._homes = {entry.cluster: self._find_or_instead(entry)[0] for entry in contexts}
        replaced = [(file.path, one["name"]) for file, one in map(self._find_or_instead, contexts) if one is not None]
        self._of_others = [
            found
            for found in all_entries(files, "contexts")
            if (found.file.path, found.name) not in replaced and others.behind(found) is not None
        ]

    def set_current(self, context: str) -> None:
        holder = next((file for file in self._files if file.text.data.get(CURRENT)), self._fallback)
        holder.text.put_scalar(CURRENT, context)

    def put(self, entry: Entry, *, overwrite: bool, others: Collection[str]) -> Put:
        """Put one entry, unless that is refused later."""
        file, existing = self._find_or_instead(entry)
        if existing is not None:
            file, existing = self._leave_to_others(entry, file, existing, overwrite=overwrite)
        if existing is None:
            file.text.put(entry.section, entry.over(None))
            return Put(entry, file.path, changed=True)
        owner = owner_of(entry.section, existing)
        if owner is None and not overwrite:
            self._foreign.append(f"{entry.section[:-1]} {entry.name} in {file.path}")
            return Put(entry, file.path, changed=False)
        if owner is not None and entry.cluster is not None and owner.cluster in others:
            self._of_other_clusters.append(
                f"{entry.section[:-1]} {entry.name} in {file.path} is that of cluster {owner.cluster}"
            )
            return Put(entry, file.path, changed=False)
        after = entry.over(existing if owner is not None else None)
        if existing["name"] == entry.name:
            file.text.put(entry.section, after)
            return Put(entry, file.path, changed=after != existing)
        file.text.replace(entry.section, existing, after)
        for each in self._files:
            if entry.section == "contexts" and each.text.data.get(CURRENT) == entry.instead:
                each.text.put_scalar(CURRENT, entry.name)
        return Put(entry, file.path, changed=True)

    def _leave_to_others(
        self, entry: Entry, file: KubeconfigFile, existing: dict[str, Any], *, overwrite: bool
    ) -> tuple[KubeconfigFile, dict[str, Any] | None]:
        """An earlier file without such an entry, where contexts of another configuration need the one that is there.

        They are hidden from kubectl as the files are now, but not where their own file is read alone.
        """
        found = EntryInFile(file, entry.section, existing)
        needing = [context for context in self._of_others if self._others.need(context, found)]
        if not needing:
            return file, existing
        taken = {context.file.path for context in needing}
        before = [one for one in self._files[: self._files.index(file)] if one.path not in taken]
        home = self._homes.get(entry.cluster)
        there = [one for one in before if one is home] + [one for one in before if one.original is not None] + before
        if there:
            return there[0], None
        if not overwrite:
            first = needing[0]
            self._needed.append(
                f"{entry.section[:-1]} {found.name} in {file.path} is used by context {first.name} in "
                f"{first.file.path}, which is of another configuration, {self._others.behind(first)}"
            )
        return file, existing

    def _find_or_instead(self, entry: Entry) -> tuple[KubeconfigFile, dict[str, Any] | None]:
        """The first file with the entry, else with that whose place it takes; else where a new one goes."""
        found = self._find(entry, entry.name)
        return found if found[1] is not None else self._find(entry, entry.instead)

    def _find(self, entry: Entry, name: str | None) -> tuple[KubeconfigFile, dict[str, Any] | None]:
        known = ((file, file.text.entry(entry.section, name)) for file in self._files)
        return next(((file, item) for file, item in known if item is not None), (self._fallback, None))

    def refuse(self) -> None:
        if self._foreign:
            raise KubeconfigError(
                f"togetherctl did not write {', '.join(self._foreign)}, and leaves "
                f"{'it' if len(self._foreign) == 1 else 'them'} alone",
                hint="togetherctl kubeconfig write NAME --overwrite replaces them; a context of its own for a cluster: "
                "togetherctl cluster set NAME context=OTHER",
                overwritable=True,
            )
        if self._of_other_clusters:
            raise KubeconfigError(
                f"{' and '.join(self._of_other_clusters)}, and cannot be that of another cluster too",
                hint="a context of its own for a cluster: togetherctl cluster set NAME context=OTHER",
            )
        if self._needed:
            raise KubeconfigError(
                f"{'; '.join(self._needed)}: it stays as it is",
                hint="give the cluster another name (togetherctl cluster rename), or write into another file with "
                "--kubeconfig; --overwrite does it all the same",
            )


@dataclass
class RenamedEntries:
    """Renamed contexts, the old name and the new one, and further notes for the person."""

    contexts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rename_profile(
    files: Sequence[KubeconfigFile], old: str, new: str, called: ContextNamer, others: UsersOfOthers = NO_OTHERS
) -> RenamedEntries:
    """Have our entries call the profile `old` by `new`, but for those of `others`, which mean another one.

    Raises KubeconfigError where a name is taken.
    """
    renaming = _Renaming(files, others)
    before, after = f"{USER_PREFIX}{old}", f"{USER_PREFIX}{new}"
    users = {before: after}
    for found in all_entries(files, "users"):
        owner = owner_of("users", found.entry)
        if others.of(found) is not None:
            continue
        if owner is not None and owner.profile == old:
            name = after if found.name == before else found.name
            stanza = found.body.get("exec")
            changes = {"exec": _set_profile(stanza, old, new)} if isinstance(stanza, dict) else {}
            renaming.put(found, name, changes, profile=new)
        elif owner is not None:
            # One that its owner made call something else.
            users.pop(found.name, None)
        elif profile_of_stanza(found.body) == old:
            renaming.followed.notes.append(
                f"user {found.name} in {found.file.path} still calls the profile {old}: togetherctl did not write it"
            )
    for found in all_entries(files, "clusters"):
        owner = owner_of("clusters", found.entry)
        if owner is not None and owner.profile == old and not _is_used_by_others(files, found, others):
            renaming.put(found, found.name, {}, profile=new)
    for found in all_entries(files, "contexts"):
        owner = owner_of("contexts", found.entry)
        if owner is not None and owner.profile == old and others.behind(found) is None:
            user = found.body.get("user")
            renaming.put(found, called(found) or found.name, {"user": users.get(str(user), user)}, profile=new)
    return renaming.followed


def rename_cluster(
    files: Sequence[KubeconfigFile],
    old: str,
    new: str,
    *,
    names: tuple[str, str],
    called: ContextNamer,
    others: UsersOfOthers = NO_OTHERS,
) -> RenamedEntries:
    """Have our entries call the cluster `old` by `new`; those named `names[0]` are named `names[1]` from now on.

    Contexts of others that use such an entry follow it; what contexts of `others` use stays. Raises KubeconfigError
    where a name is taken.
    """
    renaming = _Renaming(files, others)
    before, after = names
    entries = list(all_entries(files, "clusters"))
    ours = [found for found in entries if (owner := owner_of("clusters", found.entry)) and owner.cluster == old]
    ours = [found for found in ours if not _is_used_by_others(files, found, others)]
    alone = all(found.name != before or any(found is one for one in ours) for found in entries)
    moved = {before: after} if before != after and any(found.name == before for found in ours) else {}
    for found in ours:
        renaming.put(found, moved.get(found.name, found.name), {}, cluster=new)
    for found in all_entries(files, "contexts"):
        owner = owner_of("contexts", found.entry)
        cluster = str(found.body.get("cluster"))
        changes = {"cluster": moved[cluster]} if cluster in moved and (alone or owner is not None) else {}
        if others.behind(found) is not None:
            continue
        if owner is not None and owner.cluster == old:
            name = called(found) or (after if found.name == before else found.name)
            renaming.put(found, name, changes, cluster=new)
        elif changes:
            renaming.put(found, found.name, changes)
            renaming.followed.notes.append(
                f"context {found.name} in {found.file.path} uses this cluster, and follows it"
            )
    return renaming.followed


def _is_used_by_others(files: Sequence[KubeconfigFile], cluster: EntryInFile, others: UsersOfOthers) -> bool:
    """Whether a context of another configuration has this cluster."""
    contexts = all_entries(files, "contexts")
    return any(others.need(context, cluster) and others.behind(context) is not None for context in contexts)


class _Renaming:
    """Entries of several files that get other names."""

    def __init__(self, files: Sequence[KubeconfigFile], others: UsersOfOthers) -> None:
        self._files = files
        self._others = others
        self.followed = RenamedEntries()

    def put(self, found: EntryInFile, name: str, changes: Mapping[str, Any], **names: str) -> None:
        """Give an entry the name `name`, changes in its body, and `names` in its mark if it has one."""
        noted = mark_of(found.section, found.entry)
        if noted and names:
            entry = mark_as_ours(found.section, found.entry, changes, **(noted | names))
        else:
            entry = {**found.entry, found.section[:-1]: {**found.body, **changes}}
        if name != found.name:
            self._free_name(found, name, names)
        found.file.text.replace(found.section, found.entry, {**entry, "name": name})
        if name == found.name or found.section != "contexts":
            return
        self.followed.contexts.append((found.name, name))
        for file in self._files:
            if file.text.data.get(CURRENT) == found.name:
                file.text.put_scalar(CURRENT, name)

    def _free_name(self, found: EntryInFile, name: str, names: Mapping[str, str]) -> None:
        """Take out what is left over from an earlier entry of that name. Raises KubeconfigError where it is in use."""
        own = owner_of(found.section, found.entry)
        cluster = names.get("cluster", own.cluster if own else None)
        for other in all_entries(self._files, found.section):
            if other.name != name:
                continue
            owner = owner_of(other.section, other.entry)
            config = self._others.of(other) if other.section == "users" else None
            if config is not None:
                raise KubeconfigError(
                    f"user {name} in {other.file.path} is of {config}, so {found.name} cannot be called that",
                    hint="choose another name",
                )
            if owner is None or (found.section != "users" and owner.cluster != cluster):
                whose = f"that of cluster {owner.cluster}" if owner and owner.cluster else "which is not ours"
                raise KubeconfigError(
                    f"there is a {found.section[:-1]} {name} in {other.file.path}, {whose}, "
                    f"so {found.name} cannot be called that",
                    hint="choose another name; togetherctl kubeconfig prune takes out what is left over",
                )
            if other.file is found.file:
                other.file.text.replace(other.section, other.entry, None)


def _set_profile(stanza: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """The stanza with another profile; everything else that its owner put there stays."""
    if not isinstance(stanza.get("args"), list):
        return dict(stanza)
    words = [f"--profile={new}" if word == f"--profile={old}" else word for word in stanza["args"]]
    named = [new if (before, word) == ("--profile", old) else word for before, word in pairwise([None, *words])]
    return {**stanza, "args": named}
