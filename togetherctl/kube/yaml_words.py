"""What a plain word of YAML means to kubectl: nothing, a switch, a number, or text."""

from __future__ import annotations

import math
import re
from typing import Any

_MAX_BITS = 64
_LONG = 100
WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>\d+))")
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def resolved(text: str) -> Any:
    """What a plain word is: nothing, a switch, a number, or text."""
    if text in WORDS:
        return WORDS[text]
    if text[:1] not in "0123456789+-.":
        return text
    whole = _INTEGER.fullmatch(text.replace("_", "")) if text[0] != "." else None
    if whole and len(text) < _LONG:
        kind = str(whole.lastgroup)
        value = int(whole["sign"] + whole[kind], _BASES[kind])
        if value.bit_length() <= _MAX_BITS:
            return value
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
