"""Merge what a source gives, key by key and three-way: the plan of an import.

Edits win. A key follows its source as long as it is what the source gave last (see `baseline`); a key that the person
changed stays, and the plan says so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from togetherctl.config.editing import new_key, section
from togetherctl.config.toml_text import TomlText
from togetherctl.config.types import Kind
from togetherctl.importing.additions import MovedSecret
from togetherctl.importing.cluster_offer import Skipped
from togetherctl.importing.last_import import is_last
from togetherctl.importing.source_rules import Left
from togetherctl.importing.trusted_hosts import NewHost
from togetherctl.printable import printable

Entry = tuple["Kind", str]
Tables = dict[Entry, dict[str, Any]]
KINDS: tuple[Kind, ...] = ("issuer", "profile", "cluster")
_LONGEST_VALUE = 120
_LONGEST_LEFT_VALUE = 80
_MOST_NAMES = 6
_CERTIFICATES = "certificates"


@dataclass(frozen=True)
class ImportChange:
    """One key of an entry: what it is, and what the source wants; None where it is not set."""

    entry: Entry
    key: str
    mine: Any
    theirs: Any

    def __str__(self) -> str:
        """The change in a line, safe to show."""
        return f"{self._place}: {_show(self.key, self.mine)} -> {_show(self.key, self.theirs)}"

    @property
    def kept(self) -> str:
        """Why it is not made, in a line, safe to show."""
        mine, theirs = _show(self.key, self.mine), _show(self.key, self.theirs)
        stays = f"keeps your {'' if mine == _CERTIFICATES else 'value '}{mine}"
        if self.mine is None:
            stays = "stays not set, as you have it"
        return f"{self._place} {stays}; the source {'does not set it' if self.theirs is None else f'has {theirs}'}"

    @property
    def _place(self) -> str:
        return f"{' '.join(self.entry)}: {self.key}"


@dataclass
class ImportPlan:
    """What an import means for one configuration.

    `added` are new entries; `changes` will be made to entries that are there, `kept` will not, because the person
    changed the same key; `gone` are entries that a bundle has no more, which stay. `notes` say which names were given
    and why; `left` is what sources may not set, by the names of the entries that do without. `clusters` are the names
    of all clusters of the source, new or not, and `profiles` those that open them. `skipped` cannot be taken;
    `without_login` are names of offers without a way to log in. `secrets` are client secrets that need
    a place, `given` is what to remember as given last. `new_hosts` would get what they do not get yet.
    """

    added: Tables = field(default_factory=dict)
    changes: list[ImportChange] = field(default_factory=list)
    kept: list[ImportChange] = field(default_factory=list)
    gone: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: dict[Left, dict[str, None]] = field(default_factory=dict)
    clusters: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    without_login: list[str] = field(default_factory=list)
    secrets: list[MovedSecret] = field(default_factory=list, repr=False)
    given: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_hosts: list[NewHost] = field(default_factory=list)

    @property
    def changes_nothing(self) -> bool:
        """Whether the configuration's entries stay as they are."""
        return not self.added and not self.changes

    @property
    def agreed(self) -> tuple[object, ...]:
        """What a person agrees to: a plan that is made again must have the same."""
        return self.added, self.changes, self.new_hosts

    def touched(self, kind: Kind) -> list[str]:
        """The names of entries of one kind that are new or change."""
        names = [name for of, name in [*(change.entry for change in self.changes), *self.added] if of == kind]
        return list(dict.fromkeys(names))

    def merge(
        self,
        entry: Entry,
        keys: Iterable[str],
        *,
        mine: Mapping[str, Any],
        base: Mapping[str, Any] | None,
        theirs: Mapping[str, Any],
        may_add: Collection[str] = (),
        remind: bool = False,
    ) -> list[str]:
        """Merge `theirs` into an entry that is `mine`, three-way against `base`; the keys that change by that.

        `base` is what the source gave last, None where that is not known: then what differs counts as the person's,
        and only keys of `may_add` are added where they are not set. `remind`: also say
        what of the person's differs from a source that repeats itself.
        """
        followed: list[str] = []
        for key in keys:
            own, said = mine.get(key), theirs.get(key)
            repeats = said is None if base is None else is_last(base.get(key), said)
            if said == own or (repeats and (said is None or not remind)):
                continue
            follows = (own is None and key in may_add) if base is None else not repeats and is_last(base.get(key), own)
            (self.changes if follows else self.kept).append(ImportChange(entry, key, own, said))
            if follows:
                followed.append(key)
        return followed

    def leave_out(self, left: Left, name: str) -> None:
        """Say that the entry called `name` does without a key of its source."""
        self.left.setdefault(left, {})[name] = None

    def apply(self, text: TomlText) -> None:
        """Make the changes in the configuration's text.

        Raises CannotEdit, and UsageError where an entry is there by now.
        """
        for change in self.changes:
            kind, name = change.entry
            key = (section(kind), name, change.key)
            if change.theirs is None:
                text.unset(key)
            else:
                text.set(key, change.theirs)
        text.add({new_key(text, kind, name): table for (kind, name), table in self.added.items()})

    def onto(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration's data as it would be."""
        after = {**data, **{section(kind): dict(data.get(section(kind), {})) for kind in KINDS}}
        for change in self.changes:
            kind, name = change.entry
            table = {**after[section(kind)][name], change.key: change.theirs}
            after[section(kind)][name] = {key: value for key, value in table.items() if value is not None}
        for (kind, name), table in self.added.items():
            after[section(kind)][name] = table
        return after

    def lines(self) -> Iterator[str]:
        """What a person should know besides the difference itself, a line each, safe to show."""
        yield from map(str, self.changes)
        yield from (change.kept for change in self.kept)
        yield from map(_gone, self.gone)
        yield from self.notes
        yield from self._left_out()

    def difference(self) -> Iterator[str]:
        """The difference, a line each with a sign first, safe to show."""
        yield from (f"~ {change}" for change in self.changes)
        for (kind, name), table in self.added.items():
            yield f"+ {kind} {name}: {printable(table.get('server') or table.get('url') or table.get('client_id'))}"
        yield from (f"= {change.kept}" for change in self.kept)
        yield from (f"- {_gone(entry)}" for entry in self.gone)

    def _left_out(self) -> Iterator[str]:
        """What sources may not set, said once for all entries it is about; then how to set it oneself."""
        first: dict[Kind, tuple[str, dict[str, None]]] = {}
        for left, found in self.left.items():
            names = list(found)
            first.setdefault(left.kind, (names[0], {}))[1][left.key] = None
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            value = printable(left.said, limit=_LONGEST_LEFT_VALUE)
            said = f" ({value})" if value else ""
            several = "s" if len(names) > 1 else ""
            yield (
                f"{left.key}{said} is left out of {left.kind}{several} {', '.join(names[:_MOST_NAMES])}{more}, because "
                f"{left.why}"
            )
        # The values are the source's, and nothing of them goes into a command that a person copies.
        for kind, (name, keys) in first.items():
            settings = " ".join(f"{key}=VALUE" for key in keys)
            yield f"To set it yourself: togetherctl {kind} set {name} {settings}"


def _gone(entry: Entry) -> str:
    kind, name = entry
    return f"{kind} {name}: not in the bundle any more; it stays (togetherctl {kind} remove {name})"


def _show(key: str, value: Any) -> str:
    if value is None:
        return "not set"
    if key == "ca_data":
        return _CERTIFICATES if isinstance(value, str) and len(value) > _LONGEST_VALUE else printable(value)
    return printable(json.dumps(value, ensure_ascii=False), limit=_LONGEST_VALUE)
