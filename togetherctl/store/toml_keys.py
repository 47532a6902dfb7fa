"""Names within one line of TOML: of a table or key, and as a value."""

from __future__ import annotations

import re

_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"[ \t]*(?:\[\[?[ \t]*)?({_PART}(?:[ \t]*\.[ \t]*{_PART})*)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def renamed(line: str, depth: int, at: int, name: str) -> str:
    """The line of a key whose whole path has `depth` parts, with another name for the part `at` of that path.

    The line stays as it is where that part stands in a header above it.
    """
    key = _KEY.match(line)
    if key is None:
        return line
    parts = list(re.finditer(_PART, key[1]))
    place = at - (depth - len(parts))
    if place < 0:
        return line
    start, end = (key.start(1) + index for index in parts[place].span())
    return line[:start] + (name if _BARE.fullmatch(name) else f'"{name}"') + line[end:]


def valued(line: str, old: str, new: str) -> str | None:
    """The line of a key whose value is the name `old`, with `new` instead; None where that is not plain to see."""
    match = re.match(rf"""([^=]*=[ \t]*)(["']){re.escape(old)}\2(?=[ \t]*(?:#.*)?\r?\n?$)""", line)
    return None if match is None else f"{match[1]}{match[2]}{new}{match[2]}{line[match.end() :]}"
