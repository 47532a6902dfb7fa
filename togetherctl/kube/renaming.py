"""A profile's or cluster's new name, wherever kubeconfigs have the old one in an entry of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.errors import KubeconfigError
from togetherctl.kube.ours import CURRENT, everything
from togetherctl.kube.stanza import USER_PREFIX, made_ours, mark_of, owner_of, profile_called

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.kube.ours import Found

    # The name a context has from now on, if something else than its entry's name decides about that.
    Called = Callable[[Found], str | None]


@dataclass
class Followed:
    """Contexts that have another name now, the old one and the new one; and what is to be said besides."""

    contexts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def rename_profile(files: Sequence[KubeconfigFile], old: str, new: str, called: Called) -> Followed:
    """Have our entries call the profile `old` by `new`. Raises KubeconfigError where a name is taken."""
    renaming = _Renaming(files)
    before, after = f"{USER_PREFIX}{old}", f"{USER_PREFIX}{new}"
    users = {before: after}
    for found in everything(files, "users"):
        owner = owner_of("users", found.entry)
        if owner is not None and owner.profile == old:
            name = after if found.name == before else found.name
            stanza = found.body.get("exec")
            changes = {"exec": _calling(stanza, old, new)} if isinstance(stanza, dict) else {}
            renaming.put(found, name, changes, profile=new)
        elif owner is not None:
            # One that its owner made call something else.
            users.pop(found.name, None)
        elif profile_called(found.body) == old:
            renaming.followed.notes.append(
                f"user {found.name} in {found.file.path} still calls the profile {old}: togetherctl did not write it"
            )
    for found in everything(files, "clusters"):
        owner = owner_of("clusters", found.entry)
        if owner is not None and owner.profile == old:
            renaming.put(found, found.name, {}, profile=new)
    for found in everything(files, "contexts"):
        owner = owner_of("contexts", found.entry)
        if owner is not None and owner.profile == old:
            user = found.body.get("user")
            renaming.put(found, called(found) or found.name, {"user": users.get(str(user), user)}, profile=new)
    return renaming.followed


def rename_cluster(
    files: Sequence[KubeconfigFile], old: str, new: str, *, names: tuple[str, str], called: Called
) -> Followed:
    """Have our entries call the cluster `old` by `new`; those named `names[0]` are named `names[1]` from now on.

    Contexts of others that use such an entry follow it. Raises KubeconfigError where a name is taken.
    """
    renaming = _Renaming(files)
    before, after = names
    entries = list(everything(files, "clusters"))
    ours = [found for found in entries if (owner := owner_of("clusters", found.entry)) and owner.cluster == old]
    alone = all(found.name != before or any(found is one for one in ours) for found in entries)
    moved = {before: after} if before != after and any(found.name == before for found in ours) else {}
    for found in ours:
        renaming.put(found, moved.get(found.name, found.name), {}, cluster=new)
    for found in everything(files, "contexts"):
        owner = owner_of("contexts", found.entry)
        cluster = str(found.body.get("cluster"))
        changes = {"cluster": moved[cluster]} if cluster in moved and (alone or owner is not None) else {}
        if owner is not None and owner.cluster == old:
            name = called(found) or (after if found.name == before else found.name)
            renaming.put(found, name, changes, cluster=new)
        elif changes:
            renaming.put(found, found.name, changes)
            renaming.followed.notes.append(
                f"context {found.name} in {found.file.path} uses this cluster, and follows it"
            )
    return renaming.followed


class _Renaming:
    """Entries of several files that get other names."""

    def __init__(self, files: Sequence[KubeconfigFile]) -> None:
        self._files = files
        self.followed = Followed()

    def put(self, found: Found, name: str, changes: Mapping[str, Any], **names: str) -> None:
        """Give an entry the name `name`, changes in its body, and `names` in its mark if it has one."""
        noted = mark_of(found.section, found.entry)
        if noted and names:
            entry = made_ours(found.section, found.entry, changes, **(noted | names))
        else:
            entry = {**found.entry, found.section[:-1]: {**found.body, **changes}}
        if name != found.name:
            self._make_way(found, name, names)
        found.file.text.replace(found.section, found.entry, {**entry, "name": name})
        if name == found.name or found.section != "contexts":
            return
        self.followed.contexts.append((found.name, name))
        for file in self._files:
            if file.text.data.get(CURRENT) == found.name:
                file.text.put_scalar(CURRENT, name)

    def _make_way(self, found: Found, name: str, names: Mapping[str, str]) -> None:
        """Take out what is left over from an earlier bearer of the name. Raises KubeconfigError where it is in use."""
        own = owner_of(found.section, found.entry)
        cluster = names.get("cluster", own.cluster if own else None)
        for other in everything(self._files, found.section):
            if other.name != name:
                continue
            owner = owner_of(other.section, other.entry)
            if owner is None or (found.section != "users" and owner.cluster != cluster):
                whose = f"that of cluster {owner.cluster}" if owner and owner.cluster else "which is not ours"
                raise KubeconfigError(
                    f"there is a {found.section[:-1]} {name} in {other.file.path}, {whose}, "
                    f"so {found.name} cannot be called that",
                    hint="choose another name; togetherctl kubeconfig prune takes out what is left over",
                )
            if other.file is found.file:
                other.file.text.replace(other.section, other.entry, None)


def _calling(stanza: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """The stanza with another profile; everything else that its owner put there stays."""
    args = stanza.get("args")
    if not isinstance(args, list):
        return dict(stanza)
    words = list(args)
    for at, word in enumerate(words):
        if word == f"--profile={old}":
            words[at] = f"--profile={new}"
        elif word == old and at and words[at - 1] == "--profile":
            words[at] = new
    return {**stanza, "args": words}
