"""Values of the configuration as one line of text in a form, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from togetherctl.config.editing import assignments
from togetherctl.config.types import HIDDEN
from togetherctl.errors import UsageError

if TYPE_CHECKING:
    from togetherctl.config.types import Kind


def as_text(kind: Kind, key: str, value: Any) -> str:
    """One line that means `value`; a secret in the configuration itself stays hidden."""
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
    """What a line means for this key. Raises UsageError that says what is allowed."""
    if key == "client_secret" and not text.lstrip().startswith("{"):
        raise UsageError(
            'name where it is read: { env = "VARIABLE" }, { file = "…" }, { command = ["…"] } or { keyring = true }'
        )
    try:
        return assignments(kind, [f"{key}={text}"])[(key,)]
    except UsageError as error:
        raise UsageError(_without_key(error.message, key)) from None


def _without_key(message: str, key: str) -> str:
    """The reason alone: the form shows the key and what was typed."""
    return message.removeprefix(f"{key}: ").rpartition("; ")[0] or message


def _as_toml(value: object) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_as_toml(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else ""
    if isinstance(value, list):
        return f"[{', '.join(_as_toml(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=True)
