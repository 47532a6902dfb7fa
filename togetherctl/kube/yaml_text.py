"""Edit a kubeconfig as text: comments and layout stay, and each change is checked before it is used.

A round trip through a YAML library re-indents and re-quotes what it did not mean to touch. So the library tells where
each node is, and only the values that change are replaced (see `yaml_edit`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import NoneType
from typing import Any

from togetherctl.kube.yaml_edit import CannotEditYAML, Editing, Items, Splice, apply
from togetherctl.kube.yaml_nodes import Document, Node, NotAMapping, NotYAML
from togetherctl.kube.yaml_quick import read_quickly
from togetherctl.kube.yaml_values import Values, dump, key_text, load

__all__ = ["CannotEditYAML", "NotAMapping", "NotYAML", "YamlText", "dump", "load"]


class YamlText:
    """A mapping whose values are lists of named entries, as a kubeconfig is. Changes gather; `text` applies them.

    Of several documents the first counts, and the others stay as they are. Raises NotYAML, also where one of `lists` is
    there and is no list.
    """

    def __init__(self, text: str, *, lists: Iterable[str] = ()) -> None:
        self.original = text
        # By the place an entry has in its list as it was; None takes it out.
        self._changed: dict[str, dict[int, dict[str, Any] | None]] = {}
        self._added: dict[str, list[dict[str, Any]]] = {}
        self._scalars: dict[str, str] = {}
        self.data: Any = read_quickly(text)
        if self.data is None:
            self.data = {} if self.root is None else self._values.of(self.root)
        if self.data is None:
            self.data = {}
        if not isinstance(self.data, dict):
            raise NotAMapping(f"it holds {'a list' if isinstance(self.data, list) else 'only text'}")
        for section in lists:
            if not isinstance(self.data.get(section), (list, NoneType)):
                keys = reversed([key for key, _ in self.root.pairs] if self.root else [])
                line = next((f"line {key.line}: " for key in keys if key_text(key) == section), "")
                raise NotYAML(f"{line}{section} is not a list")

    @cached_property
    def _document(self) -> Document:
        from togetherctl.kube.yaml_parse import first

        return first(self.original)

    @property
    def root(self) -> Node | None:
        """The nodes of the text: for edits, and for what its data does not tell. None where there is no content."""
        return self._document.root

    @cached_property
    def _values(self) -> Values:
        return Values()

    def entries(self, section: str) -> list[dict[str, Any]]:
        """The named entries of a list; anything else in it is passed over."""
        return [item for item in self._items(section) if isinstance(item, dict) and isinstance(item.get("name"), str)]

    def entry(self, section: str, name: str | None) -> dict[str, Any] | None:
        """The first entry called `name`."""
        return next((entry for entry in self.entries(section) if entry["name"] == name), None)

    def put(self, section: str, entry: dict[str, Any]) -> None:
        """Replace the entry with this one's name in the list, or add it at the end."""
        items = self._items(section)
        changed = [self._changed.get(section, {}).get(at, item) for at, item in enumerate(items)]
        at = _index_of(changed, entry["name"])
        if at < len(items):
            self._changed.setdefault(section, {})[at] = entry
            return
        added = self._added.setdefault(section, [])
        at = _index_of(added, entry["name"])
        added[at : at + 1] = [entry]

    def add(self, section: str, item: dict[str, Any]) -> None:
        """Add an entry at the end of a list, whether it has a name or not."""
        self._added.setdefault(section, []).append(item)

    def replace(self, section: str, entry: Mapping[str, Any], new: dict[str, Any] | None) -> None:
        """Put `new`, whatever its name, in the place of an entry that `entries` gave; None takes it out."""
        at = next(at for at, item in enumerate(self._items(section)) if item is entry)
        self._changed.setdefault(section, {})[at] = new

    def changes(self, section: str) -> list[tuple[dict[str, Any] | None, dict[str, Any]]]:
        """The entries that were put so far, with what stood in the place of each."""
        items = self._items(section)
        changed = [(items[at], new) for at, new in self._changed.get(section, {}).items() if new is not None]
        return [*changed, *((None, new) for new in self._added.get(section, []))]

    def put_scalar(self, key: str, value: str) -> None:
        self._scalars[key] = value

    def text(self) -> str:
        """The text with all changes, checked to say what was asked for and nothing else. Raises CannotEditYAML."""
        expected = self.expected()
        if expected == self.data:
            return self.original
        try:
            dropped = self._emptied_tail(expected)
            changed = apply(self.original, self._splices(expected, dropped))
            if load(changed) != {key: value for key, value in expected.items() if key not in dropped}:
                raise CannotEditYAML
        except NotYAML:
            raise CannotEditYAML from None
        return changed

    def expected(self) -> dict[str, Any]:
        """The data with all changes. Raises CannotEditYAML."""
        expected = dict(self.data)
        for section in self._sections:
            if not isinstance(expected.get(section), (list, NoneType)):
                raise CannotEditYAML
            expected[section] = self._list(section).data
        return expected | self._scalars

    @property
    def _sections(self) -> list[str]:
        return list(dict.fromkeys([*self._changed, *self._added]))

    def _items(self, section: str) -> list[Any]:
        listed = self.data.get(section)
        return listed if isinstance(listed, list) else []

    def _list(self, section: str) -> Items:
        changed = self._changed.get(section, {})
        kept = [changed.get(at, item) for at, item in enumerate(self._items(section))]
        removed = frozenset(at for at, item in changed.items() if item is None)
        return Items(kept, self._added.get(section, []), removed)

    def _splices(self, expected: dict[str, Any], dropped: frozenset[str]) -> list[Splice]:
        if self.root is None or self.root.kind == "scalar":
            # Nothing is there yet, or a word that says so.
            cut = [Splice(self.root.start, self.root.end, "")] if self.root and not self.root.is_empty else []
            before = self.original[: self._document.end]
            lead = "\n" if before.strip("\ufeff") and not before.endswith("\n") and not cut else ""
            return [*cut, Splice(self._document.end, self._document.end, lead + dump(expected))]
        lists = {section: self._list(section) for section in self._sections}
        editing = Editing(self.original, self.root, self._values)
        return editing.splices(expected, lists, end=self._document.end, dropped=dropped)

    def _emptied_tail(self, expected: dict[str, Any]) -> frozenset[str]:
        """The lists that lose their last entry here, where they stand at the end as togetherctl adds them.

        Their keys go with them, so that a file is again what it was before. Elsewhere `[]` stays: many programs want
        the key.
        """
        emptied = [name for name in self._sections if self._items(name) and not expected[name]]
        if self.root is None or self.root.kind != "mapping" or not emptied:
            return frozenset()
        keys = [key_text(key) for key, _ in self.root.pairs if key_text(key) != "current-context"]
        tail = keys[-len(emptied) :]
        ours = [name for name in ("clusters", "contexts", "users") if name in emptied]
        return frozenset(emptied) if tail == ours and len(keys) > len(tail) else frozenset()


def node_at(text: YamlText, *path: str | int) -> Node | None:
    """The node that keys and places lead to, without what is merged; None where there is none."""
    node = text.root
    for step in path:
        node = node and (node.target or node)
        if node is None:
            return None
        if isinstance(step, int):
            node = node.items[step] if step < len(node.items) else None
        else:
            node = next((value for key, value in reversed(node.pairs) if key_text(key) == step), None)
    return node


def _index_of(items: list[Any], name: str) -> int:
    """The index of the first entry called `name`, or the length of the list."""
    return next(
        (at for at, item in enumerate(items) if isinstance(item, dict) and item.get("name") == name), len(items)
    )
