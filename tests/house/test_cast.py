"""The recording of `init` is small, still where that is wanted, and shows what a run shows today."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.programs import need

sys.path.append(str(ROOT / "packaging"))
import cast
from terminal_svg import Picture, Run, Style, draw, read_row


def shown(svg: str) -> str:
    """The text of the last picture, row by row."""
    lines = dict(re.findall(r'<g id="(\w+)">(.*?)</g>', svg))
    last = svg.rpartition("<g transform=")[2]
    names = re.findall(r'href="#(l\d+)"', last)
    return "\n".join(unescape(re.sub(r"<[^>]+>", "", lines[name])) for name in names)


@pytest.mark.parametrize("path", [cast.MOVING, cast.STILL], ids=lambda path: path.name)
def test_a_picture_is_small_and_needs_nothing_else(path: Path) -> None:
    svg = path.read_text(encoding="utf-8")
    assert len(svg.encode()) < 60_000
    assert set(re.findall(r"https?://[\w.-]+", svg)) <= {"http://www.w3.org", "http://localhost"}
    assert "font-face" not in svg
    assert ("prefers-reduced-motion" in svg) is (path == cast.MOVING)


def test_both_end_alike_and_with_pods() -> None:
    still, moving = (shown(path.read_text(encoding="utf-8")) for path in (cast.STILL, cast.MOVING))
    assert still == moving
    assert "kubectl get pods" in still
    assert "Running" in still


def test_rows_are_read_as_a_terminal_shows_them() -> None:
    assert read_row("") == []
    assert read_row("  plain  ") == [Run(2, "plain", Style())]
    assert read_row("\x1b[1;32m?\x1b[0m ask \x1b[38;5;208mx\x1b[39my") == [
        Run(0, "?", Style("#a3d977", bold=True)),
        Run(2, "ask", Style()),
        Run(6, "x", Style("#ff8700")),
        Run(7, "y", Style()),
    ]
    assert read_row("\x1b[7m  \x1b[27m") == [Run(0, "  ", Style(reversed=True))]
    assert read_row("\x1b[38;2;1;2;3ma") == [Run(0, "a", Style("#010203"))]


def test_no_pause_is_longer_than_a_person_waits_and_text_is_text() -> None:
    svg = draw([(0, Picture(("<a> & b",), (0, 0))), (900, Picture(("",)))], columns=10, rows=1, title="t")
    assert "&lt;a&gt; &amp; b" in svg
    assert "animation:s 8.40s" in svg


@pytest.mark.xdist_group("ports 8000 and 18000")
def test_a_run_today_ends_as_the_recording_does() -> None:
    """If this fails after `init` has changed on purpose, `make cast` records it again."""
    need("tmux")
    need("kubectl")
    # No person watches.
    pictures = cast.record(key_seconds=0, read_seconds=0)
    today = draw(pictures[-1:], columns=cast.COLUMNS, rows=cast.ROWS, title=cast.TITLE)
    assert without_chance(shown(today)) == without_chance(shown(cast.STILL.read_text(encoding="utf-8")))


def without_chance(text: str) -> str:
    """Without ports, times, and the address of the login, where all but the beginning is random."""
    text = re.sub(r"http://localhost:\d+/authorize.*?method=S256", "ADDRESS", text, flags=re.DOTALL)
    return re.sub(r"\d+", "0", text)
