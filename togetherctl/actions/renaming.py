"""Another name for a profile, issuer or cluster, in the store and in kubeconfigs; sessions stay.

The kubeconfigs are looked through and locked first, so that whatever stands in the way is said before anything changes.
Then the store is written, then the kubeconfigs. Cut off in between, the store has the new name and a kubeconfig still
calls the old one: the same command goes on from there.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from togetherctl.actions.naming import made, template_of, values_of
from togetherctl.errors import UsageError
from togetherctl.kube.kubeconfig import editing, kubeconfig_files, planned
from togetherctl.kube.ours import everything
from togetherctl.kube.stanza import SECTIONS, owner_of
from togetherctl.kube.writing import Followed, rename_cluster, rename_profile
from togetherctl.store import checks
from togetherctl.store import editing as store_editing
from togetherctl.store.problems import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from togetherctl.kube.kubeconfig import Change, KubeconfigFile, Pending
    from togetherctl.kube.ours import Found
    from togetherctl.store.choices import Kind
    from togetherctl.store.store import Store
    from togetherctl.wiring import World

    Edit = Callable[[Sequence[KubeconfigFile]], Followed]


@dataclass(frozen=True)
class Renamed:
    """What was renamed: `contexts` have another name too; `notes` are to be said.

    `went_on` if the store had the new name already, and what was left to do was done.
    """

    changes: list[Change] = field(default_factory=list)
    contexts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    went_on: bool = False

    @property
    def changed(self) -> list[Change]:
        return [change for change in self.changes if change.changed]


def rename(
    world: World, kind: Kind, old: str, new: str, *, kubeconfig: str | None = None, keep_kubeconfig: bool = False
) -> Renamed:
    """Call the entry `old` by `new` from now on; with `keep_kubeconfig` in the store alone.

    Raises UsageError, ConfigError and KubeconfigError, and then nothing was changed.
    """
    _check(kind, old, new)
    store = world.store
    entries = store.entries(kind)
    went_on = old not in entries and new in entries
    if old not in entries and not (went_on and kind != "issuer" and not keep_kubeconfig):
        raise unknown(kind, old, entries)
    if went_on and not _is_left(world, kind, old, new, kubeconfig):
        # One that was cut off at its very end left a lock behind.
        with editing(kubeconfig_files(kubeconfig, world.environ), lambda _files: None):
            pass
        raise unknown(kind, old, entries)
    with _pending(world, kind, (old, new), kubeconfig, keep=keep_kubeconfig) as pending:
        if not went_on:
            with world.changing_store() as text:
                store_editing.rename(text, kind, old, new)
    said = pending.said if pending else Followed()
    return Renamed(pending.changes if pending else [], said.contexts, said.notes, went_on)


def _check(kind: Kind, old: str, new: str) -> None:
    try:
        checks.name(new)
    except ValueError as error:
        raise UsageError(f"{new} cannot be the name of a {kind}: {error}") from None
    if old == new:
        raise UsageError(f"{old} is called that already")


def _is_left(world: World, kind: Kind, old: str, new: str, kubeconfig: str | None) -> bool:
    """Whether some kubeconfig has the old name in entries of ours, and none has both.

    A file is written in one step, so one that has both is not half renamed: what has the old name is left over.
    """

    def look(files: Sequence[KubeconfigFile]) -> list[set[str | None]]:
        owners = [
            [owner_of(section, found.entry) for section in SECTIONS for found in everything([file], section)]
            for file in files
        ]
        return [{getattr(owner, kind) for owner in of_file if owner is not None} for of_file in owners]

    _, names = planned(kubeconfig_files(kubeconfig, world.environ), look)
    return any(old in of_file for of_file in names) and not any({old, new} <= of_file for of_file in names)


def _pending(
    world: World, kind: Kind, names: tuple[str, str], kubeconfig: str | None, *, keep: bool
) -> AbstractContextManager[Pending[Followed] | None]:
    if kind == "issuer" or keep:
        # No kubeconfig names an issuer.
        return nullcontext()
    return editing(kubeconfig_files(kubeconfig, world.environ), _edit(world.store, kind, *names))


def _edit(store: Store, kind: Kind, old: str, new: str) -> Edit:
    """What is to be done with kubeconfigs. The store may have either name."""

    def called(found: Found) -> str | None:
        """The name that a context's template makes of the new names."""
        owner = owner_of("contexts", found.entry)
        known = owner.cluster if owner is not None and owner.cluster in store.table.clusters else new
        if known not in store.table.clusters:
            return None
        cluster = store.cluster(known)
        values = values_of(store, cluster)
        if kind == "profile":
            return made(template_of(found), values | {"profile": new})
        context = new if store.table.clusters[known].context is None else cluster.context
        return made(template_of(found), values | {"cluster": new, "context": context})

    if kind == "profile":
        return lambda files: rename_profile(files, old, new, called)
    table = store.table.clusters[old if old in store.table.clusters else new]
    names = (table.context, table.context) if table.context is not None else (old, new)
    return lambda files: rename_cluster(files, old, new, names=names, called=called)
