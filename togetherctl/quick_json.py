"""Read JSON, and quote texts for it, by the C half of the standard library's json alone, which loads in no time."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from json.encoder import encode_basestring_ascii as quote
    from typing import Any

    make_scanner: Callable[[object], Callable[[str, int], tuple[Any, int]]]
else:
    try:
        from _json import encode_basestring_ascii as quote
        from _json import make_scanner
    except ImportError:
        # Not every Python has it in C.
        from json.encoder import encode_basestring_ascii as quote
        from json.scanner import make_scanner

__all__ = ["loads", "quote"]

_SPACE = " \t\n\r"
_CONSTANTS = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}


class _Rules:
    """As `json.JSONDecoder` has them."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__
    memo: dict[str, str] = {}  # noqa: RUF012 # for a scanner that is not written in C


def loads(data: bytes | str) -> Any:
    """The value of a JSON text, as `json.loads` gives it; bytes are UTF-8. Raises ValueError and RecursionError."""
    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        value, end = make_scanner(_Rules)(text, len(text) - len(text.lstrip(_SPACE)))
    except StopIteration:
        raise ValueError("not JSON") from None
    if text[end:].strip(_SPACE):
        raise ValueError("more than one JSON value")
    return value
