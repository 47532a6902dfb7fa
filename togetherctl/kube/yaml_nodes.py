"""Where things stand in a YAML text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALIAS = re.compile(r"\s*:\s*\*[^\s,\[\]{}]+")


class CannotEdit(Exception):
    """The text is laid out in a way that an edit would damage."""


@dataclass(frozen=True)
class Scalar:
    """One value of a YAML text that is not a list or mapping: the keys and places that lead to it, and where it is."""

    path: tuple[str | int, ...]
    value: str = field(repr=False)
    start: int
    end: int


def scalars(text: str) -> Iterator[Scalar]:
    """Every scalar of a text that can be read, an alias at its anchor, in the order they are met."""
    root = YAML().compose(text)
    yield from _scalars(root, ()) if root else ()


def content_end(node: Node) -> int:
    """Where a node's last character of content is; a block node's own end lies beyond the comments that follow it.

    Raises CannotEdit.
    """
    if isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (None, last)
        if value.start_mark.index < (key or node).start_mark.index:
            return _alias_end(key)
        if key is not None and isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index:
            return int(key.end_mark.index)
        return content_end(value)
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return len(node.start_mark.buffer[: node.end_mark.index].rstrip())
    return int(node.end_mark.index)


def dash(text: str, item: Node) -> tuple[int, int]:
    """Where the dash of a block item stands: its index and its column. Raises CannotEdit."""
    index = text.rfind("-", 0, item.start_mark.index)
    if index < 0:
        # What an alias stands for is written elsewhere.
        raise CannotEdit
    return index, index - (text.rfind("\n", 0, index) + 1)


def line_end(text: str, index: int) -> int:
    """The end of the line that `index` is on, before its line break."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def without_items(text: str, node: SequenceNode, doomed: set[int]) -> Iterator[tuple[int, int]]:
    """What to cut out of a list so that these items are gone; the comments between items stay. Raises CannotEdit."""
    if not node.flow_style:
        for at in sorted(doomed):
            start, column = dash(text, node.value[at])
            if text[start - column : start].strip(" "):
                raise CannotEdit
            end = text.find("\n", content_end(node.value[at]))
            yield start - column, end + 1 if end >= 0 else len(text)
        return
    items = node.value
    for first in sorted(at for at in doomed if at - 1 not in doomed):
        after = next(at for at in range(first, len(items) + 1) if at not in doomed)
        if after < len(items):
            yield items[first].start_mark.index, items[after].start_mark.index
        else:
            start = content_end(items[first - 1]) if first else items[0].start_mark.index
            yield start, content_end(items[-1])


def _scalars(node: Node, path: tuple[str | int, ...]) -> Iterator[Scalar]:
    if isinstance(node, SequenceNode):
        for place, item in enumerate(node.value):
            yield from _scalars(item, (*path, place))
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _scalars(value, (*path, str(key.value) if isinstance(key, ScalarNode) else ""))
    elif isinstance(node, ScalarNode):
        yield Scalar(path, node.value, node.start_mark.index, content_end(node))


def _alias_end(key: Node | None) -> int:
    """Where the alias behind a key ends; the node that it is stands where its anchor is. Raises CannotEdit."""
    alias = key and _ALIAS.match(key.start_mark.buffer, key.end_mark.index)
    if not alias:
        raise CannotEdit
    return int(alias.end())
