"""What a conversion would add to the store, as it may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.store.editing import TABLES, section
from togetherctl.store.toml_text import TomlText

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from togetherctl.store.choices import Kind


def preview(tables: Mapping[tuple[Kind, str], Mapping[str, Any]], store: Path) -> str:
    """The new tables as the added lines of a difference, with headers and passwords of proxies hidden."""
    if not tables:
        return ""
    text = TomlText("")
    text.add(
        {
            (section(kind), name): TABLES[kind].model_validate(dict(table)).model_dump(mode="json", exclude_unset=True)
            for (kind, name), table in tables.items()
        }
    )
    return "".join(f"{line}\n" for line in [f"--- {store}", f"+++ {store}", *(f"+{x}" for x in text.text.splitlines())])
