"""Paragraphs with a label before them, as wide as the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

_WIDEST = 100


def paragraph(text: str, *, label: str = "", indent: int, bullet: str = "") -> str:
    """`text` wrapped to the terminal and set in by `indent`, with `label` in that space. A pipe has no width."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else 1 << 14
    return textwrap.fill(
        text,
        width,
        initial_indent=f"{label:<{indent}}{bullet}",
        subsequent_indent=" " * (indent + len(bullet)),
        break_long_words=False,
        break_on_hyphens=False,
    )
