"""What a bundle may hold, by the rule for sources: every table of it, checked key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.sources.rule import POWERS, keys_of, objection
from togetherctl.store.editing import section
from togetherctl.store.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from togetherctl.store.choices import Kind

KINDS: tuple[Kind, ...] = ("issuer", "profile", "cluster")
# What refers to another entry of the same bundle.
REFERENCES: dict[Kind, tuple[str, Kind]] = {"profile": ("issuer", "issuer"), "cluster": ("profile", "profile")}
TAKEN: dict[Kind, frozenset[str]] = {kind: keys_of("bundle", kind) for kind in KINDS}
LEFT_ABOVE = {key: power.why.format(source="bundle") for power in POWERS for key in power.above}


def forbidden(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Each key of a store's data that no bundle may hold, and why. What is no key at all is the store's to refuse."""
    for key, reason in LEFT_ABOVE.items():
        if key in data:
            yield Problem((key,), reason)
    for kind in KINDS:
        for name, table in entries(data, kind).items():
            for key in table:
                refused = objection("bundle", kind, key, table)
                if refused:
                    yield Problem((section(kind), name, key), refused)


def entries(data: Mapping[str, Any], kind: Kind) -> dict[str, dict[str, Any]]:
    """The tables of one kind in data that may be wrong."""
    found = data.get(section(kind))
    tables = found if isinstance(found, dict) else {}
    return {name: table for name, table in tables.items() if isinstance(table, dict)}
