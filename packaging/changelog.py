"""Cut the changelog: what is unreleased becomes a version with its date."""

from __future__ import annotations

import re

UNRELEASED = "## Unreleased"
_VERSION = re.compile(r"^version = \"([^\"]+)\"$", re.MULTILINE)
_HEADING = re.compile(r"^## (?P<version>\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)$", re.MULTILINE)


def cut(text: str, version: str, date: str) -> str:
    """The changelog with `version` of `date` (as 2026-01-31) above an empty unreleased part.

    Raises ValueError where nothing is unreleased, or the version is there already.
    """
    before, heading, after = text.partition(f"{UNRELEASED}\n")
    if not heading:
        raise ValueError(f"the changelog has no line {UNRELEASED!r}")
    if version in (found["version"] for found in _HEADING.finditer(text)):
        raise ValueError(f"the changelog has {version} already")
    body, nxt, rest = after.partition("\n## ")
    if not body.strip():
        raise ValueError("the changelog says nothing of what is new: nothing is unreleased")
    return f"{before}{UNRELEASED}\n\n## {version} ({date})\n{body}{nxt}{rest}"


def read_version(pyproject: str) -> str:
    """The version in pyproject.toml, the one place where it stands. Raises ValueError."""
    found = _VERSION.findall(pyproject)
    if len(found) != 1:
        raise ValueError('pyproject.toml must have one line version = "X.Y.Z"')
    return str(found[0])


def set_version(pyproject: str, version: str) -> str:
    """The text of pyproject.toml with another version."""
    return pyproject.replace(f'version = "{read_version(pyproject)}"', f'version = "{version}"', 1)
