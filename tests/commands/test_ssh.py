"""`togetherctl ssh` gives ssh every word as it was typed; tests/real/ssh logs in with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run


@pytest.fixture
def echo(tmp_path: Path, environ: dict[str, str]) -> None:
    """An `ssh` that says what it was called with."""
    programs = tmp_path / "bin"
    programs.mkdir()
    path = programs / "ssh"
    path.write_text('#!/bin/sh\nprintf "<%s>" "$@"\nexit 9\n')
    path.chmod(0o700)
    environ["PATH"] = f"{programs}:{environ['PATH']}"


@pytest.mark.usefixtures("echo")
@pytest.mark.parametrize(
    "words",
    [
        ["-V"],
        # Ours elsewhere on a command line: how much is said, the form of output, help.
        ["-v", "-vv", "-o", "json", "-O", "check", "head1"],
        ["-W", "db:5432", "head1", "--help"],
        ["-Q", "cipher", ""],
    ],
)
def test_every_word_is_one_of_ssh(cli: Run, words: list[str]) -> None:
    done = cli("ssh", *words)
    assert (done.code, done.stdout, done.stderr) == (9, "".join(f"<{word}>" for word in words), "")


@pytest.mark.usefixtures("echo")
def test_what_stands_before_the_word_is_ours(cli: Run) -> None:
    assert cli("-v", "ssh", "-V").stdout == "<-V>"


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_ours_where_it_comes_first(cli: Run, word: str) -> None:
    done = cli("ssh", word)
    assert done.code == 0
    assert "HOST [COMMAND]" in done.stdout


@pytest.mark.usefixtures("echo")
def test_a_control_master_is_made_here_alone(cli: Run) -> None:
    done = cli("ssh", "-M", "head1")
    assert done.failure == (2, "usage", "ssh -M head1")


def test_without_ssh_there_is_a_sentence(cli: Run, tmp_path: Path) -> None:
    done = cli("ssh", "-V", PATH=str(tmp_path))
    assert done.code == 127
    assert "ssh: there is no such command" in done.stderr
