"""The help that is shown without loading any command is click's at every width."""

from __future__ import annotations

import subprocess
import sys

import pytest

from docs.generate import help_contexts
from tests.support.installed import PROGRAM
from togetherctl.cli.quick_help import _find, lay_out


@pytest.mark.parametrize("width", [*range(50, 104), 1, 300])
def test_every_page_is_what_click_shows(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    seen = 0
    for words, command, context in help_contexts():
        page = _find(words)
        assert page is not None, words
        context.max_content_width = 100
        assert lay_out(page, width) == command.get_help(context), words
        seen += 1
    assert seen > 60


@pytest.mark.parametrize("columns", [None, "60", "200", "0", "none"])
@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("login", "-h"),
        ("profile", "add", "--help"),
        ("kubectl-together_login", "--help"),
        ("kubectl-together_login", "get-token", "--help"),
    ],
    ids=" ".join,
)
def test_both_ways_say_the_same(words: tuple[str, ...], columns: str | None, environ: dict[str, str]) -> None:
    if columns is not None:
        environ["COLUMNS"] = columns
    quick = call(*words, environ=environ)
    # `-v` is not one of the words of a page.
    slow = call(*words[:-1], "-v", words[-1], environ=environ)
    assert quick == slow
    assert quick.startswith(b"Usage: ")


def call(*words: str, environ: dict[str, str]) -> bytes:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *words], env=environ, capture_output=True, check=True, timeout=30
    )
    assert done.stderr == b""
    return done.stdout


def test_no_command_is_loaded(environ: dict[str, str]) -> None:
    script = (
        "import os, sys; before = set(sys.modules); import togetherctl.__main__ as door\n"
        "os._exit = lambda code: os.write(2, ' '.join(set(sys.modules) - before).encode()) and sys.exit(code)\n"
        "sys.argv = ['togetherctl', *sys.argv[1:]]; door.main()"
    )
    for words in (["--help"], ["login", "--help"], ["kubectl-together_login", "get-token", "-h"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], env=environ, capture_output=True, check=True, timeout=30
        )
        assert done.stdout.startswith(b"Usage: ")
        loaded = {*done.stderr.decode().split()}
        assert loaded <= {
            "togetherctl",
            "togetherctl.__main__",
            "togetherctl.fastpath",
            "togetherctl.plugin_words",
            "togetherctl.cli",
            "togetherctl.cli.quick_help",
            "time",
        }


@pytest.mark.parametrize(("where", "code"), [("/dev/full", 1), ("/dev/null", 0)])
def test_where_it_cannot_be_written(where: str, code: int, environ: dict[str, str]) -> None:
    ends = []
    for words in (["--help"], ["-v", "--help"]):
        with open(where, "wb") as out:
            done = subprocess.run(
                [sys.executable, str(PROGRAM), *words],
                env=environ,
                stdout=out,
                stderr=subprocess.PIPE,
                check=False,
                timeout=30,
            )
        ends.append((done.returncode, done.stderr))
    assert ends[0] == ends[1]
    assert ends[0][0] == code


def test_in_another_encoding_click_answers(environ: dict[str, str]) -> None:
    """get-token's page has a sign that is not in ASCII."""
    environ |= {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    assert call("get-token", "--help", environ=environ) == call("get-token", "-v", "--help", environ=environ)


def test_while_a_line_is_completed_it_is_no_help(environ: dict[str, str]) -> None:
    environ |= {"_TOGETHERCTL_COMPLETE": "bash_complete", "COMP_LINE": "togetherctl lo"}
    assert not call("--help", environ=environ).startswith(b"Usage: ")
