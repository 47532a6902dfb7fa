"""Draw what a terminal showed over time as one SVG that moves by CSS alone.

All pictures stand side by side in a strip, which moves behind a window. Where no motion is wanted, and where a program
knows no animation, the last picture is shown. The terminal is dark in both schemes: an image is not told which one a
page has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

_CELL, _LINE, _MARGIN = 8.4, 18, 14
_LONGEST_PAUSE = 2.4
_LAST_SECONDS = 6.0
_GROUND, _INK, _EDGE = "#16181d", "#d8dee9", "#3b4252"
# The sixteen colours of a terminal, as they are read on the ground.
_COLOURS = (
    *("#4c566a", "#f07178", "#a3d977", "#ffcb6b", "#82aaff", "#c792ea", "#6fd6e3", "#d8dee9"),
    *("#7b8494", "#ff8b92", "#b8e994", "#ffd98a", "#9cc0ff", "#ddb3ff", "#9ae7f0", "#ffffff"),
)
# What a code of Select Graphic Rendition turns on or off (ECMA-48, 8.3.117).
_SWITCHES: dict[int, dict[str, Any]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underlined": True},
    7: {"reversed": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underlined": False},
    27: {"reversed": False},
}
_SEQUENCE = re.compile(r"\x1b\[([\d;]*)m|\x1b\[[^a-zA-Z]*[a-zA-Z]|\x1b[()].|[\x0e\x0f]")
_FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


class Picture(NamedTuple):
    """What a terminal shows: rows of text with escape sequences, and where the cursor is, if it is seen."""

    rows: tuple[str, ...]
    cursor: tuple[int, int] | None = None


class Style(NamedTuple):
    """How a run of text looks; a colour is as SVG has it."""

    colour: str = ""
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underlined: bool = False
    reversed: bool = False


class Run(NamedTuple):
    """Text of one style, and the column where it begins."""

    column: int
    text: str
    style: Style


def read_row(row: str) -> list[Run]:
    """The runs of one row, without blanks that show nothing."""
    runs, style, column, start = list[Run](), Style(), 0, 0
    for found in [*_SEQUENCE.finditer(row), None]:
        text = row[start : found.start() if found else len(row)]
        if text.strip() or (text and (style.reversed or style.underlined)):
            blank = 0 if style.reversed or style.underlined else len(text) - len(text.lstrip())
            shown = text if style.reversed or style.underlined else text.strip()
            runs.append(Run(column + blank, shown, style))
        column += len(text)
        if found is None:
            break
        start = found.end()
        if found[1] is not None:
            style = _restyle(style, [int(code or 0) for code in found[1].split(";")])
    return runs


def _restyle(style: Style, codes: list[int]) -> Style:
    """The style after a sequence of Select Graphic Rendition (ECMA-48, 8.3.117)."""
    rest = iter(codes)
    for code in rest:
        style = _restyle_once(style, code, rest)
    return style


def _restyle_once(style: Style, code: int, rest: Iterator[int]) -> Style:
    if code == 0:
        return Style()
    if change := _SWITCHES.get(code):
        return style._replace(**change)
    if code in (38, 48):
        colour = _extended(rest)
        return style._replace(colour=colour) if code == 38 else style
    if 30 <= code <= 37 or 90 <= code <= 97:
        return style._replace(colour=_COLOURS[code - 30 if code < 90 else code - 82])
    return style._replace(colour="") if code == 39 else style


def _extended(rest: Iterator[int]) -> str:
    """A colour by number or by its parts (ITU-T T.416)."""
    if next(rest, 5) == 2:
        return f"#{next(rest, 0):02x}{next(rest, 0):02x}{next(rest, 0):02x}"
    number = next(rest, 7)
    if number < 16:
        return _COLOURS[number]
    if number > 231:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    steps = (0, 95, 135, 175, 215, 255)
    parts = ((number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6)
    return "#" + "".join(f"{steps[part]:02x}" for part in parts)


def draw(pictures: Sequence[tuple[float, Picture]], *, columns: int, rows: int, title: str) -> str:
    """The SVG of `pictures`, each with the seconds at which it came; of one picture a still.

    No pause is longer than a person waits.
    """
    width, height = round(columns * _CELL), rows * _LINE
    lines = dict[str, str]()
    strip = [_draw_picture(picture, number * width, lines) for number, (_, picture) in enumerate(pictures)]
    lasts = [min(after - at, _LONGEST_PAUSE) for (at, _), (after, _) in pairwise(pictures)]
    total = sum(lasts) + _LAST_SECONDS
    steps, now = list[str](), 0.0
    for number, lasting in enumerate([*lasts, _LAST_SECONDS]):
        steps.append(f"{100 * now / total:.2f}%{{transform:translateX({-number * width}px)}}")
        now += lasting
    last = -(len(pictures) - 1) * width
    motion = (
        f".s{{transform:translateX({last}px)}}"
        f"@media (prefers-reduced-motion:no-preference){{.s{{animation:s {total:.2f}s step-end infinite}}}}"
        f"@keyframes s{{{''.join(steps)}}}"
    )
    drawn = "".join(f'<g id="{name}">{line}</g>' for line, name in lines.items())
    outer = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {outer[0]} {outer[1]}" width="{outer[0]}" '
        f'height="{outer[1]}" role="img"><title>{escape(title)}</title><style>'
        f"text{{font:14px {_FONTS};fill:{_INK};white-space:pre}}.b{{font-weight:700}}.d{{opacity:.65}}"
        f".i{{font-style:italic}}.u{{text-decoration:underline}}{motion if len(pictures) > 1 else ''}</style>"
        f"<defs>{drawn}"
        f'<rect id="c" width="{_CELL}" height="{_LINE}" fill="{_INK}" opacity=".55"/></defs>'
        f'<rect x=".5" y=".5" width="{outer[0] - 1}" height="{outer[1] - 1}" rx="8" fill="{_GROUND}" stroke="{_EDGE}"/>'
        f'<svg x="{_MARGIN}" y="{_MARGIN}" width="{width}" height="{height}"><g class="s">{"".join(strip)}</g></svg>'
        "</svg>\n"
    )


def _draw_picture(picture: Picture, left: int, lines: dict[str, str]) -> str:
    """One picture of the strip; a line that was drawn before is used again."""
    drawn = list[str]()
    for number, row in enumerate(picture.rows):
        line = "".join(_draw_run(run) for run in read_row(row))
        if line:
            name = lines.setdefault(line, f"l{len(lines)}")
            drawn.append(f'<use href="#{name}" y="{number * _LINE}"/>')
    if picture.cursor is not None:
        column, row_number = picture.cursor
        drawn.append(f'<use href="#c" x="{column * _CELL:.1f}" y="{row_number * _LINE}"/>')
    return f'<g transform="translate({left})">{"".join(drawn)}</g>'


def _draw_run(run: Run) -> str:
    left, length = f"{run.column * _CELL:.1f}", f"{len(run.text) * _CELL:.1f}"
    style = run.style
    classes = " ".join(
        name for name, on in (("b", style.bold), ("d", style.dim), ("i", style.italic), ("u", style.underlined)) if on
    )
    ink = _GROUND if style.reversed else style.colour
    looks = (f' class="{classes}"' if classes else "") + (f' style="fill:{ink}"' if ink else "")
    ground = (
        f'<rect x="{left}" width="{length}" height="{_LINE}" fill="{style.colour or _INK}"/>' if style.reversed else ""
    )
    # Each font has another width: the run is set as wide as its cells.
    fit = f'textLength="{length}" lengthAdjust="spacingAndGlyphs"'
    return f'{ground}<text x="{left}" y="14" {fit}{looks}>{escape(run.text)}</text>'
