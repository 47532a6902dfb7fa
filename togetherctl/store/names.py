"""The names in a store, for whoever only wants to offer them: nothing is checked, and what cannot be read has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.disk import read_whole

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from togetherctl.store.choices import Kind

_MAX_BYTES = 16 * 1024 * 1024


def names(path: Path, kind: Kind | Literal["bundle"]) -> list[str]:
    """The names of one kind in the order of the file, those alone that a store may hold. Raises nothing of its own."""
    import tomllib

    from togetherctl.store.checks import NAME

    try:
        data = tomllib.loads(read_whole(path, limit=_MAX_BYTES)[0].decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    table = data.get(f"{kind}s")
    return [name for name in table if NAME.fullmatch(name)] if isinstance(table, dict) else []
