"""Makes text from an issuer, a cluster or a file safe to show: nothing it holds can move a cursor or hide."""

from __future__ import annotations

import codecs
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_HANDLER = "togetherctl"
_BMP = 0xFFFF


def printable(text: object, *, limit: int = 300) -> str:
    r"""`text` on one line: control, escape, direction and other invisible characters are spelled out as `\x1b`.

    Longer than `limit` characters, it ends in an ellipsis.
    """
    shown = "".join(char if char.isprintable() else _spelled_out(char) for char in str(text)[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _spelled_out(char: str) -> str:
    if char in "\n\r\t":
        return " "
    return char.encode("unicode_escape").decode("ascii")


def spell_out(stream: TextIO) -> None:
    r"""Have `stream` write as `\u00eb` what its encoding has no sign for, instead of failing."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors != _HANDLER:
        codecs.register_error(_HANDLER, _without_sign)
        stream.reconfigure(errors=_HANDLER)


def can_spell(stream: TextIO, text: str) -> bool:
    """Whether the encoding of `stream` has a sign for every character of `text`."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def spelled(stream: TextIO, text: str) -> str:
    """`text` as `stream` shows it, for whoever lays it out or writes it in another way."""
    if can_spell(stream, text):
        return text
    return "".join(char if can_spell(stream, char) else _escape(char) for char in text)


def _without_sign(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_escape, error.object[error.start : error.end])), error.end


def _escape(char: str) -> str:
    """As TOML strings, YAML's quoted ones, Python and most of JSON have it."""
    return f"\\u{ord(char):04x}" if ord(char) <= _BMP else f"\\U{ord(char):08x}"
