"""Read a kubeconfig in the plain style that kubectl and togetherctl write, many times as fast as any YAML.

The full parser takes most of a second for 500 clusters, and every command reads the kubeconfig. This one knows block
mappings and lists, words on one line, and literal blocks. At anything else it gives up, and the full parser decides; so
what it takes has to be certain, and the two may never disagree.
"""

from __future__ import annotations

import re
from typing import Any

from togetherctl.kube.yaml_words import WORDS, resolved

_DEEPEST = 50
_MOST_LINES = 400_000
_ODD = re.compile(r"[^\n -~]")
# An entry of a mapping: its key, and what follows the colon. Keys of other forms are rare in a kubeconfig.
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]{0,99}):(?: +(.*))?\Z")
_DASH = re.compile(r"- +(?=[^ ])")
# One word, or several, that no YAML takes for anything else than a scalar, as no indicator begins it.
_PLAIN = re.compile(r"(?:[A-Za-z0-9_/.~+$(]|--?[A-Za-z0-9]).*\Z")
# A colon or a number sign that ends a key or begins a comment.
_UNSURE = re.compile(r":(?: |\Z)| #")
_QUOTED = re.compile(r"\"([^\"\\]*)\"\Z|'([^']*)'\Z")
_NOTHING: dict[str, type[dict[str, Any] | list[Any]]] = {"{}": dict, "[]": list}
_BLOCKS = {"|": "\n", "|-": ""}


class _Unsure(Exception):
    """Something that only the full parser can tell."""


def read_quickly(text: str) -> dict[str, Any] | None:
    """The mapping that a text holds, as the full parser reads it; None where that one has to be asked."""
    if _ODD.search(text) or not text.endswith("\n"):
        return None
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        return None
    try:
        return _Lines(lines).whole()
    except _Unsure:
        return None


class _Lines:
    """The lines of a text; `_at` is the next one, `_column` where its content begins, and `_rest` that content."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = -1
        self._column = -1
        self._rest = ""
        self._depth = 0

    def whole(self) -> dict[str, Any]:
        self._next()
        value = self._mapping(0)
        if self._rest:
            raise _Unsure
        return value

    def _next(self) -> None:
        """Go to the next line that has content; at the end the column is -1."""
        lines = self._lines
        for at in range(self._at + 1, len(lines)):
            line = lines[at]
            rest = line.lstrip(" ")
            if rest and rest[0] != "#":
                if line[-1] == " ":
                    raise _Unsure
                self._at, self._column, self._rest = at, len(line) - len(rest), rest
                return
        self._at, self._column, self._rest = len(lines), -1, ""

    def _mapping(self, column: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        self._enter()
        while self._column == column:
            found = _KEY.match(self._rest)
            if found is None:
                break
            key, said = found.groups()
            if key in WORDS:
                raise _Unsure
            value[key] = self._value(said, column) if said else self._below(column)
        self._leave(column)
        if not value:
            raise _Unsure
        return value

    def _sequence(self, column: int) -> list[Any]:
        value: list[Any] = []
        self._enter()
        while self._column == column:
            dash = _DASH.match(self._rest)
            if dash is None:
                break
            inner = self._rest[dash.end() :]
            if _KEY.match(inner):
                self._column, self._rest = column + dash.end(), inner
                value.append(self._mapping(self._column))
            else:
                value.append(self._value(inner, column))
        self._leave(column)
        if not value:
            raise _Unsure
        return value

    def _below(self, column: int) -> Any:
        """What a key without a value on its line holds: a list, which may stand as far left, a mapping, or nothing."""
        self._next()
        if self._column == column and self._rest[0] == "-":
            return self._sequence(column)
        if self._column <= column:
            return None
        return self._sequence(self._column) if self._rest[0] == "-" else self._mapping(self._column)

    def _value(self, said: str, column: int) -> Any:
        if said in _BLOCKS:
            return self._block(column, ending=_BLOCKS[said])
        value = _scalar(said)
        self._next()
        self._leave(column, inside=False)
        return value

    def _block(self, column: int, *, ending: str) -> str:
        """A literal block: the lines that are further right than what holds it, and those without any content."""
        lines, at = self._lines, self._at + 1
        begin = lines[at]
        indent = len(begin) - len(begin.lstrip(" "))
        if not begin.strip(" ") or indent <= column:
            raise _Unsure
        margin, parts = " " * indent, []
        while at < len(lines) and (lines[at].startswith(margin) or not lines[at].strip(" ")):
            if lines[at] and not lines[at].strip(" "):
                raise _Unsure
            parts.append(lines[at][indent:])
            at += 1
        self._at = at - 1
        self._next()
        if self._column > column:
            raise _Unsure
        while not parts[-1]:
            parts.pop()
        return "\n".join(parts) + ending

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _Unsure

    def _leave(self, column: int, *, inside: bool = True) -> None:
        """What stands further right than `column` would go on what is read already."""
        self._depth -= inside
        if self._column > column:
            raise _Unsure


def _scalar(said: str) -> Any:
    if said in _NOTHING:
        return _NOTHING[said]()
    quoted = _QUOTED.match(said)
    if quoted:
        return quoted[1] if quoted[1] is not None else quoted[2]
    if not _PLAIN.match(said) or _UNSURE.search(said):
        raise _Unsure
    return resolved(said)
