"""Our entries among those of several kubeconfig files, and taking them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from togetherctl.kube.stanza import USER_PREFIX, body_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.kube.stanza import Section

    Doomed = Callable[[str | None], bool]

CURRENT = "current-context"


class Found(NamedTuple):
    """An entry as it stands in its file."""

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
        """The text at `key` of the body; None for anything else that somebody put there."""
        value = self.body.get(key)
        return value if isinstance(value, str) else None


@dataclass
class Removed:
    """What goes: names of contexts, clusters and users; `kept` says what stays although it is ours, and why.

    `current` is the current context if it goes. It is then unset, unless `instead` names the one that kubectl would
    take up unasked, from another file.
    """

    contexts: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    current: str | None = None
    instead: str | None = None

    def __bool__(self) -> bool:
        return bool(self.contexts or self.clusters or self.users)


def everything(files: Sequence[KubeconfigFile], section: Section) -> Iterator[Found]:
    """Every named entry of a list, whoever wrote it, file by file; also those that an earlier file hides."""
    for file in files:
        for entry in file.text.entries(section):
            yield Found(file, section, entry)


def current_context(files: Sequence[KubeconfigFile]) -> tuple[KubeconfigFile, str] | None:
    """The current context and the file that says so: the first that names one."""
    return next(((file, name) for file in files if (name := _current_of(file))), None)


def _current_of(file: KubeconfigFile) -> str | None:
    name = file.text.data.get(CURRENT)
    return name if isinstance(name, str) else None


def take_out(files: Sequence[KubeconfigFile], *, clusters: Doomed, profiles: Doomed) -> Removed:
    """Take out our entries whose cluster or profile is doomed, and what would be of no use without them.

    Each is asked with the name that an entry bears, None where it bears none. A cluster or user that some other
    context uses stays.
    """
    removed = Removed()
    gone = [
        found
        for section in ("clusters", "users")
        for found in everything(files, section)
        if (owner := owner_of(section, found.entry)) is not None
        and (clusters(owner.cluster) if section == "clusters" else profiles(owner.profile))
    ]
    doomed: set[tuple[Section, str | None]] = {(found.section, found.name) for found in gone}
    contexts = list(everything(files, "contexts"))
    leaving = [found for found in contexts if _leaves(found, doomed, clusters, profiles)]
    staying = [found for found in contexts if not any(found is other for other in leaving)]
    gone += _idle_users(files, leaving, staying, gone)
    for found in gone:
        using = [context for context in staying if context.body.get(found.section[:-1]) == found.name]
        if using:
            names = ", ".join(context.name for context in using)
            removed.kept.append(f"{found.section[:-1]} {found.name} in {found.file.path}, which {names} uses")
        else:
            found.file.text.replace(found.section, found.entry, None)
            _note(removed.clusters if found.section == "clusters" else removed.users, found.name)
    for found in leaving:
        found.file.text.replace("contexts", found.entry, None)
        _note(removed.contexts, found.name)
    _let_go_of_current(files, removed, {found.name for found in staying})
    return removed


def _leaves(context: Found, doomed: set[tuple[Section, str | None]], clusters: Doomed, profiles: Doomed) -> bool:
    owner = owner_of("contexts", context.entry)
    if owner is None:
        return False
    if clusters(owner.cluster) or ("users", context.word("user")) in doomed:
        return True
    if str(context.body.get("user")).startswith(USER_PREFIX) and profiles(owner.profile):
        return True
    # One that a person made from entries of ours, such as a second one with another namespace.
    return owner.cluster is None and ("clusters", context.word("cluster")) in doomed


def _idle_users(
    files: Sequence[KubeconfigFile], leaving: list[Found], staying: list[Found], gone: list[Found]
) -> list[Found]:
    """Users of ours that only the contexts that leave have used."""
    idle = {context.word("user") for context in leaving} - {context.word("user") for context in staying}
    known = {id(found.entry) for found in gone}
    return [
        found
        for found in everything(files, "users")
        if found.name in idle and id(found.entry) not in known and owner_of("users", found.entry) is not None
    ]


def _let_go_of_current(files: Sequence[KubeconfigFile], removed: Removed, staying: set[str]) -> None:
    gone = set(removed.contexts) - staying
    current = current_context(files)
    for file in files:
        if _current_of(file) not in gone:
            continue
        if current is not None and file is current[0]:
            removed.current = current[1]
            others = [name for other in files if (name := _current_of(other)) and name not in gone]
            if others:
                # Without a name in this file, that of another would be in force, and nobody has chosen it.
                removed.instead = others[0]
                continue
        file.text.put_scalar(CURRENT, "")


def _note(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def holders(files: Sequence[KubeconfigFile], section: Section, name: str) -> list[Path]:
    """The files that have an entry of this name."""
    return list(dict.fromkeys(found.file.path for found in everything(files, section) if found.name == name))
