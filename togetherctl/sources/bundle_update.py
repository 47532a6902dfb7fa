"""What a newer bundle changes in a store: three ways, so that its changes are told from edits of the person's own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.kubelogin.names import Used
from togetherctl.printable import printable
from togetherctl.sources.bundle_keys import KINDS, REFERENCES, TAKEN, entries
from togetherctl.store.editing import section

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from togetherctl.sources.bundle import Bundle
    from togetherctl.store.choices import Kind
    from togetherctl.store.toml_text import TomlText

Entry = tuple["Kind", str]
_Tables = dict[Entry, dict[str, Any]]
_LONGEST_VALUE = 120


@dataclass(frozen=True)
class Change:
    """One key of an entry: what it is, and what the bundle wants; None where it is not set."""

    entry: Entry
    key: str
    mine: Any
    theirs: Any


@dataclass
class Update:
    """What a newer bundle means for a store, which has names of its own.

    `changes` will be made; `kept` will not, because the person changed the same key; `added` are new entries; `gone`
    are entries that the bundle has no more, which stay. `names` says what its entries are called here.
    """

    changes: list[Change] = field(default_factory=list)
    kept: list[Change] = field(default_factory=list)
    added: _Tables = field(default_factory=dict)
    gone: list[Entry] = field(default_factory=list)
    names: dict[Entry, str] = field(default_factory=dict)

    @property
    def changes_nothing(self) -> bool:
        """Whether the store's entries stay as they are."""
        return not self.changes and not self.added

    def touched(self, kind: Kind) -> list[str]:
        """The names of entries of one kind that are new or change."""
        names = [name for of, name in [*(change.entry for change in self.changes), *self.added] if of == kind]
        return list(dict.fromkeys(names))

    def lines(self) -> Iterable[str]:
        """The difference, a line each, safe to show."""
        for change in self.changes:
            yield f"~ {changed_line(change)}"
        for (kind, name), table in self.added.items():
            yield f"+ {kind} {name}: {printable(table.get('server') or table.get('url') or table.get('client_id'))}"
        for change in self.kept:
            place, mine, theirs = place_and_value(change)
            yield f"= {place}: stays {mine}, which is yours; the bundle says {theirs}"
        for kind, name in self.gone:
            yield f"- {kind} {name}: not in the bundle any more; it stays (togetherctl {kind} remove {name})"

    def apply(self, text: TomlText) -> None:
        """Make the changes in the store's text. Raises CannotEdit."""
        for change in self.changes:
            kind, name = change.entry
            key = (section(kind), name, change.key)
            if change.theirs is None:
                text.unset(key)
            else:
                text.set(key, change.theirs)
        text.add({(section(kind), name): table for (kind, name), table in self.added.items()})


def compare(
    data: Mapping[str, Any], base: Bundle | None, new: Bundle, wanted: Collection[Entry] | None = None
) -> Update:
    """What `new` means for the store's `data`, where `base` is the bundle as it was taken last, if that is known.

    What is not here comes if it is new in the bundle, or, where somebody says what is `wanted`, if it is among that.
    """
    return _Comparison(data, base, new, wanted).update()


class _Comparison:
    """Goes through the new bundle: issuers first, so that what refers to them knows their names here."""

    def __init__(
        self, data: Mapping[str, Any], base: Bundle | None, new: Bundle, wanted: Collection[Entry] | None
    ) -> None:
        self._mine: _Tables = {(kind, name): table for kind in KINDS for name, table in entries(data, kind).items()}
        self._base: Mapping[Entry, Mapping[str, Any]] = base.tables if base else {}
        self._theirs = new.tables
        names = _Names(self._mine)
        self._names_before = names.edited(self._base)
        self._names_now = names.surely(self._theirs)
        self._wanted = wanted
        self._taken = {kind: Used(name for of, name in self._mine if of == kind) for kind in KINDS}
        # By what they refer to: looking through all entries for each would take their square.
        self._needed_by: dict[Entry, list[Entry]] = {}
        for (kind, name), table in self._theirs.items():
            if kind in REFERENCES:
                key, of = REFERENCES[kind]
                self._needed_by.setdefault((of, str(table.get(key))), []).append((kind, name))
        self._answers: dict[Entry, bool] = {}
        self._update = Update()
        self._here = self._update.names

    def update(self) -> Update:
        for entry in filter(self._is_wanted, self._theirs):
            name = self._names_before.get(entry)
            if name is not None:
                self._merge(entry, name, self._before(entry))
            elif entry not in self._names_now:
                self._add(entry)
            elif self._base:
                # It is here already, but not from this bundle.
                self._here[entry] = self._names_now[entry]
            else:
                self._merge(entry, self._names_now[entry], {})
        self._update.gone += [
            (entry[0], name) for entry, name in self._names_before.items() if entry not in self._theirs
        ]
        return self._update

    def _is_wanted(self, entry: Entry) -> bool:
        """Whether it is here, or new, or needed by one that is. Whoever removed it, or never took it, does not."""
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
        self._update.added[kind, self._here[entry]] = self._renamed(entry)

    def _merge(self, entry: Entry, name: str, base: Mapping[str, Any]) -> None:
        kind = entry[0]
        self._here[entry] = name
        mine, theirs = self._mine[kind, name], self._renamed(entry)
        for key in sorted(TAKEN[kind]):
            # A CA file of one's own stands for the bundle's certificates.
            own = mine.get("ca_data", mine.get("ca_file")) if key == "ca_data" else mine.get(key)
            change = Change((kind, name), key, own, theirs.get(key))
            if change.theirs in (base.get(key), own):
                continue
            (self._update.changes if own == base.get(key) else self._update.kept).append(change)

    def _renamed(self, entry: Entry) -> dict[str, Any]:
        """The new bundle's table with the names that things have here."""
        return _referring(entry, self._theirs, self._here)

    def _before(self, entry: Entry) -> dict[str, Any]:
        """The old bundle's table, likewise."""
        return _referring(entry, self._base, self._names_before)


def _referring(entry: Entry, tables: Mapping[Entry, Mapping[str, Any]], names: Mapping[Entry, str]) -> dict[str, Any]:
    table = dict(tables[entry])
    if entry[0] in REFERENCES:
        key, kind = REFERENCES[entry[0]]
        table[key] = names.get((kind, table[key]))
    return table


class _Names:
    """What entries of a bundle are called here: told by what they are, since both sides may rename them."""

    def __init__(self, mine: _Tables) -> None:
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


def changed_line(change: Change) -> str:
    """A change in a line, safe to show."""
    place, mine, theirs = place_and_value(change)
    return f"{place}: {mine} -> {theirs}"


def place_and_value(change: Change) -> tuple[str, str, str]:
    """What it is about, what is there and what would be, each safe to show."""
    kind, name = change.entry
    return f"{kind} {name}: {change.key}", _value(change.key, change.mine), _value(change.key, change.theirs)


def _value(key: str, value: Any) -> str:
    if value is None:
        return "not set"
    if key == "ca_data":
        return "its certificates" if isinstance(value, str) and len(value) > _LONGEST_VALUE else printable(value)
    return printable(json.dumps(value, ensure_ascii=False), limit=_LONGEST_VALUE)
