"""Where files live, whatever the environment says of a home."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.errors import UsageError
from togetherctl.paths import expand, locate, tilde

if TYPE_CHECKING:
    from tests.conftest import Run

OWN_HOME = pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "", "TOGETHERCTL_HOME": ""}])
def test_an_empty_home_is_the_one_the_system_has(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    paths = locate(environ, "linux")
    assert str(paths.config) == f"{OWN_HOME}/.config/togetherctl/config.toml"
    assert str(paths.state) == f"{OWN_HOME}/.local/state/togetherctl"
    assert str(expand("~/x", environ)) == f"{OWN_HOME}/x"


def test_a_user_without_a_home_is_told(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(UsageError, match="there is no home folder: HOME is not set") as error:
        locate({})
    assert str(error.value.remedy) == "set HOME, or TOGETHERCTL_HOME to a folder"
    assert cli("config", "path", HOME="", TOGETHERCTL_HOME="").code == 2
    # Who names every folder needs no home.
    assert str(locate({"TOGETHERCTL_HOME": "/srv/t"}).config) == "/srv/t/config.toml"
    assert tilde(Path("/srv/x"), {}) == "/srv/x"


def test_a_home_is_taken_as_it_is_named() -> None:
    assert str(locate({"HOME": "/h"}, "linux").config) == "/h/.config/togetherctl/config.toml"
    assert str(locate({"HOME": "/h", "XDG_CONFIG_HOME": "not/absolute"}, "linux").config.parents[2]) == "/h"
    assert tilde(Path("/h/x"), {"HOME": "/h"}) == "~/x"
