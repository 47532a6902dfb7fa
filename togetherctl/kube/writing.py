"""Putting entries of ours into kubeconfigs, and into nobody else's place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.errors import KubeconfigError
from togetherctl.kube.kubeconfig import Change, KubeconfigFile, holding
from togetherctl.kube.ours import CURRENT
from togetherctl.kube.stanza import owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from togetherctl.kube.stanza import Entry

    Entries = Callable[[Sequence[KubeconfigFile]], Sequence[Entry]]


def write(
    files: Sequence[Path],
    entries: Entries,
    *,
    overwrite: bool,
    known: Collection[str] = (),
    set_current: bool = False,
    dry_run: bool = False,
) -> list[Change]:
    """Put what `entries` makes of the files into those that have it, else into the first that exists, else the last.

    An entry that belongs to another cluster of `known` is not replaced, and what we did not write only to `overwrite`
    it. The current context changes if `set_current`, to the first of the entries, and where that gets another name.
    Raises KubeconfigError, and then no file was changed.
    """
    if dry_run:
        return _Plan(files).with_entries(entries, overwrite=overwrite, known=known, set_current=set_current)
    with holding(sorted(files)):
        changes = _Plan(files).with_entries(entries, overwrite=overwrite, known=known, set_current=set_current)
        for change in changes:
            if change.changed:
                change.write()
        return changes


class _Plan:
    """Files as they are, and what becomes of them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = [KubeconfigFile.read(path) for path in files]
        self._fallback = next((file for file in self._files if file.original is not None), self._files[-1])
        self._foreign: list[str] = []
        self._taken: list[str] = []

    def with_entries(
        self, entries: Entries, *, overwrite: bool, known: Collection[str], set_current: bool
    ) -> list[Change]:
        wanted = entries(self._files)
        written = {entry.cluster for entry in wanted}
        for entry in wanted:
            self._put(entry, overwrite=overwrite, others={name for name in known if name not in written})
        self._refuse()
        context = next((entry.name for entry in wanted if entry.section == "contexts"), None)
        if set_current and context is not None:
            holder = next((file for file in self._files if file.text.data.get(CURRENT)), self._fallback)
            holder.text.put_scalar(CURRENT, context)
        return [file.change() for file in self._files]

    def _put(self, entry: Entry, *, overwrite: bool, others: Collection[str]) -> None:
        file, existing = self._find(entry, entry.name)
        if existing is None and entry.instead is not None:
            file, existing = self._find(entry, entry.instead)
        if existing is None:
            file.text.put(entry.section, entry.over(None))
            return
        owner = owner_of(entry.section, existing)
        if owner is None and not overwrite:
            self._foreign.append(f"{entry.section[:-1]} {entry.name} in {file.path}")
        elif owner is not None and entry.cluster is not None and owner.cluster in others:
            self._taken.append(f"{entry.section[:-1]} {entry.name} in {file.path} is that of cluster {owner.cluster}")
        elif existing["name"] == entry.name:
            file.text.put(entry.section, entry.over(existing if owner is not None else None))
        else:
            file.text.replace(entry.section, existing, entry.over(existing))
            for each in self._files:
                if entry.section == "contexts" and each.text.data.get(CURRENT) == entry.instead:
                    each.text.put_scalar(CURRENT, entry.name)

    def _find(self, entry: Entry, name: str) -> tuple[KubeconfigFile, dict[str, Any] | None]:
        for file in self._files:
            for item in file.text.entries(entry.section):
                if item["name"] == name:
                    return file, item
        return self._fallback, None

    def _refuse(self) -> None:
        if self._foreign:
            raise KubeconfigError(
                f"togetherctl did not write {', '.join(self._foreign)}, and leaves "
                f"{'it' if len(self._foreign) == 1 else 'them'} alone",
                hint="--overwrite replaces them; a context of its own for a cluster: "
                "togetherctl cluster set NAME context=OTHER",
                overwritable=True,
            )
        if self._taken:
            raise KubeconfigError(
                f"{' and '.join(self._taken)}, and cannot be that of another cluster too",
                hint="a context of its own for a cluster: togetherctl cluster set NAME context=OTHER",
            )
