"""Asking at a real terminal: what is hidden stays hidden, long lines are whole, and nobody waits for ever."""

from __future__ import annotations

import hashlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from time import monotonic

import pytest

from togetherctl.cli.console import Console
from togetherctl.qr import draw

SCRIPT = """
import fcntl, hashlib, os, sys, termios
from togetherctl.cli.console import Console
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
console = Console(os.environ)
if not console.can_ask:
    sys.exit("CANNOT")
try:
    answer = getattr(console, sys.argv[1])("Well? ", float(sys.argv[2]))
    print(len(answer), hashlib.sha256(answer.encode()).hexdigest()[:8])
except (TimeoutError, EOFError, KeyboardInterrupt) as error:
    print(type(error).__name__)
"""


class Terminal:
    """A person at a pseudo-terminal that runs a question."""

    def __init__(self, master: int) -> None:
        self._master = master
        self.screen = ""

    def type(self, text: str) -> None:
        data = text.encode()
        while data:
            self.read_for(0)
            data = data[os.write(self._master, data[:512]) :]

    def until(self, text: str) -> str:
        ends = monotonic() + 30
        while text not in self.screen and monotonic() < ends:
            self.read_for(0.1)
        assert text in self.screen, self.screen
        return self.screen

    def read_for(self, seconds: float) -> None:
        with suppress(OSError):
            while select([self._master], [], [], seconds)[0]:
                data = os.read(self._master, 4096)
                if not data:
                    return
                self.screen += data.decode()


@contextmanager
def asked(how: str, environ: dict[str, str], *, seconds: float = 60) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, how, str(seconds)],
        env=environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        try:
            yield Terminal(master)
        finally:
            process.kill()
            os.close(master)


def digest(text: str) -> str:
    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def test_a_secret_is_read_and_never_shown(environ: dict[str, str]) -> None:
    with asked("ask_secret", environ) as terminal:
        terminal.until("Well? ")
        terminal.type("open sesame\r")
        screen = terminal.until(digest("open sesame"))
    assert "sesame" not in screen
    assert screen.startswith("Well? \r\n")


def test_a_secret_may_be_longer_than_a_terminals_line(environ: dict[str, str]) -> None:
    long = "http://localhost:8000/?code=" + "x" * 9000
    with asked("ask_secret", environ) as terminal:
        terminal.until("Well? ")
        terminal.type(f"{long}\r")
        assert "xxx" not in terminal.until(digest(long))


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("abc\x7f\x7fd\r", "ad"),
        ("abc\x15d\r", "d"),
        ("\x7f\r", ""),
        ("\x1b[200~abc\x1b[201~\r", "abc"),
        ("über\r", "über"),
    ],
)
def test_a_hidden_line_can_be_mended(typed: str, read: str, environ: dict[str, str]) -> None:
    with asked("ask_secret", environ) as terminal:
        terminal.until("Well? ")
        terminal.type(typed)
        terminal.until(digest(read))


@pytest.mark.parametrize("how", ["ask_line", "ask_secret"])
@pytest.mark.parametrize(("typed", "error"), [("\x04", "EOFError"), ("\x03", "KeyboardInterrupt")])
def test_a_question_can_be_left(how: str, typed: str, error: str, environ: dict[str, str]) -> None:
    with asked(how, environ) as terminal:
        terminal.until("Well? ")
        terminal.type(typed)
        terminal.until(error)


@pytest.mark.parametrize("how", ["ask_line", "ask_secret"])
def test_a_question_ends_by_itself(how: str, environ: dict[str, str]) -> None:
    with asked(how, environ, seconds=0.2) as terminal:
        terminal.until("TimeoutError")


def test_a_line_is_shown_as_it_is_typed(environ: dict[str, str]) -> None:
    with asked("ask_line", environ) as terminal:
        terminal.until("Well? ")
        terminal.type("me\r")
        assert "Well? me\r\n" in terminal.until(digest("me"))


@pytest.mark.parametrize(
    "changes",
    [
        {"CI": "1"},
        {"TOGETHERCTL_NO_INPUT": "1"},
        {"KUBERNETES_EXEC_INFO": '{"spec": {"interactive": false}}'},
        {"KUBERNETES_EXEC_INFO": "not JSON"},
    ],
    ids=str,
)
def test_who_may_not_be_asked_is_not(changes: dict[str, str], environ: dict[str, str]) -> None:
    with asked("ask_line", {**environ, **changes}) as terminal:
        assert "Well?" not in terminal.until("CANNOT")
    with asked("ask_line", {**environ, "KUBERNETES_EXEC_INFO": '{"spec": {"interactive": true}}'}) as terminal:
        terminal.until("Well? ")


def test_without_a_terminal_nobody_is_asked(environ: dict[str, str]) -> None:
    assert not Console(environ).can_ask


def test_a_picture_has_the_size_and_the_margin_a_camera_needs() -> None:
    picture = draw("https://login.example.com/activate?user_code=WDJB-MJHT")
    assert picture is not None
    assert {len(line) for line in picture} == {37}
    assert len(picture) == 19
    # Two light modules around it, and the three finders in its corners.
    assert picture[0] == picture[-1] == "█" * 37
    assert all(line.startswith("██") and line.endswith("██") for line in picture)
    for line in (picture[1], picture[-5]):
        assert line.startswith("██ ▄▄▄▄▄ █")
    assert picture[1].endswith("█ ▄▄▄▄▄ ██")
    assert draw("https://x.example/" + "x" * 3000) is None
