"""YAML as a person's text: read as data, changed only where a change is wanted, checked before anyone writes it.

A round trip through a YAML library re-indents and re-quotes what it did not mean to touch. So the library tells where
each node stands, and only the lines of changed entries are replaced.
"""

from __future__ import annotations

import io
import json
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from togetherctl.kube.yaml_merge import merged
from togetherctl.kube.yaml_nodes import CannotEdit, content_end, dash, line_end, without_items
from togetherctl.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_FOLDING = 1 << 20
_MAX_BITS = 1024
_LONG = 100
_MAX_VALUES = 2_000_000
_MAX_MERGED = 500_000
_NONSENSE = object()
# Plain words that YAML 1.1, which kubectl speaks, takes for something else than text.
_YAML_1_1 = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|=|<<|[-+]?\.(?:inf|nan)|[-+.]?[0-9][0-9a-fxo_.,:tz +-]*)"
)


class NotYAML(Exception):
    """The text cannot be read; the message says why and on which line, the first being 1."""


def load(text: str) -> Any:
    """The data of one YAML (or JSON) document. Raises NotYAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        data = yaml.load(text)
        _refuse_endless(data, {})
    except DuplicateKeyError as error:
        # The library's own words would hold both values.
        raise NotYAML(f"line {error.problem_mark.line + 1}: a key stands there twice") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise NotYAML(f"{line}{printable(error.problem or 'not YAML')}") from None
    except RecursionError:
        raise NotYAML("nested too deeply") from None
    except (YAMLError, ValueError) as error:
        raise NotYAML(printable(str(error).splitlines()[0] if str(error) else "not YAML")) from None
    return data


class _Constructor(SafeConstructor):
    """The library's own, except that a value that is not what it claims to be is said with its line, and merges end."""

    _merged = 0

    def flatten_mapping(self, node: Node) -> Any:
        before = len(node.value)
        flat = super().flatten_mapping(node)
        self._merged += max(len(node.value) - before, 0)
        if self._merged > _MAX_MERGED:
            raise ConstructorError(None, None, "merges too much", node.start_mark)
        return flat

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 # the library's signature
        try:
            value = super().construct_object(node, deep=deep)
        except (ValueError, LookupError, OverflowError):
            # The library's own words would hold the value.
            value = _NONSENSE
        if value is _NONSENSE or (isinstance(value, int) and value.bit_length() > _MAX_BITS):
            kind = str(node.tag).rpartition(":")[2]
            said = "a number with too many digits" if len(node.value) > _LONG else f"cannot be read as {kind}"
            raise ConstructorError(None, None, said, node.start_mark)
        return value


def _refuse_endless(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are once aliases are written out. Raises NotYAML where they make too many, or a circle."""
    if not isinstance(value, (dict, list)):
        return 1
    size = sizes.get(id(value))
    if size is None:
        sizes[id(value)] = _MAX_VALUES
        size = 1 + sum(_refuse_endless(item, sizes) for item in (value.values() if isinstance(value, dict) else value))
        sizes[id(value)] = size
    if size >= _MAX_VALUES:
        raise NotYAML("its aliases make it endless")
    return size


def dump(data: Any) -> str:
    """YAML text in kubectl's style, ASCII, that programs of YAML 1.1 read alike."""
    stream = io.StringIO()
    _writer().dump(_written_safely(deepcopy(data)), stream)
    return stream.getvalue()


@dataclass(frozen=True)
class _Splice:
    start: int
    end: int
    text: str


class YamlText:
    """A mapping whose values are lists of named entries, as a kubeconfig is. Changes gather; `text` applies them.

    Raises NotYAML, also where one of `lists` is there and is no list.
    """

    def __init__(self, text: str, *, lists: Iterable[str] = ()) -> None:
        self.original = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        # By the place an entry has in its list as it was; None takes it out.
        self._changed: dict[str, dict[int, dict[str, Any] | None]] = {}
        self._added: dict[str, list[dict[str, Any]]] = {}
        self._scalars: dict[str, str] = {}
        self.data = load(text)
        if self.data is None:
            self.data = {}
        if not isinstance(self.data, dict):
            raise NotYAML("line 1: not a mapping")
        for section in lists:
            if not isinstance(self.data.get(section), (list, NoneType)):
                raise NotYAML(f"line {self._nodes[section][0].start_mark.line + 1}: {section} is not a list")

    def entries(self, section: str) -> list[dict[str, Any]]:
        """The named entries of a list; anything else in it is passed over."""
        listed = self.data.get(section)
        return [
            item
            for item in (listed if isinstance(listed, list) else [])
            if isinstance(item, dict) and isinstance(item.get("name"), str)
        ]

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

    def replace(self, section: str, entry: Mapping[str, Any], new: dict[str, Any] | None) -> None:
        """Put `new`, whatever its name, in the place of an entry that `entries` gave; None takes it out."""
        at = next(at for at, item in enumerate(self._items(section)) if item is entry)
        self._changed.setdefault(section, {})[at] = new

    def put_scalar(self, key: str, value: str) -> None:
        self._scalars[key] = value

    def text(self) -> str:
        """The text with all changes, checked to say what was asked for and nothing else. Raises CannotEdit."""
        expected = self.expected()
        if expected == self.data:
            return self.original
        try:
            changed = self._as_json(expected) if self._is_json() else self._spliced()
            if load(changed) != expected:
                raise CannotEdit
        except (NotYAML, YAMLError):
            raise CannotEdit from None
        return changed

    def expected(self) -> dict[str, Any]:
        """The data with all changes. Raises CannotEdit."""
        expected = dict(self.data)
        for section in self._sections:
            if not isinstance(expected.get(section), (list, NoneType)):
                raise CannotEdit
            changed = self._changed.get(section, {})
            items = [changed.get(at, item) for at, item in enumerate(self._items(section))]
            kept = [item for at, item in enumerate(items) if changed.get(at, item) is not None or at not in changed]
            expected[section] = [*kept, *self._added.get(section, [])]
        return expected | self._scalars

    @property
    def _sections(self) -> list[str]:
        return list(dict.fromkeys([*self._changed, *self._added]))

    def _items(self, section: str) -> list[Any]:
        listed = self.data.get(section)
        return listed if isinstance(listed, list) else []

    def _is_json(self) -> bool:
        return self.original.lstrip().startswith("{")

    def _as_json(self, data: dict[str, Any]) -> str:
        second = self.original.split("\n")[1:2]
        indent = len(second[0]) - len(second[0].lstrip()) if second else None
        ending = self._newline if self.original.endswith("\n") else ""
        return _json(data, indent=indent or None).replace("\n", self._newline) + ending

    def _spliced(self) -> str:
        nodes = self._nodes
        splices: list[_Splice] = []
        appended = ""
        for section in self._sections:
            key, node = nodes.get(section, (None, None))
            if key is not None and isinstance(node, SequenceNode) and node.value:
                splices += self._list_splices(section, key, node)
                continue
            block = "".join(_block_item(entry, 0) for entry in self._added[section])
            if key is None or node is None:
                appended += f"{section}:\n{block}"
            else:
                # What stands for "none" goes; a comment behind it stays on its line.
                none = self._value_splice(key, node, "")
                end = line_end(self.original, none.end)
                splices += [none, _Splice(end, end, f"\n{block.rstrip()}")]
        for name, value in self._scalars.items():
            if name in nodes:
                splices.append(self._value_splice(*nodes[name], f" {_scalar(value)}"))
            else:
                appended += f"{name}: {_scalar(value)}\n"
        return self._applied(splices, appended)

    def _list_splices(self, section: str, key: Node, node: SequenceNode) -> list[_Splice]:
        items = self._items(section)
        changed, added = self._changed.get(section, {}), self._added.get(section, [])
        splices = [
            self._item_splice(node, at, merged(self._commented[section][at], entry), entry)
            for at, entry in changed.items()
            if entry is not None and items[at] != entry
        ]
        doomed = {at for at, entry in changed.items() if entry is None}
        splices += [_Splice(start, end, "") for start, end in without_items(self.original, node, doomed)]
        if len(doomed) == len(items) and not node.flow_style:
            splices.append(self._value_splice(key, None, " []"))
        if added and node.flow_style:
            end = content_end(node.value[-1])
            splices.append(_Splice(end, end, "".join(f", {_json(entry)}" for entry in added)))
        elif added:
            end = line_end(self.original, content_end(node.value[-1]))
            column = dash(self.original, node.value[0])[1]
            splices.append(_Splice(end, end, "".join("\n" + _block_item(entry, column).rstrip() for entry in added)))
        return splices

    def _item_splice(self, node: SequenceNode, at: int, shape: Any, entry: dict[str, Any]) -> _Splice:
        item = node.value[at]
        end = content_end(item)
        if node.flow_style:
            return _Splice(item.start_mark.index, end, _json(entry))
        start, column = dash(self.original, item)
        return _Splice(start, line_end(self.original, end), _block_item(shape, column).strip())

    def _value_splice(self, key: Node, node: Node | None, text: str) -> _Splice:
        """From behind the key's colon to the end of its value, which may be nothing at all."""
        start = self.original.find(":", key.end_mark.index) + 1
        if not start:
            # A key that is marked as one may do without.
            raise CannotEdit
        empty = node is None or node.start_mark.index == node.end_mark.index
        return _Splice(start, start if node is None or empty else node.end_mark.index, text)

    @cached_property
    def _nodes(self) -> dict[str, tuple[Node, Node]]:
        """The top-level keys that are words, and their values, where they stand."""
        root = YAML().compose(self.original)
        pairs = root.value if isinstance(root, MappingNode) else []
        return {key.value: (key, value) for key, value in pairs if isinstance(key, ScalarNode)}

    @cached_property
    def _commented(self) -> Any:
        return _writer().load(self.original.replace("\r\n", "\n"))

    def _applied(self, splices: list[_Splice], appended: str) -> str:
        text = self.original
        for splice in sorted(splices, key=lambda splice: (splice.start, splice.end), reverse=True):
            text = text[: splice.start] + splice.text.replace("\n", self._newline) + text[splice.end :]
        if appended:
            if text and not text.endswith("\n"):
                text += self._newline
            text += appended.replace("\n", self._newline)
        return text


def _index_of(items: list[Any], name: str) -> int:
    """The first entry called `name`, or the end of the list."""
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("name") == name:
            return index
    return len(items)


def _block_item(entry: Any, column: int) -> str:
    """One list item in block style, its dash at `column`; comments after its content are left out."""
    text = dump([entry])
    # Only what was read from a file has comments, and looking for them takes longer than all the rest.
    end = len(text) - 1 if type(entry) is dict else text.find("\n", content_end(YAML().compose(text).value[0]))
    margin = " " * column
    return "".join(f"{margin}{line}\n" if line else "\n" for line in text[:end].split("\n"))


def _written_safely(value: Any) -> Any:
    """The same, with text of several lines marked to be a block, and text that looks like something else quoted."""
    if type(value) is str:
        if "\n" in value:
            return LiteralScalarString(value)
        return DoubleQuotedScalarString(value) if _YAML_1_1.fullmatch(value) else value
    if isinstance(value, dict):
        for key, item in value.items():
            value[key] = _written_safely(item)
    elif isinstance(value, list):
        # One by one: a list that is filled anew loses the comments of its items.
        for at, item in enumerate(value):
            value[at] = _written_safely(item)
    return value


def _json(data: Any, *, indent: int | None = None) -> str:
    """JSON on one line, or indented. Raises CannotEdit for what JSON cannot say, such as a date."""
    try:
        return json.dumps(data, indent=indent, ensure_ascii=False)
    except (TypeError, ValueError):
        raise CannotEdit from None


def _scalar(value: str) -> str:
    return dump({"x": value})[3:].rstrip("\n")


def _writer() -> YAML:
    yaml = YAML()
    yaml.width = _NO_FOLDING
    yaml.preserve_quotes = True
    yaml.allow_unicode = False
    return yaml
