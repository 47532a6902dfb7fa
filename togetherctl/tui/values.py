"""Values of the store as a person reads and types them, in one line each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from togetherctl.errors import UsageError
from togetherctl.store.choices import HIDDEN
from togetherctl.store.editing import TABLES, assignments

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from togetherctl.store.choices import Kind


def as_text(kind: Kind, key: str, value: Any) -> str:
    """One line that means `value`; of a secret that stands in the store itself, only that there is one."""
    if key == "client_secret" and isinstance(value, str):
        return HIDDEN
    if isinstance(value, str):
        plain = value
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        plain = ", ".join(value)
    else:
        return _as_toml(value)
    try:
        return plain if plain.isprintable() and as_value(kind, key, plain) == value else _as_toml(value)
    except UsageError:
        return _as_toml(value)


def as_value(kind: Kind, key: str, text: str) -> object:
    """What a line means for this key. Raises UsageError that says what would do."""
    if key == "client_secret" and not text.lstrip().startswith("{"):
        raise UsageError(
            'name where it is read: { env = "VARIABLE" }, { file = "…" }, { command = ["…"] } or { keyring = true }'
        )
    try:
        return assignments(kind, [f"{key}={text}"])[(key,)]
    except UsageError as error:
        raise UsageError(_without_key(error.message, key)) from None


def choices(field: FieldInfo) -> list[str]:
    """The words a key may hold, where only some do."""
    if field.annotation is bool:
        return ["true", "false"]
    if get_origin(field.annotation) is Literal:
        return [str(choice) for choice in get_args(field.annotation)]
    return []


def default(kind: Kind, key: str) -> str:
    """What a key says that is not set."""
    field = TABLES[kind].model_fields[key]
    words = choices(field)
    if words:
        return " | ".join(words)
    value = field.get_default(call_default_factory=True)
    return as_text(kind, key, value) if value not in (None, {}) else ""


def _without_key(message: str, key: str) -> str:
    """The reason alone: the key stands beside it, and what was typed too."""
    return message.removeprefix(f"{key}: ").rpartition("; ")[0] or message


def _as_toml(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_as_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else ""
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=True)
