"""docs/network.md names each module that sends something, so that no host is asked without a word about it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

# What opens a connection: our client, the standard library's, and a socket.
SENDS = {"HTTP", "HTTPConnection", "HTTPSConnection", "create_connection", "urlopen"}


def sends(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    return any(
        (isinstance(called, ast.Name) and called.id in SENDS)
        or (isinstance(called, ast.Attribute) and called.attr in SENDS)
        for called in calls
    )


def test_every_module_that_sends_something_is_on_the_page() -> None:
    page = (ROOT / "docs/network.md").read_text(encoding="utf-8")
    named = set(re.findall(r"togetherctl/[a-z_/]+\.py", page))
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "togetherctl").rglob("*.py") if sends(path)}
    assert found - named == set(), "say in docs/network.md whom it asks, when, and what that host gets"
    assert {name for name in named if not (ROOT / name).is_file()} == set()
