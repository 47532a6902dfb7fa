"""Plan the import of a bundle: which entries are new, which follow it, and their names here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from togetherctl.config.types import Kind
from togetherctl.importing.bundle import REFERENCES, TAKEN, Bundle, entries
from togetherctl.importing.merge import KINDS, Entry, ImportPlan, Tables
from togetherctl.importing.naming import UsedNames


def plan_bundle(
    data: Mapping[str, Any], base: Bundle | None, new: Bundle, wanted: Collection[Entry] | None = None
) -> ImportPlan:
    """What `new` means for the configuration's `data`, where `base` is the bundle taken last, if known.

    An entry that is not here comes if it is new in the bundle, or, with `wanted`, if it is among that.
    """
    return _BundlePlanner(data, base, new, wanted).plan()


class _BundlePlanner:
    """Goes through the new bundle: issuers first, so that what refers to them knows their names here."""

    def __init__(
        self, data: Mapping[str, Any], base: Bundle | None, new: Bundle, wanted: Collection[Entry] | None
    ) -> None:
        self._mine: Tables = {(kind, name): table for kind in KINDS for name, table in entries(data, kind).items()}
        self._base: Mapping[Entry, Mapping[str, Any]] = base.tables if base else {}
        self._theirs = new.tables
        names = _Names(self._mine)
        self._names_before = names.edited(self._base)
        self._names_now = names.surely(self._theirs)
        self._wanted = wanted
        self._taken = {kind: UsedNames(name for of, name in self._mine if of == kind) for kind in KINDS}
        # By what they refer to: looking through all entries for each would take their square.
        self._needed_by: dict[Entry, list[Entry]] = {}
        for (kind, name), table in self._theirs.items():
            if kind in REFERENCES:
                key, of = REFERENCES[kind]
                self._needed_by.setdefault((of, str(table.get(key))), []).append((kind, name))
        self._answers: dict[Entry, bool] = {}
        self._plan = ImportPlan()
        # What its entries are called here.
        self._here: dict[Entry, str] = {}

    def plan(self) -> ImportPlan:
        for entry in filter(self._is_wanted, self._theirs):
            name = self._names_before.get(entry)
            if name is not None:
                self._merge(entry, name, _referring(entry, self._base, self._names_before))
            elif entry not in self._names_now:
                self._add(entry)
            elif self._base:
                # It is here already, but not from this bundle.
                self._here[entry] = self._names_now[entry]
            else:
                self._merge(entry, self._names_now[entry], {})
        self._plan.gone = [
            (kind, name) for (kind, was), name in self._names_before.items() if (kind, was) not in self._theirs
        ]
        self._plan.profiles = self._find_name("profile")
        self._plan.clusters = self._find_name("cluster")
        return self._plan

    def _find_name(self, kind: Kind) -> list[str]:
        return list(dict.fromkeys(name for (of, _), name in self._here.items() if of == kind))

    def _is_wanted(self, entry: Entry) -> bool:
        """Whether it is here, or new, or needed by one that is; not if the person removed it or never took it."""
        if entry not in self._answers:
            new = entry not in self._base and entry[0] != "issuer"
            self._answers[entry] = (
                entry in self._names_before
                or (new if self._wanted is None else entry in self._wanted)
                or any(self._is_wanted(other) for other in self._needed_by.get(entry, ()))
            )
        return self._answers[entry]

    def _add(self, entry: Entry) -> None:
        kind, wished = entry
        self._here[entry] = self._taken[kind].free([wished])
        self._taken[kind].add(self._here[entry])
        self._plan.added[kind, self._here[entry]] = self._rename(entry)

    def _merge(self, entry: Entry, name: str, base: Mapping[str, Any]) -> None:
        kind = entry[0]
        self._here[entry] = name
        mine = self._mine[kind, name]
        # The person's own CA file takes the place of the bundle's certificates.
        own = {**mine, "ca_data": mine.get("ca_data", mine.get("ca_file"))}
        self._plan.merge((kind, name), sorted(TAKEN[kind]), mine=own, base=base, theirs=self._rename(entry))

    def _rename(self, entry: Entry) -> dict[str, Any]:
        """The new bundle's table with the names that things have here."""
        return _referring(entry, self._theirs, self._here)


def _referring(entry: Entry, tables: Mapping[Entry, Mapping[str, Any]], names: Mapping[Entry, str]) -> dict[str, Any]:
    table = dict(tables[entry])
    if entry[0] in REFERENCES:
        key, kind = REFERENCES[entry[0]]
        table[key] = names.get((kind, table[key]))
    return table


class _Names:
    """What entries of a bundle are called here: told by what they are, since both sides may rename them."""

    def __init__(self, mine: Tables) -> None:
        self._mine = mine
        self._alike: dict[tuple[Kind, int, object], list[str]] = {}
        for kind, name in mine:
            for place, identity in enumerate(_identities((kind, name), mine)):
                self._alike.setdefault((kind, place, identity), []).append(name)

    def surely(self, theirs: Mapping[Entry, Mapping[str, Any]]) -> dict[Entry, str]:
        """Those that are here already, whether or not they came from this bundle."""
        found = {entry: next(self._known(entry, theirs), []) for entry in theirs}
        return {entry: entry[1] if entry[1] in known else known[0] for entry, known in found.items() if known}

    def edited(self, theirs: Mapping[Entry, Mapping[str, Any]]) -> dict[Entry, str]:
        """Those that were taken, though what tells them from others may have been edited since; each but once."""
        names: dict[Entry, str] = {}
        claimed: set[Entry] = set()

        def claim(entry: Entry, known: Iterable[str]) -> None:
            name = next((name for name in known if entry not in names and (entry[0], name) not in claimed), None)
            if name is not None:
                names[entry] = name
                claimed.add((entry[0], name))

        candidates = {entry: [name for names in self._known(entry, theirs) for name in names] for entry in theirs}
        for entry, known in candidates.items():
            claim(entry, [entry[1]] if entry[1] in known else [])
        for entry, known in candidates.items():
            claim(entry, known)
        for entry in theirs:
            claim(entry, [entry[1]] if entry in self._mine else [])
        return names

    def _known(self, entry: Entry, theirs: Mapping[Entry, Mapping[str, Any]]) -> Iterator[list[str]]:
        """The names that entries like this one have here, those that agree in most first."""
        for place, identity in enumerate(_identities(entry, theirs)):
            if identity is not None:
                yield self._alike.get((entry[0], place, identity), [])


def _identities(entry: Entry, tables: Mapping[Entry, Mapping[str, Any]]) -> list[object]:
    """What tells an entry from others of its kind, the surest first; None where it has no such thing."""
    kind, _ = entry
    table = tables[entry]
    if kind == "issuer":
        return [table.get("url")]
    if kind == "profile":
        client = _client(table, tables)
        rest = [table.get("scopes"), table.get("token"), table.get("auth_params")]
        return [json.dumps([*client, *rest], sort_keys=True), json.dumps(client)]
    profile = tables.get(("profile", str(table.get("profile"))), {})
    server = table.get("server")
    return [json.dumps([server, *_client(profile, tables)]), table.get("together_cluster_id"), server]


def _client(profile: Mapping[str, Any], tables: Mapping[Entry, Mapping[str, Any]]) -> list[object]:
    issuer = tables.get(("issuer", str(profile.get("issuer"))), {})
    return [issuer.get("url"), profile.get("client_id")]
