"""Text from elsewhere on a terminal: what cannot be seen is spelled out, and what can be stays."""

from __future__ import annotations

import pytest

from togetherctl.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("me@acme.com", "me@acme.com"),
        ("a\tb\nc", "a b c"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202emoc", "\\u202emoc"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u3164b", "a\\u3164b"),
        ("a\u115fb\u1160", "a\\u115fb\\u1160"),
        ("a\u2800b", "a\\u2800b"),
        ("a\ufe0fb\U000e0101", "a\\ufe0fb\\U000e0101"),
        ("a\u034fb", "a\\u034fb"),
        ("\ud800", "\\ud800"),
        (
            "Zo\u00eb \u6f22\u5b57 \u05e9\u05c1\u05b8 ti\u1ebf\u0301ng",
            "Zo\u00eb \u6f22\u5b57 \u05e9\u05c1\u05b8 ti\u1ebf\u0301ng",
        ),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301" * 2),
        ("e\u0489\u0489\u0489\u0489\u0489x", "e\u0489\u0489\u0489\u0489\\u0489x"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_long_is_cut() -> None:
    assert printable("a" * 500) == "a" * 299 + "\u2026"
    assert len(printable("\u0301" * 5000)) == 300
