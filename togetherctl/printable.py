"""Makes text from an issuer, a cluster or a file safe to show: nothing it holds can move a cursor or hide."""

from __future__ import annotations


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
