"""Change keys of a profile, an issuer or a cluster in the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from togetherctl.config.editing import existing_key, section, share_storage
from togetherctl.config.files import read
from togetherctl.config.toml_text import Key
from togetherctl.config.types import Kind
from togetherctl.config.validation import new_problems
from togetherctl.errors import UsageError
from togetherctl.wiring import World


class ChangedMeanwhile(UsageError):
    """The keys to change were changed elsewhere since they were read; `table` is the entry as it is now."""

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
    """Keys to `set` to values and keys to `unset`, of an entry that was read as the table `seen`."""

    kind: Kind
    name: str
    seen: Mapping[str, Any]
    set: Mapping[str, object]
    unset: tuple[str, ...] = ()

    @property
    def keys(self) -> list[str]:
        return [*self.set, *self.unset]


def table_of(world: World, kind: Kind, name: str) -> dict[str, Any]:
    """An entry as the file has it, without keys that are not set. Raises UsageError and ConfigError."""
    from togetherctl.config.toml_text import TomlText

    text = TomlText(read(world.paths.config).text)
    existing_key(text, kind, name)
    return dict(text.data[section(kind)][name])


def edit_entry(world: World, edit: Edit) -> list[str]:
    """Make the edit; keys it does not name stay as they are. Gives and raises what `change_keys` does.

    Raises ChangedMeanwhile where the keys no longer say what was seen.
    """
    return change_keys(
        world,
        edit.kind,
        edit.name,
        {(key,): value for key, value in edit.set.items()},
        [(key,) for key in edit.unset],
        seen=edit.seen,
    )


def change_keys(
    world: World,
    kind: Kind,
    name: str,
    wanted: Mapping[Key, object],
    unwanted: Sequence[Key] = (),
    *,
    seen: Mapping[str, Any] | None = None,
) -> list[str]:
    """Set the keys `wanted` of an entry, and unset those `unwanted`; a key is a path below the entry.

    Gives the names of other profiles whose storage changed with this one's. Raises UsageError where there is no such
    entry, ConfigError and StorageError, and ChangedMeanwhile where the entry is not as it was `seen`; then nothing was
    changed.
    """
    stored = kind == "profile" and ("storage",) in (*wanted, *unwanted)
    with world.changing_config(settle=name if stored else None) as text:
        entry = existing_key(text, kind, name)
        if seen is not None:
            now = text.data[entry[0]][name]
            changed = [key[0] for key in (*wanted, *unwanted) if now.get(key[0]) != seen.get(key[0])]
            if changed:
                raise ChangedMeanwhile(kind, name, changed, now)
        for key, value in wanted.items():
            text.set((*entry, *key), value)
        for key in unwanted:
            text.unset((*entry, *key))
        return share_storage(text, name) if stored else []


def problems_with_edit(data: Mapping[str, Any], edit: Edit) -> dict[str, str]:
    """The problems that the edit would bring to a configuration that holds `data`: the reason by key of the entry.

    A problem that is not about a key of this entry has an empty key.
    """
    kind = section(edit.kind)
    table = {key: value for key, value in data[kind][edit.name].items() if key not in edit.unset}
    after = {**data, kind: {**data[kind], edit.name: {**table, **edit.set}}}
    found: dict[str, str] = {}
    for problem in new_problems(dict(data), after):
        # Profiles that share the session get the same storage with the edit.
        shared = "storage" in edit.set and problem.key[2:] == ("storage",)
        if not shared:
            ours = problem.key[:2] == (kind, edit.name) and len(problem.key) > 2
            found.setdefault(problem.key[2] if ours else "", problem.reason)
    return found
