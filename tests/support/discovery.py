"""Discovery documents as providers send them, written for these tests from what is known of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from togetherctl.config.presets import preset_names

FOLDER = Path(__file__).parents[1] / "data" / "discovery"
DOCUMENTS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))
}


def preset_of(document: str) -> str:
    """The catalogue's entry that a document is of: what its name begins with."""
    return max((name for name in preset_names() if f"{document}-".startswith(f"{name}-")), key=len)
