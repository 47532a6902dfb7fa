"""The app in a real terminal: it opens, it answers keys, and leaves the terminal as it found it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.crowd import crowd
from tests.support.terminal import Terminal, terminal

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer

SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
TOGETHERCTL = (sys.executable, "-m", "togetherctl")


@pytest.fixture
def variables(environ: dict[str, str]) -> dict[str, str]:
    del environ["COLUMNS"]
    return environ | {"LC_ALL": "C.UTF-8"}


@pytest.fixture
def three(make_world: MakeWorld, clock: StoppedClock) -> None:
    crowd(make_world().paths, 3, now=clock())


def condition(window: Terminal) -> str:
    """Whether the terminal is on its second screen, hides its cursor, or reports the mouse."""
    return window.call("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}").strip()


@pytest.fixture
def size() -> tuple[int, int]:
    return 80, 24


@pytest.fixture
def window(variables: dict[str, str], tmp_path: Path, three: None, size: tuple[int, int]) -> Iterator[Terminal]:
    assert three is None
    with terminal(TOGETHERCTL, variables, tmp_path, columns=size[0], lines=size[1]) as opened:
        opened.until("● valid")
        yield opened


@SIZES
def test_bare_togetherctl_opens_it(window: Terminal, size: tuple[int, int]) -> None:
    screen = window.screen()
    assert screen.startswith(" togetherctl   3 profiles   3 ● valid")
    assert "└ c2" in screen
    assert condition(window) == "1 0 1"
    # A key of the first half second may be the rest of a word that was begun before the picture.
    time.sleep(0.6)
    window.press("G")
    window.press("/")
    for key in "p1":
        window.press(key)
    window.until("1 with “p1”")
    window.press("Escape")
    # An Escape with a key right behind it would be another key.
    window.until("└ c2")
    window.press("?")
    window.until("Escape goes back")
    window.press("q")
    # Another size while it is open.
    window.call("resize-window", "-x", "60", "-y", "15")
    window.until("rene…")
    window.call("resize-window", "-x", "130", "-y", "40")
    window.until("clusters get")
    # tmux itself leaves lines of a second screen behind that has grown.
    window.call("resize-window", "-x", str(size[0]), "-y", str(size[1]))
    window.press("q")
    screen = window.until("ended with 0")
    assert "togetherctl   3 profiles" not in screen
    assert condition(window) == "0 1 0"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["terminated", "hung-up"])
def test_being_ended_from_outside(number: signal.Signals, window: Terminal) -> None:
    os.kill(_child(window), number)
    window.until(f"ended with {128 + number}")
    assert condition(window) == "0 1 0"


def _child(window: Terminal) -> int:
    """The process in a window, by its number."""
    shell = int(window.call("display-message", "-p", "#{pane_pid}"))
    children = Path(f"/proc/{shell}/task/{shell}/children")
    if not children.exists():
        pytest.skip("this system does not say whose child a process is")
    [child] = children.read_text(encoding="ascii").split()
    return int(child)


def test_what_is_typed_before_the_first_picture_is_dropped(
    variables: dict[str, str], tmp_path: Path, three: None
) -> None:
    assert three is None
    # The keys are in the terminal before the interpreter has begun.
    ready = tmp_path / "typed"
    waiting = f"until test -e {ready}; do sleep 0.1; done; exec {shlex.join(TOGETHERCTL)}"
    with terminal(("sh", "-c", waiting), variables, tmp_path) as window:
        window.call("send-keys", "j", "j", "o", "y", "/", "x", "?")
        ready.touch()
        screen = window.until("● valid")
        assert screen.splitlines()[0].rstrip() == " togetherctl   3 profiles   3 ● valid"
        assert "Filter" not in screen.splitlines()[1]
        window.press("j")
        window.press("C-q")
        window.until("ended with 0")


def test_what_is_typed_fast_reaches_the_field_it_is_meant_for(variables: dict[str, str], tmp_path: Path) -> None:
    with terminal(TOGETHERCTL, variables, tmp_path) as window:
        window.until("There is no profile here yet.")
        # What is typed in the first half second was meant for the shell.
        time.sleep(0.6)
        window.press("a")
        window.until("What you will call this profile")
        # All of it at once, as over a slow line.
        window.call("send-keys", "n", "e", "w", "Down", "h", "t", "t", "p", "Tab", "Tab", "i", "d", "Up", "c", "a")
        screen = window.until("client_id: The client ID")
        assert re.search(r"Name +new ", screen)
        assert re.search(r"Issuer +http ", screen)
        assert re.search(r"Client ID +ca ", screen)
        assert re.search(r"Scopes +id ", screen)
        window.press("C-q")
        window.until("ended with 0")


def test_what_a_client_secret_command_says_does_not_draw_over_it(
    variables: dict[str, str], tmp_path: Path, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    script = tmp_path / "secret.sh"
    script.write_text("echo noise over the table >&2; sleep 1; exit 3\n", "utf-8")
    config_at(issuer, profile_keys=f'client_secret = {{ command = ["sh", "{script}"] }}\ngrant = "client-credentials"')
    with terminal((*TOGETHERCTL, "ui"), variables, tmp_path) as window:
        window.until("· none")
        time.sleep(0.6)
        window.press("l")
        screen = window.until("ended with 3")
        assert "noise" not in screen
        window.press("C-q")
        window.until("ended with 0")
        assert "noise" not in window.everything()


def test_ctrl_c_says_how_to_quit(window: Terminal) -> None:
    window.press("C-c")
    window.until("to quit the app")
    window.press("C-q")
    window.until("ended with 0")


@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": ""}, {"NO_COLOR": "1"}], ids=["plain", "empty", "none"])
def test_colours(colour: dict[str, str], variables: dict[str, str], tmp_path: Path, three: None) -> None:
    assert three is None
    with terminal(TOGETHERCTL, variables | colour, tmp_path) as window:
        window.until("● valid")
        styled = window.screen(styled=True)
        assert ("\x1b[38" in styled) is (colour.get("NO_COLOR") != "1")
        # The cursor is seen either way.
        assert re.search(r"\x1b\[[0-9;]*\b(7|48)[;m]", styled)
        window.press("C-q")
        window.until("ended with 0")


def test_help_where_there_is_no_terminal(process: Run) -> None:
    done = process()
    assert done.code == 0
    assert done.stdout == process("--help").stdout


def test_ui_where_there_is_no_terminal(process: Run) -> None:
    done = process("ui")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        "togetherctl: the terminal interface needs a terminal for its input and its output\n  run: togetherctl status\n"
    )
