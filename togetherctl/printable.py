"""Makes text from an issuer, a cluster or a file safe to show: nothing it holds can move a cursor or hide."""

from __future__ import annotations

import codecs
import io

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_HANDLER = "togetherctl"
_BMP = 0xFFFF
# Letters and marks that take no room, or show nothing (Unicode's Default_Ignorable_Code_Point, and blank Braille).
_UNSEEN = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
    | {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
)
# Vietnamese and Hebrew need two or three on one letter.
_HIGHEST_PILE = 4


def printable(text: object, *, limit: int = 300) -> str:
    r"""`text` on one line: control, escape, direction and other invisible characters are spelled out as `\x1b`.

    So are marks that pile up on one letter, which would grow into the lines above and below.

    Longer than `limit` characters, it ends in an ellipsis.
    """
    cut = str(text)[: limit + 1]
    shown = cut if cut.isascii() and cut.isprintable() else _make_visible(cut)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _make_visible(text: str) -> str:
    import unicodedata

    shown, pile = [], 0
    for char in text:
        pile = pile + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        is_seen = char.isprintable() and ord(char) not in _UNSEEN and pile <= _HIGHEST_PILE
        shown.append(char if is_seen else _spell_out(char))
    return "".join(shown)


def _spell_out(char: str) -> str:
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


def spell(stream: TextIO, text: str) -> str:
    """`text` as `stream` shows it, for code that lays it out or writes it in another way."""
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
