"""Change keys of a profile, an issuer or a cluster in the configuration."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from togetherctl.auth.cache.migrate import read_if_sound
from togetherctl.config.config import Config
from togetherctl.config.editing import existing_key, section, share_storage
from togetherctl.config.files import read
from togetherctl.config.redact import without_secrets
from togetherctl.config.toml_text import CannotEdit, Key, TomlText
from togetherctl.config.types import Kind
from togetherctl.config.validation import new_problems, validate
from togetherctl.errors import ConfigError, UsageError
from togetherctl.paths import expand, tilde
from togetherctl.usecases.agent_questions import forget_answers
from togetherctl.usecases.named_files import PATHS
from togetherctl.usecases.remove_entry import GoingSession, going_sessions
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
    changed. What the person answered the agent counts no longer where the agent does not ask any more.
    """
    stored = kind == "profile" and ("storage",) in (*wanted, *unwanted)
    with world.changing_config(settle=name if stored else None) as text:
        entry = existing_key(text, kind, name)
        if seen is not None:
            _refuse_changed(kind, name, [key[0] for key in (*wanted, *unwanted)], seen, text.data[entry[0]][name])
        _change(text, entry, wanted, unwanted)
        if (
            kind == "profile"
            and ("forward",) in (*wanted, *unwanted)
            and text.data[entry[0]][name].get("forward") != "ask"
        ):
            forget_answers(world.paths, name, now=world.clock())
        return share_storage(text, name) if stored else []


@dataclass(frozen=True)
class EditPlan:
    """What an edit changes: the configuration as a unified difference without secrets, and the sessions it deletes."""

    diff: str
    lost: list[GoingSession]


def plan_edit(world: World, edit: Edit) -> EditPlan:
    """What `edit_entry` would do. Raises as that does, except where a session cannot be moved."""
    wanted: dict[Key, object] = {(key,): value for key, value in edit.set.items()}
    unwanted: list[Key] = [(key,) for key in edit.unset]
    before = TomlText(read(world.paths.config).text)
    text = TomlText(before.text)
    entry = existing_key(text, edit.kind, edit.name)
    _refuse_changed(edit.kind, edit.name, edit.keys, edit.seen, text.data[entry[0]][edit.name])
    try:
        _change(text, entry, wanted, unwanted)
        if "storage" in edit.keys and edit.kind == "profile":
            share_storage(text, edit.name)
        sides = _shown(before), _shown(text)
    except CannotEdit:
        raise ConfigError(
            f"{world.paths.config} is laid out in a way that cannot be edited safely; change it by hand"
        ) from None
    path = tilde(world.paths.config, world.environ)
    diff = "".join(f"{line}\n" for line in difflib.unified_diff(sides[0], sides[1], path, path, lineterm=""))
    return EditPlan(diff, lost_sessions(world, edit.kind, edit.name, wanted, unwanted))


def _shown(text: TomlText) -> list[str]:
    """The lines of a configuration without its secrets; none of one that cannot be used. Raises CannotEdit."""
    table = validate(text.data)[0]
    return without_secrets(text.text, table).text.splitlines() if table is not None else []


def _change(text: TomlText, entry: Key, wanted: Mapping[Key, object], unwanted: Sequence[Key]) -> None:
    for key, value in wanted.items():
        text.set((*entry, *key), value)
    for key in unwanted:
        text.unset((*entry, *key))


def _refuse_changed(
    kind: Kind, name: str, keys: Sequence[str], seen: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    changed = [key for key in keys if now.get(key) != seen.get(key)]
    if changed:
        raise ChangedMeanwhile(kind, name, changed, now)


def lost_sessions(
    world: World, kind: Kind, name: str, wanted: Mapping[Key, object], unwanted: Sequence[Key] = ()
) -> list[GoingSession]:
    """The sessions that such a change of keys deletes: no profile reaches them, or only in memory.

    Empty for a change that would be refused. Raises UsageError where there is no such entry, and ConfigError.
    """
    text = TomlText(read(world.paths.config).text)
    entry = existing_key(text, kind, name)
    try:
        _change(text, entry, wanted, unwanted)
    except CannotEdit:
        return []
    if kind == "profile":
        share_storage(text, name)
    table = validate(text.data)[0]
    if table is None:
        return []
    after = Config(world.paths.config, table, world.environ)
    if read_if_sound(world.paths, world.environ) is None:
        return []
    before, now = world.config.storages(), after.storages()
    return list(going_sessions(world, {key for key in now if now[key] != "memory" or before.get(key) == "memory"}))


def with_typed_paths(world: World, kind: Kind, wanted: Mapping[Key, object]) -> dict[Key, object]:
    """The values that a person typed; the relative path of a file in the current folder is absolute."""
    absolute: dict[Key, object] = {}
    for key, value in wanted.items():
        absolute[key] = value
        if key[0] in PATHS[kind] and isinstance(value, str):
            absolute[key] = _typed_path(world, value)
        elif key[0] in PATHS[kind] and isinstance(value, list):
            absolute[key] = [_typed_path(world, str(path)) for path in value]
    return absolute


def _typed_path(world: World, typed: str) -> str:
    here = expand(typed, world.environ)
    is_here = here.is_file() and not expand(typed, world.environ, beside=world.paths.config.parent).is_file()
    return str(here) if is_here and not typed.startswith("~") else typed


def replaced_keys(world: World, kind: Kind, name: str, wanted: Mapping[Key, object]) -> list[Key]:
    """The keys that the new ones take the place of: a cluster has one certificate authority, in a file or as text."""
    table = table_of(world, kind, name) if kind == "cluster" else {}
    pairs: list[tuple[Key, Key]] = [(("ca_file",), ("ca_data",)), (("ca_data",), ("ca_file",))]
    return [old for new, old in pairs if new in wanted and old not in wanted and table.get(old[0])]


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
