"""The nodes of a YAML text, with their places in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["mapping", "sequence", "scalar", "alias"]
_COLON = re.compile(r"[ \t]*:")
_DASH = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|[\r\n]))*[ \t]*-(?=[\s]|\Z)")
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]*)*")
_LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]|\Z")


class NotYAML(Exception):
    """The text cannot be read; the message says why and on which line, the first being 1."""


class NotAMapping(NotYAML):
    """The text is YAML, as nearly every text is, and holds a list or a value where keys are expected."""


@dataclass(eq=False)
class Node:
    """One value of a YAML text; `start` is where it begins, with its anchor and tag, and `line` counts from 1.

    `end` is behind its last character of content: comments and empty lines that follow are not its own. An alias has
    its node as `target`. The repr shows no value.
    """

    kind: Kind
    start: int
    end: int
    line: int
    anchor: str | None = None
    tag: str | None = None
    flow: bool = False
    plain: bool = False
    text: str = field(default="", repr=False)
    pairs: list[tuple[Node, Node]] = field(default_factory=list, repr=False)
    items: list[Node] = field(default_factory=list, repr=False)
    target: Node | None = field(default=None, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether the node has no text."""
        return self.start == self.end

    @property
    def children(self) -> list[Node]:
        """The nodes right in this one, keys included, as they stand."""
        return self.items or [node for pair in self.pairs for node in pair]


@dataclass(frozen=True)
class Document:
    """One document; `root` is None where it has no content, and `end` is where it ends in the text."""

    root: Node | None
    end: int


def walk(node: Node) -> Iterator[Node]:
    """A node and everything in it, in the order of the text; aliases are not followed."""
    yield node
    for child in node.children:
        yield from walk(child)


def colon_end(text: str, index: int) -> int | None:
    """Where the colon ends that follows a key, which ends at `index`."""
    colon = _COLON.match(text, index)
    return colon.end() if colon else None


def dash_end(text: str, before: int | None, sequence: Node) -> int | None:
    """Where the dash of an entry ends: behind the entry that ends at `before`, or the first one of a sequence."""
    if before is None:
        properties = _PROPERTIES.match(text, sequence.start)
        begin = properties.end() if properties else sequence.start
    else:
        begin = line_end(text, before)
    dash = _DASH.match(text, begin)
    return dash.end() if dash else None


def line_end(text: str, index: int) -> int:
    """The end of the line that `index` is on, before its line break."""
    found = _LINE_END.search(text, index)
    return found.start() if found else len(text)


def line_start(text: str, index: int) -> int:
    """Where the line that `index` is on begins."""
    return max(text.rfind(char, 0, index) for char in "\r\n\x85\u2028\u2029") + 1


def column(text: str, index: int) -> int:
    """How far from the beginning of its line `index` is; a byte order mark does not count."""
    start = line_start(text, index)
    return index - start - (text[start : start + 1] == "\ufeff" and start == 0)
