"""How kubelogin's flags write their values, which is how the Go library pflag reads them."""

from __future__ import annotations

import re

_FIELD = re.compile(r'"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^",]*)')
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def fields(text: str) -> list[str]:
    """The fields of one line of CSV (RFC 4180); none for an empty text. Raises ValueError."""
    found: list[str] = []
    place = 0
    while text and place <= len(text):
        match = _FIELD.match(text, place)
        if match is None or text[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError("has a quote in a place where none may be")
        quoted = match["quoted"]
        found.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        place = match.end() + 1
    return found


def pairs(text: str) -> dict[str, str]:
    """`k=v`, or several of them separated by commas. Raises ValueError.

    A text with a single `=` is one pair, whatever commas its value has.
    """
    if "=" not in text:
        raise ValueError("must look like KEY=VALUE")
    found: dict[str, str] = {}
    for pair in [text.strip('"')] if text.count("=") == 1 else fields(text):
        key, sign, value = pair.partition("=")
        if not sign:
            raise ValueError("must look like KEY=VALUE")
        found[key] = value
    return found


def switch(text: str) -> bool:
    """Raises ValueError."""
    if text not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return text in _TRUE


def number(text: str) -> int:
    """A whole number, or a hexadecimal one with `0x`. Raises ValueError."""
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError("must be a whole number") from None


def field(value: str) -> str:
    """An entry of a list as it is typed."""
    return '"{}"'.format(value.replace('"', '""')) if re.search(r'[",\n]', value) else value


def pair(key: str, value: str) -> str:
    """An entry of a map as it is typed."""
    text = f"{key}={value}"
    return text if text.count("=") == 1 and text == text.strip('"') else field(text)
