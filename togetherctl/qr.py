"""Draw an address as a QR code in the terminal."""

from __future__ import annotations

from itertools import zip_longest

_BORDER = 2
# Light is what is drawn: most terminals are dark, and a camera wants the code dark on light.
_BLOCKS = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}


def draw(address: str) -> list[str] | None:
    """The lines of the picture; None for an address too long to draw."""
    import segno

    try:
        code = segno.make(address, error="l", micro=False)
    except ValueError:
        return None
    rows = [[bool(module) for module in row] for row in code.matrix_iter(border=_BORDER)]
    light = [False] * len(rows[0])
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=light)
    return ["".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True)) for upper, lower in pairs]
