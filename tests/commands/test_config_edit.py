"""`config edit`: an editor, a private copy, and a configuration that is written only when it is sound."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import terminal
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser

Editor = Callable[[str], None]


@pytest.fixture
def editor(tmp_path: Path, environ: dict[str, str]) -> Editor:
    """Make the editor a program that runs this shell script on the copy, $1."""

    def make(script: str) -> None:
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\nset -e\n{script}\n")
        path.chmod(0o700)
        environ["EDITOR"] = f"'{path}'"

    return make


def folders(home: Path) -> list[Path]:
    return list((home / "tctl" / "state" / "edits").iterdir())


def test_a_sound_edit_is_written(acme: Path, cli: Run, editor: Editor, home: Path, tmp_path: Path) -> None:
    editor(f'stat -c %a "$1" "$(dirname "$1")" > {tmp_path}/modes; echo \'# mine\' >> "$1"')
    before = acme.read_text()
    done = cli("config", "edit")
    assert (done.code, done.stderr) == (0, "Wrote ~/tctl/config.toml.\n")
    assert acme.read_text() == f"{before}# mine\n"
    assert stat.S_IMODE(acme.stat().st_mode) == 0o600
    assert (tmp_path / "modes").read_text().split() == ["600", "700"]
    assert folders(home) == []


def test_no_edit_is_none(acme: Path, cli: Run, editor: Editor) -> None:
    editor("true")
    before = acme.stat()
    done = cli("config", "edit")
    assert (done.code, done.stderr) == (0, "Nothing was changed.\n")
    assert acme.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('printf "margin = 1\\n" > "$1"', "config.toml:1: margin: not a known key"),
        ('printf "version = 1\\n[profiles\\n" > "$1"', "config.toml:2: not TOML"),
        ('rm "$1"', "the editor left no UTF-8 text behind"),
        ("exit 3", "the editor ended with exit code 3"),
        # Nobody writes into it: reading it as a file would wait for ever.
        ('rm "$1"; mkfifo "$1"', "the editor left no UTF-8 text behind"),
        ('truncate -s 17M "$1"', "the editor left more than 16384 KiB behind"),
        (
            '{ printf a; printf ".a%.0s" $(seq 5000); echo " = 1"; } > "$1"',
            "config.toml:1: not TOML: nested too deeply",
        ),
    ],
)
def test_what_is_not_sound_is_not_written(
    script: str, said: str, acme: Path, cli: Run, editor: Editor, home: Path
) -> None:
    editor(script)
    before = acme.read_bytes()
    done = cli("config", "edit")
    assert done.code in (1, 2)
    assert said in done.stderr
    assert acme.read_bytes() == before
    assert folders(home) == []


def test_a_change_of_others_is_not_overwritten(acme: Path, cli: Run, editor: Editor) -> None:
    editor(f"echo '# theirs' >> {acme}; echo '# mine' >> \"$1\"")
    done = cli("config", "edit")
    assert (done.code, done.error is not None and done.error.code) == (2, "conflict")
    assert acme.read_text().endswith("# theirs\n")
    kept = acme.with_name("config.toml.edit-1")
    assert done.stderr.startswith("Your edit is kept in ~/tctl/config.toml.edit-1.\n")
    assert kept.read_text().endswith("# mine\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    cli("config", "edit")
    assert acme.with_name("config.toml.edit-2").exists()


def test_what_a_killed_edit_leaves_goes_with_the_next_one_and_with_clean(
    acme: Path, cli: Run, editor: Editor, home: Path, environ: dict[str, str]
) -> None:
    for command in (["config", "edit"], ["clean"]):
        editor('kill -9 "$PPID"')
        killed = subprocess.run(
            [sys.executable, "-m", "togetherctl", "config", "edit"], env=environ, check=False, timeout=60
        )
        assert killed.returncode == -signal.SIGKILL
        [left] = folders(home)
        assert (left / acme.name).read_text() == acme.read_text()
        editor("true")
        assert cli(*command).code == 0
        assert folders(home) == []


def test_a_broken_configuration_is_mended(acme: Path, cli: Run, editor: Editor) -> None:
    sound = acme.read_text()
    acme.write_text(f"{sound}[broken\n")
    editor('sed -i "/broken/d" "$1"')
    assert cli("config", "edit").code == 0
    assert acme.read_text() == sound


def test_a_new_configuration_begins_with_its_version(cli: Run, editor: Editor, home: Path) -> None:
    editor('grep -q "version = 1" "$1"; echo "# new" >> "$1"')
    assert cli("config", "edit").code == 0
    assert (home / "tctl" / "config.toml").read_text().endswith("# new\n")


def test_a_session_that_would_be_lost_is_asked_about(
    acme: Path, cli: Run, editor: Editor, make_world: MakeWorld, browser: ScriptedBrowser, home: Path
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    editor('sed -i \'s/client_id = .*/client_id = "other"/\' "$1"')
    before = acme.read_text()
    done = cli("config", "edit")
    assert done.code == 2
    assert "The session of me@acme.com goes too" in done.stderr
    assert acme.read_text() == before
    kept = acme.with_name("config.toml.edit-1")
    assert "Your edit is kept in ~/tctl/config.toml.edit-1." in done.stderr
    assert 'client_id = "other"' in kept.read_text()
    assert cli("config", "edit", "--yes").code == 0
    assert 'client_id = "other"' in acme.read_text()
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


def test_an_editor_that_is_not_there(acme: Path, cli: Run) -> None:
    assert acme.exists()
    assert "the editor nosuch cannot be started" in cli("config", "edit", VISUAL="nosuch -w", EDITOR="true").stderr
    assert "is no command line" in cli("config", "edit", EDITOR="'").stderr


def test_a_person_edits_again(acme: Path, editor: Editor, environ: dict[str, str], tmp_path: Path) -> None:
    editor('if grep -q oops "$1"; then sed -i "/oops/d" "$1"; echo "# well" >> "$1"; else sed -i "1i oops" "$1"; fi')
    with terminal([sys.executable, "-m", "togetherctl", "config", "edit"], environ, tmp_path) as person:
        person.until("config.toml:1: not TOML")
        person.until("Edit it again?")
        person.press("Enter")
        person.until("Wrote ~/tctl/config.toml.")
    assert acme.read_text().endswith("# well\n")


def test_a_no_keeps_the_edit(
    acme: Path,
    editor: Editor,
    environ: dict[str, str],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    tmp_path: Path,
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    editor('sed -i \'s/client_id = .*/client_id = "other"/\' "$1"')
    before = acme.read_text()
    with terminal([sys.executable, "-m", "togetherctl", "config", "edit"], environ, tmp_path) as person:
        person.until("Write ~/tctl/config.toml? (y/N)")
        person.press("Enter")
        person.until("Your edit is kept in ~/tctl/config.toml.edit-1.")
    assert acme.read_text() == before
    assert 'client_id = "other"' in acme.with_name("config.toml.edit-1").read_text()


def test_very_many_problems_are_told_without_their_lines(acme: Path, cli: Run, editor: Editor) -> None:
    """To find the lines of so many keys takes time by the square of their number."""
    editor('seq -f "profiles.p%.0f.b.c = 1" 500 > "$1"')
    done = cli("config", "edit")
    assert (done.code, "config.toml has 1500 problems" in done.stderr) == (2, True)
    assert "config.toml: profiles.p500.b: not a known key" in done.stderr
    editor('seq -f "profiles.p%.0f.b.c = 1" 100 > "$1"')
    assert "config.toml:100: profiles.p100.b: not a known key" in cli("config", "edit").stderr
    assert acme.exists()
