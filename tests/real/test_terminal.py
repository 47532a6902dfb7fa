"""Logging in over SSH as a person would: at a real terminal, with a browser somewhere else."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from tests.support.provider import Person
from tests.support.terminal import Terminal, terminal

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real
    from tests.support.canary import Canary

TOGETHERCTL = (sys.executable, "-m", "togetherctl")


@pytest.fixture
def over_ssh(real: Real, process: Run) -> dict[str, str]:
    """The environment of somebody who came by SSH, to a configuration whose redirect URIs are taken by nobody."""
    assert process("profile", "set", "acme", "login_timeout=60", **real.environ).code == 0
    environ = {name: value for name, value in real.environ.items() if name != "TOGETHERCTL_BROWSER"}
    del environ["COLUMNS"]
    return environ | {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22", "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def at_a_terminal(
    over_ssh: dict[str, str], tmp_path: Path, canary: Canary, real: Real
) -> Iterator[Callable[..., Terminal]]:
    with ExitStack() as stack:

        def start(
            *words: str, program: Sequence[str] = TOGETHERCTL, columns: int = 80, lines: int = 24, **changes: str
        ) -> Terminal:
            environ = {name: value for name, value in {**over_ssh, **changes}.items() if value}
            opened = stack.enter_context(terminal([*program, *words], environ, tmp_path, columns=columns, lines=lines))
            stack.callback(lambda: canary.saw("the terminal", opened.everything()))
            return opened

        yield start
        real.watch()


def shown_code(screen: str) -> str:
    [code] = re.findall(r"^ +([A-Z]{4}-[A-Z]{4})$", screen, re.MULTILINE)
    return str(code)


def ended_at(url: str) -> str:
    """Where a browser stands after the login."""
    person = Person("me", stops_at="http://localhost:8000")
    person.log_in(url)
    return person.ended_at


@pytest.mark.parametrize("colour", ["", "1"], ids=["colour", "no colour"])
def test_a_device_login(colour: str, at_a_terminal: Callable[..., Terminal], real: Real) -> None:
    window = at_a_terminal("login", NO_COLOR=colour)
    screen = window.until("Ctrl-C cancels")
    code = shown_code(screen)
    assert screen.splitlines()[0] == "Logging in by device code, because this is an SSH session."
    assert f"  {real.issuer}/device" in screen.splitlines()
    # The picture, the address and the code are all on the screen at once.
    assert len([line for line in screen.splitlines() if line.startswith("██")]) >= 15
    assert ("\x1b[97m" in window.screen(styled=True)) is not bool(colour)

    Person("me").log_in(f"{real.issuer}/device", user_code=code)
    screen = window.until("ended with 0")
    assert "Logged in as me@example.com with profile acme" in " ".join(screen.split())
    assert "Waiting" not in screen


def test_a_terminal_too_small_for_the_picture(at_a_terminal: Callable[..., Terminal], real: Real) -> None:
    window = at_a_terminal("login", columns=70, lines=16)
    screen = window.until("Ctrl-C cancels")
    assert "█" not in screen
    assert screen.splitlines()[1:9] == [
        "Open this address on any device with a browser:",
        "",
        f"  {real.issuer}/device",
        "",
        "and enter this code:",
        "",
        f"  {shown_code(screen)}",
        "",
    ]
    window.press("C-c")
    assert "interrupted; what was done before stays" in window.until("ended with 130")


@pytest.mark.parametrize("whole", [True, False], ids=["address", "code"])
def test_a_paste_login(whole: object, at_a_terminal: Callable[..., Terminal], canary: Canary) -> None:
    window = at_a_terminal("login", "--grant", "paste")
    window.until("Paste it (it stays hidden):")
    [url] = re.findall(r"^  (http://\S+)$", window.everything(), re.MULTILINE)
    address = ended_at(url)
    [code] = re.findall(r"code=([^&]+)", address)
    canary.watch("an authorization code", code)
    # A slip first, as people make them: the address of the login page.
    window.paste(url)
    window.until("that is the address the login began at")
    window.paste(address if whole else code)
    screen = window.until("ended with 0")
    assert "Logged in as me@example.com with profile acme" in " ".join(screen.split())
    assert code not in window.everything()


@pytest.mark.parametrize("grant", ["auto", "paste"])
def test_kubectl_leaves_its_plugin_enough_of_the_terminal(
    grant: str, at_a_terminal: Callable[..., Terminal], process: Run, real: Real, canary: Canary
) -> None:
    """A code to see and a place to paste into, though stdout is kubectl's."""
    assert process("profile", "set", "acme", f"grant={grant}", **real.environ).code == 0
    window = at_a_terminal("get", "pods", program=[need("kubectl")])
    if grant == "auto":
        screen = window.until("Ctrl-C cancels")
        Person("me").log_in(f"{real.issuer}/device", user_code=shown_code(screen))
    else:
        window.until("Paste it (it stays hidden):")
        [url] = re.findall(r"^  (http://\S+)$", window.everything(), re.MULTILINE)
        window.paste(canary.watch("an address with a code", ended_at(url)))
    assert "llm-train-0" in window.until("ended with 0")


@pytest.fixture
def at_a_desk(at_a_terminal: Callable[..., Terminal]) -> Callable[[str], Terminal]:
    """A shell that runs one line, whose browser opens and brings nothing back."""

    def start(line: str) -> Terminal:
        words = line.replace("togetherctl", shlex.join(TOGETHERCTL))
        return at_a_terminal("-c", words, program=["sh"], SSH_CONNECTION="", TOGETHERCTL_BROWSER="true")

    return start


def shown_page(window: Terminal) -> str:
    window.until("Ctrl-C cancels")
    [url] = re.findall(r"^  (http://\S+)$", window.everything(), re.MULTILINE)
    return str(url)


# How a shell finds the terminal: lines end with Enter, and what is typed is seen.
STATE = "stty -a | tr ' ;' '\\n' | grep -xE -e '-?(icanon|echo)' | tr '\\n' ' '"


def test_an_address_is_pasted_while_the_browser_is_waited_for(
    at_a_desk: Callable[[str], Terminal], canary: Canary
) -> None:
    window = at_a_desk(f"togetherctl login; {STATE}")
    url = shown_page(window)
    address = ended_at(url)
    [code] = re.findall(r"code=([^&]+)", address)
    canary.watch("an authorization code", code)
    # A slip first, and an answer to another login.
    window.paste(url)
    window.until("that is the address the login began at")
    window.paste(address.replace("state=", "state=x"))
    window.until("that address answers another login")
    window.paste(address)
    screen = window.until("ended with 0")
    assert "Logged in as me@example.com with profile acme" in " ".join(screen.split())
    assert "icanon echo" in screen
    assert code not in window.everything()


def test_a_wait_that_is_cancelled_leaves_the_terminal_as_it_was(at_a_desk: Callable[[str], Terminal]) -> None:
    window = at_a_desk(f"trap : INT; togetherctl login; echo code $?; {STATE}")
    shown_page(window)
    window.paste("not an address")
    window.until("that holds no code")
    window.press("C-c")
    assert "code 130\nicanon echo" in window.until("ended with 0")


def test_a_wait_that_is_stopped_goes_on_hidden(at_a_terminal: Callable[..., Terminal], canary: Canary) -> None:
    """Ctrl-Z, a command, `fg`: what is typed then is hidden again."""
    window = at_a_terminal("--norc", program=["bash"], SSH_CONNECTION="", TOGETHERCTL_BROWSER="true", PS1="> ")
    window.until("> ")
    window.call("send-keys", f"{shlex.join(TOGETHERCTL)} login", "Enter")
    url = shown_page(window)
    window.press("C-z")
    window.until("Stopped")
    address = canary.watch("an address with a code", ended_at(url))
    window.call("send-keys", "clear; echo on with $((40 + 3)); fg", "Enter")
    ends = monotonic() + 30
    while "Ctrl-C cancels" not in window.screen().partition("on with 43\n")[2]:
        assert monotonic() < ends, window.screen()
        sleep(0.1)
    # It looks at the terminal several times a second.
    sleep(1)
    window.paste(address)
    assert "Logged in as me@example.com" in " ".join(window.until("then refreshed").split())
    window.call("send-keys", "exit", "Enter")
    window.until("ended with 0")


def test_get_token_reads_nothing_that_is_typed(at_a_desk: Callable[[str], Terminal]) -> None:
    window = at_a_desk("togetherctl get-token --profile acme > /dev/null; read line; echo the shell got $line")
    url = shown_page(window)
    window.call("send-keys", "kubectl get pods", "Enter")
    Person("me").log_in(url)
    assert "the shell got kubectl get pods" in window.until("ended with 0")
