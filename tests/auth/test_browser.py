"""Opening a browser: what is started, with which words, and what is never opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.browser import CannotStart, open_browser
from togetherctl.errors import Untrusted

if TYPE_CHECKING:
    from togetherctl.auth import browser

URL = "https://login.example.com/authorize?client_id=x&state=a-b_c.d~e&scope=openid+email"


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[[str], Path]:
    """A program called so that writes down its arguments."""

    def make(name: str) -> Path:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!{sys.executable}\nimport sys\nopen({str(tmp_path / 'words')!r}, 'w').write(repr(sys.argv[1:]))\n"
        )
        program.chmod(0o755)
        return program

    return make


def opened_with(opened: browser.Opened | None, tmp_path: Path) -> str:
    assert opened is not None
    assert opened.process is not None
    assert opened.process.wait(30) == 0
    assert not opened.gave_up()
    return (tmp_path / "words").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), [URL]), (("-P", "work"), ["-P", "work", URL]), (("--app={url}", "--new"), [f"--app={URL}", "--new"])],
)
def test_a_command_of_ones_own(
    words: tuple[str, ...], expected: list[str], recorder: Callable[[str], Path], tmp_path: Path
) -> None:
    opened = open_browser(URL, (str(recorder("firefox")), *words), {})
    assert opened_with(opened, tmp_path) == repr(expected)


@pytest.mark.skipif(sys.platform != "linux", reason="how Linux does it")
def test_the_machines_own_opener_needs_a_display(recorder: Callable[[str], Path], tmp_path: Path) -> None:
    environ = {"PATH": str(recorder("xdg-open").parent)}
    assert open_browser(URL, None, environ) is None
    for display in ({"DISPLAY": ":0"}, {"WAYLAND_DISPLAY": "wayland-0"}):
        assert opened_with(open_browser(URL, None, {**environ, **display}), tmp_path) == repr([URL])
    assert open_browser(URL, None, {"PATH": "/nonexistent", "DISPLAY": ":0"}) is None


def test_false_opens_nothing() -> None:
    assert open_browser(URL, False, {"DISPLAY": ":0"}) is None  # noqa: FBT003 # as a profile has it


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="^/nonexistent/browser could not be started: No such file or directory$"):
        open_browser(URL, ("/nonexistent/browser",), {})
    with pytest.raises(CannotStart, match="could not be started: Permission denied$"):
        open_browser(URL, (str(tmp_path),), {})


def test_a_browser_that_fails_is_noticed() -> None:
    opened = open_browser(URL, (sys.executable, "-c", "raise SystemExit(4)"), {})
    assert opened is not None
    assert opened.process is not None
    opened.process.wait(30)
    assert opened.gave_up()


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://x/'; calc '\"",
        "https://x/ --new",
        "https://x/`id`",
        "https://x/\x1b[31m",
        "--version",
        "",
    ],
)
def test_what_is_no_plain_https_address_is_never_opened(url: str) -> None:
    with pytest.raises(Untrusted, match="not a plain https address"):
        open_browser(url, (sys.executable, "-c", "pass"), {})


def test_a_command_that_goes_through_a_shell_runs_nothing_of_the_issuers(tmp_path: Path) -> None:
    url = f"https://login.example.com/$(touch${{IFS}}{tmp_path}/owned);x*!'"
    with pytest.raises(Untrusted):
        open_browser(url, ("sh", "-c", 'echo "{url}"'), {"PATH": os.environ["PATH"]})
    url = f"https://login.example.com/$(touch{tmp_path}/owned);x*!"
    opened = open_browser(url, ("sh", "-c", f'echo "{{url}}" > {tmp_path}/words'), {"PATH": os.environ["PATH"]})
    assert opened_with(opened, tmp_path) == f"https://login.example.com/%24%28touch{tmp_path}/owned%29%3Bx%2A%21\n"
