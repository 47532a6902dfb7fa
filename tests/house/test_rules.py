"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate import FLOORS
from tests.conftest import ROOT

PACKAGE = ROOT / "togetherctl"
MODULES = sorted(PACKAGE.rglob("*.py"))


def tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in listed.stdout.split("\0"):
        path = ROOT / name
        if name and path.is_file():
            yield path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_one_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "a module says what it is for"
    assert not {"utils", "helpers", "common", "misc"}.intersection(path.relative_to(PACKAGE).with_suffix("").parts)


def test_the_map_has_every_room() -> None:
    """A new folder gets its place among the floors of `docs/generate.py`."""
    assert set(FLOORS) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}


FORBIDDEN = {
    "a package registry's host": r"pypi\.org|pythonhosted|registry\.npmjs|npmjs\.org",
    "a download address": r'"resolved": *"http',
    "a path of one machine": r"/(work|farm|root)/[a-z.]",
    "an unexplained exemption": r"# (noqa|type: ignore)$|pragma: no cover",
    "work that is not done": r"\b(TODO|FIXME|XXX|NotImplementedError)\b",
    "an emoji": "[\U0001f300-\U0001faff\u2600-\u27bf]",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_is_never_in_the_project(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.MULTILINE)
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        if path.suffix not in (".png", ".svg") and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []
