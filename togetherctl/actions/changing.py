"""Changing keys of one entry of the store, as long as it still says what whoever changes them has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.errors import UsageError
from togetherctl.store.editing import existing, section, share_storage
from togetherctl.store.files import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from togetherctl.store.choices import Kind
    from togetherctl.wiring import World


class ChangedMeanwhile(UsageError):
    """Keys that were to be changed say something else by now; `table` is the entry as it is."""

    code = "conflict"

    def __init__(self, kind: Kind, name: str, keys: list[str], table: Mapping[str, Any]) -> None:
        super().__init__(
            f"{', '.join(keys)} of {kind} {name} {'was' if len(keys) == 1 else 'were'} changed meanwhile, "
            "elsewhere; nothing was changed"
        )
        self.keys = keys
        self.table = table


@dataclass(frozen=True)
class Edit:
    """Keys to `set` to values and keys to `unset`, of an entry that was `seen` to be this table of the store."""

    kind: Kind
    name: str
    seen: Mapping[str, Any]
    set: Mapping[str, object]
    unset: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        return [*self.set, *self.unset]


def table_of(world: World, kind: Kind, name: str) -> dict[str, Any]:
    """An entry as it stands in the file, keys that are not set left out. Raises UsageError and ConfigError."""
    from togetherctl.store.toml_text import TomlText

    text = TomlText(read(world.paths.config).text)
    existing(text, kind, name)
    return dict(text.data[section(kind)][name])


def change(world: World, edit: Edit) -> list[str]:
    """Make the edit; keys it does not name stay as anybody else has set them.

    Gives the names of other profiles whose storage changed with this one's. Raises ChangedMeanwhile, UsageError where
    the entry is gone, ConfigError and StorageError; then nothing was changed.
    """
    stored = edit.kind == "profile" and "storage" in edit.keys
    with world.changing_store(settle=edit.name if stored else None) as text:
        entry = existing(text, edit.kind, edit.name)
        now = text.data[entry[0]][edit.name]
        changed = [key for key in edit.keys if now.get(key) != edit.seen.get(key)]
        if changed:
            raise ChangedMeanwhile(edit.kind, edit.name, changed, now)
        for key, value in edit.set.items():
            text.set((*entry, key), value)
        for key in edit.unset:
            text.unset((*entry, key))
        return share_storage(text, edit.name) if stored else []


def problems_with(data: Mapping[str, Any], edit: Edit) -> dict[str, str]:
    """What would be wrong with a store that says `data` after the edit, and was not before: why, by key of the entry.

    What is not about a key of this entry stands under an empty one.
    """
    from togetherctl.store.problems import checked, for_kubectl

    kind = section(edit.kind)
    table = {key: value for key, value in data[kind][edit.name].items() if key not in edit.unset}
    after = {**data, kind: {**data[kind], edit.name: {**table, **edit.set}}}
    before = {*checked(dict(data))[1], *for_kubectl(dict(data))}
    found: dict[str, str] = {}
    for problem in [*checked(after)[1], *for_kubectl(after)]:
        # Whoever shares the session gets the same storage with the edit.
        shared = "storage" in edit.set and problem.key[2:] == ("storage",)
        if problem not in before and not shared:
            ours = problem.key[:2] == (kind, edit.name) and len(problem.key) > 2
            found.setdefault(problem.key[2] if ours else "", problem.reason)
    return found
