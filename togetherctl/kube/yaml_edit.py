"""Change values inside a YAML text: only what differs is replaced, in the style of the text around it.

Anchors stay. An alias that would say something else from now on is written out, and the value of an anchor that goes
moves to the first alias that needs it; where neither can be done, the error names the line and the alias.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from togetherctl.kube.yaml_nodes import Node, colon_end, column, dash_end, line_end, line_start, walk
from togetherctl.kube.yaml_values import Values, dump, is_merge, key_text


class CannotEditYAML(Exception):
    """The text is laid out in a way that an edit would damage; the message says where and why, if that is known."""


@dataclass(frozen=True)
class Splice:
    """Text that replaces the text between two places."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Items:
    """What becomes of a list: for each entry there is, its new value or None where it goes; then what is added."""

    kept: Sequence[Any]
    added: Sequence[Any]
    removed: frozenset[int] = frozenset()

    @property
    def data(self) -> list[Any]:
        """The list as it is then."""
        return [*(item for at, item in enumerate(self.kept) if at not in self.removed), *self.added]


class Editing:
    """Gathers the splices that turn one text into another. The caller checks the result."""

    def __init__(self, text: str, root: Node, values: Values) -> None:
        self._text = text
        self._root = root
        self._values = values
        self._splices: list[Splice] = []
        # What anchors say from now on, by node.
        self._after: dict[int, Any] = {}

    def splices(
        self, new: dict[str, Any], lists: Mapping[str, Items], *, end: int, dropped: frozenset[str]
    ) -> list[Splice]:
        """What makes `new` of the text's mapping. Raises CannotEdit.

        Its keys in `lists` are changed entry by entry, those in `dropped` go, and new keys are added at `end`.
        """
        self._mapping(self._root, new, lists, end, dropped)
        self._keep_anchors()
        return self._splices

    def _value(self, node: Node, new: Any, holder: Node, key: Node | None, lists: Items | None = None) -> None:
        """Change the value `node` of `holder`, under `key` in a mapping."""
        if node.kind == "alias":
            if self._value_after(node) != new:
                self._replace(node, new, holder, key)
        elif self._values.of(node) == new:
            # Aliases in it may have to be written out.
            self._change_inside(node, new, lists) if new and node.children else None
        elif self._fits(node, new, holder, lists):
            self._change_inside(node, new, lists)
        else:
            self._replace(node, new, holder, key)
        if node.anchor is not None and node.kind != "alias":
            self._after[id(node)] = new

    def _fits(self, node: Node, new: Any, holder: Node, lists: Items | None) -> bool:
        """Whether a collection can be changed piece by piece."""
        kind = "mapping" if isinstance(new, dict) else "sequence" if isinstance(new, list) else None
        if not new or node.kind != kind:
            return False
        old = self._values.of(node)
        # One of the old entries or keys has to stay.
        stays = len(lists.removed) < len(lists.kept) if lists else kind == "sequence" or not old.keys().isdisjoint(new)
        if old and not stays:
            return False
        # An empty list on one line becomes one line for each entry, where there is room.
        return bool(node.children) or (node.flow and (holder.flow or "\n" in self._text[node.start : node.end]))

    def _change_inside(self, node: Node, new: Any, lists: Items | None) -> None:
        if node.kind == "mapping":
            self._mapping(node, new, {}, None, frozenset())
        else:
            self._sequence(node, lists or _align(self._values.of(node), new))

    def _mapping(
        self, node: Node, new: dict[str, Any], lists: Mapping[str, Items], end: int | None, dropped: frozenset[str]
    ) -> None:
        merged: dict[str, Any] = {}
        own: dict[str, int] = {}
        removed: set[int] = set()
        for at, (key, value) in enumerate(node.pairs):
            name = str(key_text(key))
            if is_merge(key):
                merged.update(self._merge_sources(value))
                own = {each: place for each, place in own.items() if each not in merged}
            elif name in new and name not in dropped:
                own[name] = at
            else:
                removed.add(at)
        for name in merged:
            if name not in new:
                merge = next(value for key, value in node.pairs if is_merge(key))
                said = self._text[merge.start : merge.end][:60]
                raise CannotEditYAML(f"line {merge.line}: {said} merges {name} into this entry")
        for name, at in own.items():
            key, value = node.pairs[at]
            self._value(value, new[name], node, key, lists.get(name))
        self._cut(
            node, [Node("mapping", key.start, max(key.end, value.end), key.line) for key, value in node.pairs], removed
        )
        added = {
            name: value
            for name, value in new.items()
            if name not in own and not (name in merged and merged[name] == value) and name not in dropped
        }
        if added:
            self._add_pairs(node, added, end, gone=len(removed) == len(node.pairs))

    def _merge_sources(self, source: Node) -> dict[str, Any]:
        """What a merge gives from now on."""
        target = source.target or source
        given: dict[str, Any] = {}
        for each in target.items[::-1] if target.kind == "sequence" else [target]:
            given.update(self._value_after(each))
        return given

    def _value_after(self, node: Node) -> Any:
        """What an alias says from now on."""
        node = node.target or node
        return self._after.get(id(node), self._values.of(node))

    def _sequence(self, node: Node, items: Items) -> None:
        for at, (item, new) in enumerate(zip(node.items, items.kept, strict=True)):
            if at not in items.removed:
                self._value(item, new, node, None)
        self._cut(node, node.items, set(items.removed))
        if not items.added:
            return
        if node.flow:
            self._add_flow(
                node,
                [(self._format_flow(item, node), item) for item in items.added],
                gone=not items.data[: -len(items.added)],
            )
            return
        place = line_end(self._text, node.items[-1].end)
        margin = column(self._text, self._find_dash(node, 0))
        text = "".join(f"\n{_indent(dump([item]).rstrip(), margin)}" for item in items.added)
        self._splices.append(Splice(place, place, text))

    def _cut(self, node: Node, children: Sequence[Node], removed: set[int]) -> None:
        """Take out children of a collection; the comments between them stay."""
        if not removed:
            return
        if node.flow:
            self._cut_flow(children, removed)
            return
        if len(removed) == len(children):
            raise CannotEditYAML(f"line {node.line}: no entry would be left in this collection")
        for at in sorted(removed):
            begins = children[at].start if node.kind == "mapping" else self._find_dash(node, at)
            margin = self._text[line_start(self._text, begins) : begins]
            if not margin.strip(" "):
                start, end = line_start(self._text, begins), line_end(self._text, children[at].end)
                # With the line break before it, so that what is added behind it has its place.
                before = self._break_before(start)
                if before:
                    self._splices.append(Splice(start - before, end, ""))
                else:
                    self._splices.append(Splice(start, min(end + len(_break(self._text, end)), len(self._text)), ""))
            elif at + 1 < len(children) and at + 1 not in removed:
                # It is behind the dash of its entry.
                begin = children[at + 1].start if node.kind == "mapping" else self._find_dash(node, at + 1)
                self._splices.append(Splice(begins, begin, ""))
            else:
                raise CannotEditYAML(
                    f"line {children[at].line}: two things that begin there would have to be taken apart"
                )

    def _cut_flow(self, children: Sequence[Node], removed: set[int]) -> None:
        for at in sorted(at for at in removed if at - 1 not in removed):
            after = next(each for each in range(at, len(children) + 1) if each not in removed)
            if after < len(children):
                self._splices.append(Splice(children[at].start, children[after].start, ""))
            else:
                start = children[at - 1].end if at else children[0].start
                end = children[-1].end
                comma = re.compile(r"\s*,").match(self._text, end)
                self._splices.append(Splice(start, comma.end() if comma else end, ""))

    def _add_pairs(self, node: Node, added: Mapping[str, Any], end: int | None, *, gone: bool) -> None:
        if node.flow:
            pairs = [
                (f"{self._format_flow(name, node)}: {self._format_flow(value, node)}", value)
                for name, value in added.items()
            ]
            self._add_flow(node, pairs, gone=gone)
            return
        margin = column(self._text, node.pairs[0][0].start)
        place = line_end(self._text, node.end) if end is None else end
        text = "".join(f"{_indent(dump({name: value}).rstrip(), margin)}\n" for name, value in added.items())
        if end is None:
            self._splices.append(Splice(place, place, f"\n{text.rstrip()}"))
        else:
            first = "\n" if self._text[:place].strip("\ufeff") and self._text[place - 1 : place] not in "\r\n" else ""
            self._splices.append(Splice(place, place, first + text))

    def _add_flow(self, node: Node, added: Sequence[tuple[str, Any]], *, gone: bool) -> None:
        """Behind the last child, each on a line of its own where the others have one."""
        texts = [text for text, _ in added]
        children = node.children
        if not children or gone:
            place = children[-1].end if children else self._text.index("[{"[node.kind == "mapping"], node.start) + 1
            self._splices.append(Splice(place, place, ", ".join(texts)))
            return
        place, first = max(child.end for child in children[-2:]), children[0].start
        lead = self._text[line_start(self._text, first) : first]
        between = f",\n{lead}" if "\n" in self._text[node.start : first] and not lead.strip() else ", "
        self._splices.append(Splice(place, place, "".join(between + text for text in texts)))

    def _replace(self, node: Node, new: Any, holder: Node, key: Node | None) -> None:
        """Put the whole of a value in the place of another."""
        if holder.flow:
            colon = "" if key is None or colon_end(self._text, key.end) is not None else ":"
            space = " " if node.is_empty and key is not None else ""
            self._splices.append(Splice(node.start, node.end, f"{colon}{space}{self._format_flow(new, holder)}"))
            return
        if key is None:
            dash = self._find_dash(holder, next(at for at, item in enumerate(holder.items) if item is node))
            text = _indent(dump([new]).rstrip(), column(self._text, dash)).strip()
            self._splices.append(Splice(dash, node.end, text))
            return
        colon_at = colon_end(self._text, key.end)
        if colon_at is None:
            raise CannotEditYAML(f"line {key.line}: a key without a colon")
        text = _indent(dump({"x": new}).rstrip()[2:], column(self._text, key.start))
        text = text.lstrip(" ")
        if text.startswith("\n"):
            # A comment behind what stood there stays on its line.
            end = max(node.end, colon_at)
            place = line_end(self._text, end)
            self._splices += [Splice(colon_at, end, ""), Splice(place, place, text)]
        elif "\n" in text:
            self._splices.append(Splice(colon_at, line_end(self._text, max(node.end, colon_at)), f" {text}"))
        elif line_start(self._text, node.start) > colon_at and not node.is_empty:
            start = line_start(self._text, node.start)
            cut = Splice(start - self._break_before(start), line_end(self._text, node.end), "")
            self._splices += [Splice(colon_at, colon_at, f" {text}"), cut]
        else:
            spaces = len(self._text[colon_at : node.start]) if not node.is_empty else 0
            lead = self._text[colon_at : colon_at + spaces] or " "
            self._splices.append(Splice(colon_at, max(node.end, colon_at), lead + text))

    def _break_before(self, index: int) -> int:
        """How long the line break before the beginning of a line is; 0 for the first line."""
        return 2 if self._text[max(index - 2, 0) : index] == "\r\n" else min(index, 1)

    def _find_dash(self, node: Node, at: int) -> int:
        """The place of an entry's dash."""
        dash = dash_end(self._text, node.items[at - 1].end if at else None, node)
        if dash is None:
            raise CannotEditYAML(f"line {node.items[at].line}: an entry that begins in an unusual way")
        return dash - 1

    def _format_flow(self, data: Any, node: Node) -> str:
        """Data on one line, quoted as what is around it is; indented in a text that is JSON over several lines."""
        children = node.children
        lead = self._text[line_start(self._text, children[0].start) : children[0].start] if children else ""
        outer = self._text[line_start(self._text, node.start) : node.start]
        outer = outer[: len(outer) - len(outer.lstrip())]
        unit = lead[len(outer) :] if not lead.strip() and lead.startswith(outer) else ""
        word = next((each.start for each in walk(node) if each.kind == "scalar"), node.start)
        if self._text[word : word + 1] != '"' and children:
            return dump([data], flow=True).strip()[1:-1]
        if not unit or not self._text.lstrip("\ufeff \r\n\t").startswith("{"):
            return json.dumps(data, ensure_ascii=False)
        return json.dumps(data, ensure_ascii=False, indent=unit).replace("\n", f"\n{lead}")

    def _keep_anchors(self) -> None:
        """Have every alias that stays find its anchor, which may stand in what goes. Raises CannotEdit."""
        cut = [splice for splice in self._splices if splice.end > splice.start]

        def goes(node: Node) -> bool:
            return any(splice.start <= node.start and node.end <= splice.end for splice in cut)

        moved: set[int] = set()
        for alias in walk(self._root):
            target = alias.target
            if target is None or goes(alias) or id(target) in moved or not goes(target):
                continue
            text = self._text[target.start : target.end]
            has_anchors = any(node.anchor for node in walk(target) if node is not target)
            if (target.kind != "scalar" and not target.flow) or "\n" in text or has_anchors:
                raise CannotEditYAML(
                    f"line {alias.line}: *{alias.anchor} needs the anchor of line {target.line}, which goes"
                )
            self._splices.append(Splice(alias.start, alias.end, text))
            moved.add(id(target))


def apply(text: str, splices: Sequence[Splice]) -> str:
    """The text with the splices done, each with the line ends of the place it goes to. Raises CannotEdit."""
    reached = len(text) + 1
    # Of several that add something at one place, the first comes first.
    for _, splice in sorted(enumerate(splices), key=lambda one: (one[1].start, one[1].end, one[0]), reverse=True):
        if splice.end > reached:
            raise CannotEditYAML
        reached = splice.start
        added = splice.text.replace("\n", _newline(text, splice.start))
        text = text[: splice.start] + added + text[splice.end :]
    return text


def _newline(text: str, index: int) -> str:
    """The line end of the line that `index` is on, else of the line before it."""
    found = _break(text, line_end(text, index)) or _break(text, line_end(text, max(line_start(text, index) - 2, 0)))
    return found if found in ("\n", "\r\n") else "\n"


def _break(text: str, index: int) -> str:
    return text[index : index + 2] if text[index : index + 2] == "\r\n" else text[index : index + 1]


def _indent(text: str, margin: int) -> str:
    first, *rest = text.split("\n")
    return "\n".join([" " * margin + first if first else "", *(" " * margin + line if line else "" for line in rest)])


def _align(old: list[Any], new: list[Any]) -> Items:
    """Which entries of a list stay, change, go and come, in the middle that differs."""
    before = 0
    while before < min(len(old), len(new)) and old[before] == new[before]:
        before += 1
    if len(new) <= len(old):
        gone = len(old) - len(new)
        behind = 0
        while behind < len(new) - before and old[-1 - behind] == new[-1 - behind]:
            behind += 1
        middle = new[before : len(new) - behind]
        removed = frozenset(range(before + len(middle), before + len(middle) + gone))
        return Items([*new[:before], *middle, *([None] * gone), *new[len(new) - behind :]], [], removed)
    return Items(new[: len(old)], new[len(old) :])
