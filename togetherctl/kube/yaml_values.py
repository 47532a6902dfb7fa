"""Load and dump YAML data as kubectl does: the rules of sigs.k8s.io/yaml and Go's YAML 2.

Of several equal keys the last counts, and a merge overrides the keys above it. Plain words
such as `yes` are switches, and dates are text.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from typing import Any

from togetherctl.kube.yaml_nodes import Node, NotYAML
from togetherctl.kube.yaml_words import resolved

MERGE = "<<"
_MAX_VALUES = 2_000_000
_MAX_MERGED = 500_000
_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (float, int), "null": (type(None),)}
_NO_FOLDING = 1 << 20
# Plain words that YAML 1.1, which kubectl speaks, takes for something else than text.
_YAML_1_1 = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|=|<<|[-+]?\.(?:inf|nan)|[-+.]?[0-9][0-9a-fxo_.,:tz +-]*)"
)


def load(text: str) -> Any:
    """The data of the first document of a YAML (or JSON) text. Raises NotYAML."""
    from togetherctl.kube.yaml_parse import first

    root = first(text).root
    return None if root is None else Values().of(root)


class Values:
    """Values of the nodes of one text, each made once: an alias gives the very object of its anchor."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}
        self._sizes: dict[int, int] = {}
        self._merged = 0

    def of(self, node: Node) -> Any:
        """Raises NotYAML where a value makes no sense, or aliases make too many."""
        value = self._of(node)
        self._refuse_endless(value)
        return value

    def _of(self, node: Node) -> Any:
        node = node.target or node
        if node.kind == "scalar":
            return scalar(node)
        if id(node) in self._known:
            return self._known[id(node)]
        _refuse_tag(node)
        value: Any = {} if node.kind == "mapping" else []
        self._known[id(node)] = value
        if isinstance(value, list):
            value.extend(self._of(item) for item in node.items)
        for key, item in node.pairs:
            if is_merge(key):
                self._merge(item, value)
            else:
                text = key_text(key)
                if text is None:
                    raise NotYAML(f"line {key.line}: a key that is no text")
                value[text] = self._of(item)
        return value

    def _merge(self, source: Node, into: dict[str, Any]) -> None:
        source = source.target or source
        sources = source.items[::-1] if source.kind == "sequence" else [source]
        for each in sources:
            given = self._of(each)
            if not isinstance(given, dict):
                raise NotYAML(f"line {each.line}: only mappings can be merged")
            self._merged += len(given)
            if self._merged > _MAX_MERGED:
                raise NotYAML(f"line {each.line}: merges too much")
            into.update(given)

    def _refuse_endless(self, value: Any) -> int:
        """How many values there are once aliases are written out. Raises NotYAML: too many, or a circle."""
        if not isinstance(value, (dict, list)):
            return 1
        size = self._sizes.get(id(value))
        if size is None:
            self._sizes[id(value)] = _MAX_VALUES
            items = value.values() if isinstance(value, dict) else value
            size = 1 + sum(self._refuse_endless(item) for item in items)
            self._sizes[id(value)] = size
        if size >= _MAX_VALUES:
            raise NotYAML("its aliases make it endless")
        return size


def scalar(node: Node) -> Any:
    """The value of a scalar. Raises NotYAML where it is not what its tag says."""
    tag = (node.tag or "").removeprefix(_TAG)
    if tag == "binary":
        try:
            return b64decode(node.text).decode("utf-8", "replace")
        except ValueError:
            raise NotYAML(f"line {node.line}: cannot be read as binary") from None
    if not node.plain and not tag:
        return node.text
    if tag not in _KINDS:
        _refuse_tag(node)
        return resolved(node.text) if not tag else node.text
    value = resolved(node.text)
    if not isinstance(value, _KINDS[tag]) or (tag != "bool" and isinstance(value, bool)):
        raise NotYAML(f"line {node.line}: cannot be read as {tag}")
    return float(node.text) if tag == "float" and isinstance(value, int) else value


def is_merge(key: Node) -> bool:
    """Whether a key takes in what other mappings say."""
    return key.kind == "scalar" and key.plain and key.text == MERGE and key.tag in (None, "", "!")


def key_text(key: Node) -> str | None:
    """A key as text, as it is in JSON; None for one that cannot be a key there."""
    node = key.target or key
    value = scalar(node) if node.kind == "scalar" else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _refuse_tag(node: Node) -> None:
    """Raises NotYAML for a tag that asks for an object of some programming language."""
    if node.tag and not node.tag.startswith((f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq", f"{_TAG}timestamp", "!")):
        raise NotYAML(f"line {node.line}: could not determine a constructor for the tag {node.tag!r}")


def dump(data: Any, *, flow: bool = False) -> str:
    """YAML text in kubectl's style, ASCII, that programs of YAML 1.1 read alike; with `flow` on one line."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _NO_FOLDING
    yaml.allow_unicode = False
    yaml.default_flow_style = flow
    # An alias would be of no use in a piece of a text.
    yaml.representer.ignore_aliases = lambda _value: True
    stream = io.StringIO()
    yaml.dump(_quote(data, flow=flow), stream)
    return stream.getvalue()


def _quote(value: Any, *, flow: bool) -> Any:
    """The same, with text of several lines marked to be a block, and text that looks like something else quoted."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

    if isinstance(value, str):
        if "\n" in value and value.strip() and not flow:
            return LiteralScalarString(value)
        return DoubleQuotedScalarString(value) if "\n" in value or _YAML_1_1.fullmatch(value) else value
    if isinstance(value, dict):
        return {_quote(key, flow=True): _quote(item, flow=flow) for key, item in value.items()}
    if isinstance(value, list):
        return [_quote(item, flow=flow) for item in value]
    return value
