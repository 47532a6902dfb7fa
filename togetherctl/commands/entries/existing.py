"""The entry a change is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.errors import UsageError
from togetherctl.store.editing import Kind, section
from togetherctl.store.problems import nearest

if TYPE_CHECKING:
    from togetherctl.store.files import Editor


def existing(editor: Editor, kind: Kind, name: str) -> None:
    """Raises UsageError unless the store being edited has this entry."""
    entries = editor.data.get(section(kind))
    if not isinstance(entries, dict) or name not in entries:
        known = entries if isinstance(entries, dict) else ()
        raise UsageError(f"there is no {kind} {name}{nearest(name, known)}", hint=f"togetherctl {kind} list")
