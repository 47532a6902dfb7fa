"""The looks of texts, as parts of a widget that the style sheet gives colours to."""

from __future__ import annotations

from typing import get_args

from togetherctl.tui.table_rows import Tone

TONES = frozenset(f"tone--{tone}" for tone in get_args(Tone))
