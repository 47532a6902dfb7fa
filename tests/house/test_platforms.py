"""What docs/platforms.md says of macOS and Windows, held to the code; and the parts of it that are pure functions."""

from __future__ import annotations

import ast
import os
import re
import stat
from pathlib import Path

import pytest

from tests.conftest import ROOT
from togetherctl.auth.browser import own_opener
from togetherctl.auth.login_environment import detect_environment
from togetherctl.cli.editor import choose_editor
from togetherctl.disk import is_ours, open_to_others
from togetherctl.paths import locate

PAGE = (ROOT / "docs/platforms.md").read_text(encoding="utf-8")
ASKED = {("sys", "platform"), ("os", "name")}
# Modules of the standard library that one kind of system has.
OF_ONE_SYSTEM = {"fcntl", "grp", "msvcrt", "pwd", "termios", "winreg"}


def depends_on_the_system(path: Path) -> bool:
    """Whether the module asks which system it runs on, or imports what only one kind of system has."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(ast.Name(module), name) if (module, name) in ASKED:
                return True
            case ast.Import(names) if {name.name for name in names} & OF_ONE_SYSTEM:
                return True
            case ast.ImportFrom(module) if module in OF_ONE_SYSTEM:
                return True
    return False


def test_every_module_that_depends_on_the_system_is_on_the_page() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "togetherctl").rglob("*.py")
        if depends_on_the_system(path)
    }
    named = set(re.findall(r"togetherctl/[a-z_/]+\.py", PAGE))
    assert found - named == set(), "say in docs/platforms.md what it does on macOS and Windows, and how that is proven"
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_every_test_that_the_page_names_is_there() -> None:
    for name in set(re.findall(r"tests/[a-z_/]+\.py", PAGE)):
        assert (ROOT / name).is_file(), name


def test_the_folders_of_windows() -> None:
    environ = {"APPDATA": "/roaming", "LOCALAPPDATA": "/local", "XDG_RUNTIME_DIR": "/run/user/1", "HOME": "/h"}
    paths = locate(environ, "win32")
    assert paths.config == Path("/roaming/togetherctl/config.toml")
    assert paths.state == Path("/local/togetherctl/state")
    assert paths.cache == Path("/local/togetherctl/cache")
    assert paths.runtime is None
    without = locate({"USERPROFILE": "/users/me"}, "win32")
    assert without.config == Path("/users/me/AppData/Roaming/togetherctl/config.toml")
    assert without.sessions == Path("/users/me/AppData/Local/togetherctl/state/sessions")


def test_the_folders_of_macos_are_those_of_linux() -> None:
    for environ in ({"HOME": "/h"}, {"HOME": "/h", "XDG_STATE_HOME": "/s"}, {"TOGETHERCTL_HOME": "/t"}):
        assert locate(environ, "darwin") == locate(environ, "linux")


@pytest.mark.parametrize(
    ("editor", "platform", "words"),
    [
        ("", "linux", ["vi"]),
        ("", "darwin", ["vi"]),
        ("", "win32", ["notepad"]),
        ("code --wait", "win32", ["code", "--wait"]),
        (r"C:\vim\vim.exe -n", "win32", [r"C:\vim\vim.exe", "-n"]),
        (r'"C:\Program Files\vim\vim.exe" -n', "win32", [r"C:\Program Files\vim\vim.exe", "-n"]),
        ("'/opt/my editor/vim' -n", "darwin", ["/opt/my editor/vim", "-n"]),
    ],
)
def test_the_editor(editor: str, platform: str, words: list[str]) -> None:
    assert choose_editor({"EDITOR": editor}, platform) == words


def test_macos_opens_a_browser_by_its_own_program_without_a_display() -> None:
    assert own_opener({}, "darwin") == ("/usr/bin/open",)
    assert detect_environment({}, platform="darwin", root=Path("/nonexistent")).opener
    assert own_opener({}, "linux") is None


def test_on_windows_modes_and_owners_say_nothing(tmp_path: Path) -> None:
    """What Python makes up there of a file: mode 0666, owner 0."""
    path = tmp_path / "session.json"
    path.touch()
    path.chmod(0o666)
    status = path.stat()
    made_up = os.stat_result((stat.S_IFREG | 0o666, *status[1:4], os.geteuid() + 1, *status[5:]))
    assert (is_ours(made_up, "win32"), open_to_others(made_up, "win32")) == (True, False)
    for platform in ("linux", "darwin"):
        assert (is_ours(made_up, platform), open_to_others(made_up, platform)) == (False, True)
