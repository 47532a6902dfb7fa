"""Cut the changelog, and set what pyproject.toml says of a release: its version and the address of releases."""

from __future__ import annotations

import re

UNRELEASED = "## Unreleased"
_VERSION = re.compile(r"^version = \"([^\"]+)\"$", re.MULTILINE)
_ADDRESS = re.compile(r"^Releases = \"[^\"]*\"$", re.MULTILINE)
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


def set_address(pyproject: str, address: str) -> str:
    """The text of pyproject.toml with the address of releases, which `togetherctl version --check` asks."""
    line = f'Releases = "{address}"'
    if _ADDRESS.search(pyproject):
        return _ADDRESS.sub(lambda _found: line, pyproject, count=1)
    if "\n[project.urls]\n" in pyproject:
        return pyproject.replace("\n[project.urls]\n", f"\n[project.urls]\n{line}\n", 1)
    return pyproject.replace("\n[project.scripts]\n", f"\n[project.urls]\n{line}\n\n[project.scripts]\n", 1)
