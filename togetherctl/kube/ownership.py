"""Find the kubeconfig entries that togetherctl owns, in several files, and remove them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from togetherctl.kube.entries import USER_PREFIX, Section, body_of, mark_of, owner_of
from togetherctl.kube.kubeconfig import KubeconfigFile

Predicate = Callable[[str | None], bool]

CURRENT = "current-context"


class EntryInFile(NamedTuple):
    """An entry and its file."""

    file: KubeconfigFile
    section: Section
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.entry["name"])

    @property
    def body(self) -> dict[str, Any]:
        return body_of(self.section, self.entry)

    def word(self, key: str) -> str | None:
        """The text at `key` of the body; None for a value of another type."""
        value = self.body.get(key)
        return value if isinstance(value, str) else None


class UsersOfOthers:
    """The users of kubeconfigs that get their credential from another configuration, by file and name.

    `configurations` has those; `users` are all users of the files, in kubectl's order.
    """

    def __init__(
        self,
        users: Iterable[EntryInFile] = (),
        configurations: Mapping[tuple[Path, str], Path] = MappingProxyType({}),
    ) -> None:
        self._configurations = configurations
        self._known: set[tuple[Path, str | None]] = set()
        self._first: dict[str | None, Path] = {}
        for user in users:
            self._known.add((user.file.path, user.name))
            self._first.setdefault(user.name, user.file.path)

    def of(self, user: EntryInFile) -> Path | None:
        """The other configuration that this very entry gets its credential from."""
        return self._configurations.get((user.file.path, user.name))

    def merged(self, user: str | None) -> Path | None:
        """That of the user as kubectl merges the files: the first of a name counts."""
        return self._configurations.get((self._first[user], user)) if user and user in self._first else None

    def behind(self, context: EntryInFile) -> Path | None:
        """That of the user in the context's own file; where it has none of that name, of the first."""
        user = context.word("user")
        if (context.file.path, user) in self._known:
            return self._configurations.get((context.file.path, str(user)))
        return self.merged(user)

    def touching(self, context: EntryInFile) -> Path | None:
        """That which the context was written for, or that kubectl uses for it because an earlier file hides it."""
        return self.behind(context) or self.merged(context.word("user"))

    def need(self, context: EntryInFile, found: EntryInFile) -> bool:
        """Whether a context uses a cluster or a user: one of others does not need what its own file has, too."""
        if context.word(found.section[:-1]) != found.name:
            return False
        if context.file.path == found.file.path:
            return True
        return self.behind(context) is None or context.file.text.entry(found.section, found.name) is None


NO_OTHERS = UsersOfOthers()


@dataclass
class RemovedEntries:
    """Names of contexts, clusters and users that go; `kept` says which of our entries stay, and why.

    `by_hand` are those of the contexts that a person made from entries of ours.

    `current` is the current context if it goes. It is then unset, unless `instead` names the context of another file
    that kubectl would then use.
    """

    contexts: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    current: str | None = None
    instead: str | None = None

    def __bool__(self) -> bool:
        return bool(self.contexts or self.clusters or self.users)


def all_entries(files: Sequence[KubeconfigFile], section: Section) -> Iterator[EntryInFile]:
    """Every named entry of a list, ours or not, file by file; also those that an earlier file hides."""
    for file in files:
        for entry in file.text.entries(section):
            yield EntryInFile(file, section, entry)


def current_context(files: Sequence[KubeconfigFile]) -> tuple[KubeconfigFile, str] | None:
    """The current context and the file that says so: the first that names one."""
    return next(((file, name) for file in files if (name := _current_of(file))), None)


def _current_of(file: KubeconfigFile) -> str | None:
    name = file.text.data.get(CURRENT)
    return name if isinstance(name, str) else None


def remove_entries(
    files: Sequence[KubeconfigFile], *, clusters: Predicate, profiles: Predicate, others: UsersOfOthers = NO_OTHERS
) -> RemovedEntries:
    """Remove our entries whose cluster or profile goes, and those that nothing uses without them.

    A cluster or user that another context uses stays. Users of `others` stay, with all contexts that use them.
    """
    removed = RemovedEntries()
    gone = [
        found
        for section in ("clusters", "users")
        for found in all_entries(files, section)
        if (owner := owner_of(section, found.entry)) is not None
        and (clusters(owner.cluster) if section == "clusters" else profiles(owner.profile))
        and not (section == "users" and others.of(found) is not None)
    ]
    removing: set[tuple[Section, str | None]] = {(found.section, found.name) for found in gone}
    contexts = list(all_entries(files, "contexts"))
    leaving = [
        found for found in contexts if others.behind(found) is None and _goes(found, removing, clusters, profiles)
    ]
    staying = [found for found in contexts if not any(found is other for other in leaving)]
    gone += _unused_users(files, leaving, staying, gone, others)
    for found in gone:
        using = [context for context in staying if others.need(context, found)]
        if using:
            names = ", ".join(context.name for context in using if others.behind(context) is None)
            if not names:
                continue
            removed.kept.append(f"{found.section[:-1]} {found.name} in {found.file.path}, which {names} uses")
        else:
            leaving.append(found)
    lists: dict[Section, list[str]] = {
        "contexts": removed.contexts,
        "clusters": removed.clusters,
        "users": removed.users,
    }
    for found in leaving:
        found.file.text.replace(found.section, found.entry, None)
        if found.name not in lists[found.section]:
            lists[found.section].append(found.name)
    removed.by_hand += [
        found.name for found in leaving if found.section == "contexts" and not mark_of("contexts", found.entry)
    ]
    _unset_current(files, removed, {found.name for found in staying})
    return removed


def _goes(
    context: EntryInFile, removing: set[tuple[Section, str | None]], clusters: Predicate, profiles: Predicate
) -> bool:
    owner = owner_of("contexts", context.entry)
    if owner is None:
        return False
    user = context.word("user")
    return (
        clusters(owner.cluster)
        or ("users", user) in removing
        or (str(user).startswith(USER_PREFIX) and profiles(owner.profile))
        # A person made it from entries of ours, such as a second one with another namespace.
        or (owner.cluster is None and ("clusters", context.word("cluster")) in removing)
    )


def _unused_users(
    files: Sequence[KubeconfigFile],
    leaving: list[EntryInFile],
    staying: list[EntryInFile],
    gone: list[EntryInFile],
    others: UsersOfOthers,
) -> list[EntryInFile]:
    """Users of ours that only contexts that go have used."""
    used = {context.word("user") for context in leaving}
    known = {id(found.entry) for found in gone}
    return [
        found
        for found in all_entries(files, "users")
        if found.name in used
        and id(found.entry) not in known
        and owner_of("users", found.entry) is not None
        and others.of(found) is None
        and not any(others.need(context, found) for context in staying)
    ]


def _unset_current(files: Sequence[KubeconfigFile], removed: RemovedEntries, staying: set[str]) -> None:
    gone = set(removed.contexts) - staying
    current = current_context(files)
    for file in files:
        if _current_of(file) not in gone:
            continue
        if current is not None and file is current[0]:
            removed.current = current[1]
            others = [name for other in files if (name := _current_of(other)) and name not in gone]
            if others:
                # Without a name in this file kubectl would use that of another file, which no person has chosen.
                removed.instead = others[0]
                continue
        file.text.put_scalar(CURRENT, "")
