"""Agreeing to a change at a terminal: what matters comes first, the difference on demand, and Enter ends the answer."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import terminal
from togetherctl.cli.app import App
from togetherctl.errors import UsageError
from togetherctl.usecases.difference import readable_difference

if TYPE_CHECKING:
    from tests.support.terminal import Terminal

_ASK = """
import os, sys
import click
from togetherctl.cli.app import App
app = App(os.environ)
long = "".join(f"+line {number}\\n" for number in range(int(sys.argv[2])))
try:
    if sys.argv[1] == "write":
        app.confirm_write(["~/a: new cluster east"], long, yes="--yes" in sys.argv)
    else:
        app.confirm("Remove east?", yes=False, said=["~/a: east goes"], diff=long)
    print("agreed")
except click.exceptions.Exit as done:
    print("refused", done.exit_code)
"""


def _environ(environ: dict[str, str]) -> dict[str, str]:
    chosen = {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PAGER": "cat"}
    return {name: value for name, value in chosen.items() if name not in ("COLUMNS", "CI", "TOGETHERCTL_NO_INPUT")}


def _lines(window: Terminal) -> list[str]:
    return [line.strip() for line in window.everything().splitlines()]


@pytest.mark.parametrize(
    ("how", "keys", "ended"),
    [
        ("write", ["Enter"], "agreed"),
        ("write", ["y", "Enter"], "agreed"),
        ("write", ["n", "Enter"], "refused 1"),
        ("lose", ["Enter"], "refused 1"),
        ("lose", ["y", "Enter"], "agreed"),
    ],
)
@pytest.mark.parametrize("length", [3, 40])
def test_what_an_answer_means(
    how: str, keys: list[str], ended: str, length: int, environ: dict[str, str], tmp_path: Path
) -> None:
    with terminal([sys.executable, "-c", _ASK, how, str(length)], _environ(environ), tmp_path) as window:
        window.until("(Y/n" if how == "write" else "(y/N")
        assert ("+line 2" in _lines(window)) is (length == 3)
        for key in keys:
            window.press(key)
        window.until("ended with 0")
        assert ended in _lines(window)
        assert ("Nothing was changed." in _lines(window)) is ended.startswith("refused")


def test_d_shows_the_whole_difference_and_asks_again(environ: dict[str, str], tmp_path: Path) -> None:
    with terminal([sys.executable, "-c", _ASK, "write", "40"], _environ(environ), tmp_path) as window:
        window.until("d: show the difference")
        window.press("x")
        window.press("Enter")
        window.until("Type one of y, n, d")
        window.press("C-u")
        window.press("d")
        window.press("Enter")
        window.until("+line 39")
        shown = _lines(window)
        assert shown.index("~/a: new cluster east") < shown.index("+line 0")
        assert "agreed" not in shown
        window.press("Enter")
        window.until("agreed")


def test_yes_says_what_matters_and_not_the_difference(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    App(environ).confirm_write(["~/a: new cluster east"], "+line\n" * 3, yes=True)
    App(environ).confirm_write(["~/b: new cluster west"], "+line\n" * 3, yes=False)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "~/a: new cluster east\n~/b: new cluster west\n")
    with pytest.raises(UsageError):
        App(environ).confirm("Remove east?", yes=False)
    App(environ).confirm("Remove east?", yes=False, unasked=True)


def test_certificates_are_short_and_told_apart() -> None:
    def encoded(*bodies: str) -> str:
        pem = "".join(f"-----BEGIN CERTIFICATE-----\n{body * 40}\n-----END CERTIFICATE-----\n" for body in bodies)
        return base64.b64encode(pem.encode()).decode()

    one, two = readable_difference(f'+ca_data = "{encoded("QQ")}"\n+    ca: {encoded("Qg", "QQ")}\n')
    assert one.startswith('+ca_data = "LS0tLS1C… (1 certificate, SHA-256 ')
    assert two.startswith("+    ca: LS0tLS1C… (2 certificates, SHA-256 ")
    assert max(len(one), len(two)) < 80
    assert one[-14:-2] != two[-13:-1]
    digest = "a" * 64
    assert list(readable_difference(f'+sha256 = "{digest}"\n\x1b[2J')) == [f'+sha256 = "{digest}"', "\\x1b[2J"]


_SAY = """
import os
from togetherctl.cli.console import Console
console = Console(os.environ)
console.say("words " * 30)
console.warn("words " * 30)
console.say("  east  " + "words " * 30)
console.show_command("togetherctl login " + "long-name " * 10)
print("done")
"""


def test_sentences_break_between_words(environ: dict[str, str], tmp_path: Path) -> None:
    with terminal([sys.executable, "-c", _SAY], _environ(environ), tmp_path, columns=50) as window:
        window.until("done")
        seen = window.everything().splitlines()
    before = seen[: seen.index("done")]
    assert {word for line in before[:-1] for word in line.split()} == {"words", "warning:", "east"}
    assert before[0] == ("words " * 8).strip()
    assert "  words" in next(line for line in before[before.index(next(x for x in before if "east" in x)) + 1 :])
    assert before[-1].strip() == "togetherctl login " + ("long-name " * 10).strip(), "a command is copied as one line"
