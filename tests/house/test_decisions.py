"""Nothing is decided by the text of an error: kinds, codes and flags tell cases apart, words are for people."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.conftest import ROOT

_TEXTS = {"message", "hint", "hint_command"}
_SEARCHES = {
    "startswith",
    "endswith",
    "partition",
    "rpartition",
    "split",
    "find",
    "index",
    "removeprefix",
    "removesuffix",
}
_PATTERNS = {"match", "search", "fullmatch"}
# What other programs say of their own text, for which they have no kind.
_ALLOWED = {"config/toml_text.py": 1}


def decisions(source: str) -> list[int]:
    """The lines where the text of an error is compared or searched."""
    looked_into = (each for node in ast.walk(ast.parse(source)) for each in _looked_into(node))
    return sorted({each.lineno for each in looked_into if _is_text(each)})


def _looked_into(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _SEARCHES:
            yield node.func.value
        if node.func.attr in _PATTERNS:
            yield from node.args
    elif isinstance(node, ast.Match):
        yield node.subject


def _is_text(node: ast.expr) -> bool:
    """Whether this is an error's text, or made of one: `error.message.lower()`, `error.hint or ""`."""
    if isinstance(node, ast.Attribute):
        return node.attr in _TEXTS
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "args"
    if isinstance(node, ast.BoolOp):
        return any(map(_is_text, node.values))
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr == "sentence" or _is_text(node.func.value)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        return name == "str" and any(isinstance(each, ast.Name) and each.id == "error" for each in node.args)
    return False


def test_no_text_of_an_error_is_compared_or_searched() -> None:
    found = {
        path.relative_to(ROOT / "togetherctl").as_posix(): lines
        for path in sorted((ROOT / "togetherctl").rglob("*.py"))
        if (lines := decisions(path.read_text("utf-8")))
    }
    assert {path: lines for path, lines in found.items() if len(lines) > _ALLOWED.get(path, 0)} == {}


@pytest.mark.parametrize(
    "line",
    [
        'error.hint == "x"',
        '"certificate" in error.message',
        '"offline" in error.message.lower()',
        '(error.hint or "").startswith("--overwrite")',
        "error.message.partition(' ')",
        "'x' in error.sentence()",
        "'x' in str(error)",
        "error.args[0] != 'x'",
        "pattern.search(error.message)",
    ],
)
def test_it_sees_a_decision(line: str) -> None:
    assert decisions(f"if {line}:\n    pass\n") == [1]


def test_showing_is_no_decision() -> None:
    assert decisions("print(error.message, error.hint or 'none', str(error))\n") == []
