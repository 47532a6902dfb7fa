"""The quick reader of JSON says what the standard library's says."""

from __future__ import annotations

import json
import math

import pytest

from togetherctl.quick_json import loads, quote

GOOD = [
    "null",
    " \t\r\n{} \n",
    '{"a": [1, 2.5, -3e2, true, false, null, "\\u00eb\\n"], "a": {"b": ""}}',
    '"\u00eb"',
    "[-Infinity, Infinity]",
    "123456789012345678901234567890",
]
BAD = [
    "",
    " ",
    "{",
    '{"a":}',
    "[1,]",
    "[1] 2",
    "nul",
    "'a'",
    '"a\nb"',
    '"\\x"',
    "\x00",
    "\u00a01",
    "\ufeff1",
    "{} \u2028",
    "1" * 5000,
]


@pytest.mark.parametrize("text", GOOD)
def test_what_is_json_is_read_alike(text: str) -> None:
    assert loads(text) == loads(text.encode("utf-8")) == json.loads(text)


def test_no_number_is_one() -> None:
    assert math.isnan(loads("NaN"))


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_json_is_refused_alike(text: str) -> None:
    for read in (json.loads, loads):
        with pytest.raises(ValueError, match="."):
            read(text)


def test_bytes_that_are_no_utf8_and_what_is_too_deep_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        loads(b'"\xff"')
    with pytest.raises(RecursionError):
        loads("[" * 100_000)


@pytest.mark.parametrize("text", ["", "token", 'a"b\\c', "\u00eb\u2028\U0001f600\x00\x7f", "\ud800"])
def test_texts_are_quoted_alike(text: str) -> None:
    assert quote(text) == json.dumps(text)
    assert loads(quote(text)) == text
