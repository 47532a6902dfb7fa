"""Data as YAML in kubectl's style, which programs of YAML 1.1 and 1.2 read alike."""

from __future__ import annotations

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

_NO_FOLDING = 1 << 20
# Plain words that YAML 1.1, which kubectl speaks, takes for something else than text.
_YAML_1_1 = re.compile(
    r"(?i:y|n|yes|no|on|off|true|false|null|~|=|<<|[-+]?\.(?:inf|nan)|[-+.]?[0-9][0-9a-fxo_.,:tz +-]*)"
)


def dump(data: Any, *, flow: bool = False) -> str:
    """YAML text in kubectl's style, ASCII, that programs of YAML 1.1 read alike; with `flow` on one line."""
    yaml = YAML()
    yaml.width = _NO_FOLDING
    yaml.allow_unicode = False
    yaml.default_flow_style = flow
    # An alias would be of no use in a piece of a text.
    yaml.representer.ignore_aliases = lambda _value: True
    stream = io.StringIO()
    yaml.dump(_written_safely(data, flow=flow), stream)
    return stream.getvalue()


def _written_safely(value: Any, *, flow: bool) -> Any:
    """The same, with text of several lines marked to be a block, and text that looks like something else quoted."""
    if isinstance(value, str):
        if "\n" in value and value.strip() and not flow:
            return LiteralScalarString(value)
        return DoubleQuotedScalarString(value) if "\n" in value or _YAML_1_1.fullmatch(value) else value
    if isinstance(value, dict):
        return {_written_safely(key, flow=True): _written_safely(item, flow=flow) for key, item in value.items()}
    if isinstance(value, list):
        return [_written_safely(item, flow=flow) for item in value]
    return value
