"""Parse a YAML text into nodes, with the library; kubectl reads the first document."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.scanner import Scanner

from togetherctl.kube.yaml_nodes import Document, Kind, Node, NotYAML, colon_end, dash_end
from togetherctl.printable import printable

_KINDS: dict[type, Kind] = {ScalarEvent: "scalar", MappingStartEvent: "mapping", SequenceStartEvent: "sequence"}
_DEEPEST = 200


def first(text: str) -> Document:
    """The first document of a text. Raises NotYAML; what is wrong behind the document does not count."""
    return next(documents(text), None) or Document(None, len(text))


def documents(text: str) -> Iterator[Document]:
    """Every document of a text. Raises NotYAML where one cannot be read."""
    try:
        yield from _Reading(text).documents()
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NotYAML(f"{line}{printable(error.problem or 'not YAML')}") from None
    except RecursionError:
        raise NotYAML("nested too deeply") from None
    except (YAMLError, ValueError) as error:
        raise NotYAML(printable(str(error).splitlines()[0] if str(error) else "not YAML")) from None


class _Scanner(Scanner):
    """The library's own, which takes tabs where kubectl takes them: behind a key, but not before one."""

    def scan_to_next_token(self) -> None:
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        while True:
            while reader.peek() == " " or (
                reader.peek() == "\t" and (self.flow_level > 0 or not self.allow_simple_key)
            ):
                reader.forward()
            if reader.peek() == "#":
                while reader.peek() not in "\r\n\x85\u2028\u2029\0":
                    reader.forward()
            if not self.scan_line_break():
                return
            if not self.flow_level:
                self.allow_simple_key = True


class _Reading:
    """One pass over the library's events."""

    def __init__(self, text: str) -> None:
        yaml = YAML(typ="safe", pure=True)
        yaml.Scanner = _Scanner
        self._text = text
        self._events = yaml.parse(text)
        self._anchors: dict[str, Node] = {}
        self._depth = 0

    def documents(self) -> Iterator[Document]:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                self._anchors.clear()
                root = self._node(next(self._events))
            elif isinstance(event, DocumentEndEvent):
                yield Document(root, event.start_mark.index)

    def _node(self, event: Any) -> Node:
        mark = event.start_mark
        if isinstance(event, AliasEvent):
            target = self._anchors.get(event.anchor)
            if target is None:
                raise NotYAML(f"line {mark.line + 1}: there is no anchor {printable(event.anchor)} above")
            return Node("alias", mark.index, event.end_mark.index, mark.line + 1, event.anchor, target=target)
        kind = _KINDS[type(event)]
        node = Node(kind, mark.index, event.end_mark.index, mark.line + 1, event.anchor, event.tag)
        if node.anchor is not None:
            self._anchors[node.anchor] = node
        if kind != "scalar":
            node.flow = bool(event.flow_style)
            self._fill(node)
            return node
        node.text, node.plain = event.value, not event.style
        if event.style in ("|", ">"):
            node.end = len(self._text[: node.end].rstrip())
        return node

    def _fill(self, node: Node) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotYAML("nested too deeply")
        children: list[Node] = []
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                if node.flow:
                    node.end = event.end_mark.index
                break
            children.append(self._node(event))
        self._depth -= 1
        self._place_empty(node, children)
        if node.kind == "sequence":
            node.items = children
        else:
            node.pairs = list(pairwise(children))[::2]
        if children and not node.flow:
            node.end = children[-1].end

    def _place_empty(self, node: Node, children: list[Node]) -> None:
        """Have values that are not there stand behind their colon or dash: to the library they are what follows."""
        for at, child in enumerate(children):
            if not child.is_empty:
                continue
            if node.kind == "mapping":
                before = children[at - 1].end if at % 2 else child.start
                place = colon_end(self._text, before) or before
            else:
                place = dash_end(self._text, children[at - 1].end if at else None, node) or child.start
            child.start = child.end = place
