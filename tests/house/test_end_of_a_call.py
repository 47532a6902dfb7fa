"""How a call of the plugin ends: at once, unless something waits for the end of Python."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser

# What Python takes apart at its own end says so.
_LAST = """
import os, sys, togetherctl.__main__
class Last:
    def __del__(self, write=os.write):
        write(2, b"taken apart\\n")
sys.last = Last()
"""
_WAITS = {
    "nothing": "",
    "an exit handler": "import atexit; atexit.register(os.write, 2, b'said goodbye\\n')",
    "a thread": """
import threading, time
def work():
    time.sleep(0.3)
    os.write(2, b"worked to the end\\n")
threading.Thread(target=work).start()
""",
    "a thread that Python does not wait for": """
import threading, time
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
""",
}


@pytest.fixture
def end(environ: dict[str, str]) -> Callable[[str, str], tuple[int, str, str]]:
    """The exit code, stdout and stderr of a call with something that may wait, and another profile's name."""

    def run(waits: str, profile: str) -> tuple[int, str, str]:
        script = f"{_LAST}{_WAITS[waits]}\nsys.argv = ['togetherctl', 'get-token', '--profile', {profile!r}]\n"
        done = subprocess.run(
            [sys.executable, "-c", f"{script}togetherctl.__main__.main()"],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize(
    ("waits", "said"),
    [
        ("nothing", ""),
        ("an exit handler", "said goodbye\ntaken apart\n"),
        ("a thread", "worked to the end\ntaken apart\n"),
        ("a thread that Python does not wait for", ""),
    ],
)
def test_python_is_taken_apart_only_where_something_waits_for_that(
    waits: str,
    said: str,
    end: Callable[[str, str], tuple[int, str, str]],
    acme: Path,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
) -> None:
    assert acme.exists()
    world = make_world(browser=browser)
    world.engine.login(world.profile("acme"), Policy())
    world.ready.drop(None)
    code, stdout, stderr = end(waits, "acme")
    assert (code, stdout.startswith('{"apiVersion"'), stdout.endswith("\n"), stderr) == (0, True, True, said)


def test_a_failure_ends_with_its_code_and_its_words(
    end: Callable[[str, str], tuple[int, str, str]], acme: Path
) -> None:
    assert acme.exists()
    code, stdout, stderr = end("nothing", "acme")
    assert (code, stdout) == (3, "")
    assert "login required" in stderr
