"""kubelogin's token cache: files recognised by their form, so that nothing else is ever taken for one.

A session is a file named by 64 hexadecimal digits that holds `{"id_token": …, "refresh_token": …}`; its lock is an
empty file of that name and `.lock`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from togetherctl.disk import is_ours, read_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}")
_KEYS = frozenset({"id_token", "refresh_token"})
_MAX_BYTES = 1024 * 1024


def cached_sessions(folder: Path) -> Iterator[Path]:
    """The sessions kubelogin keeps in `folder`: files of ours, no symlinks. Raises OSError."""
    for path in sorted(folder.iterdir()):
        if _NAME.fullmatch(path.name) and _is_session(path):
            yield path


def lock_of(session: Path) -> Path:
    """The lock that kubelogin holds while it works on a session."""
    return session.with_name(f"{session.name}.lock")


def _is_session(path: Path) -> bool:
    try:
        data, status = read_whole(path, limit=_MAX_BYTES, follow=False)
        tokens = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return False
    return (
        is_ours(status)
        and isinstance(tokens, dict)
        and bool(tokens)
        and _KEYS.issuperset(tokens)
        and all(isinstance(token, str) for token in tokens.values())
    )
