"""Which grant `auto` means: a table of places, and what makes a place what it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.grants.auto import GrantChoice, choose_grant
from togetherctl.auth.grants.registry import GRANTS, is_non_interactive
from togetherctl.auth.login_environment import LoginEnvironment, detect_environment
from togetherctl.config.config import Config

if TYPE_CHECKING:
    from togetherctl.config.types import Grant

DESK = LoginEnvironment()
SSH = "this is an SSH session"
CONTAINER = "this is a container"
WSL = "this is WSL, and it has no browser"
DARK = "there is no display here"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (DESK, ""),
        (LoginEnvironment(opener=False), ""),
        (LoginEnvironment(ssh=True), SSH),
        (LoginEnvironment(ssh=True, container=True), SSH),
        (LoginEnvironment(container=True), CONTAINER),
        (LoginEnvironment(wsl=True, opener=False), WSL),
        (LoginEnvironment(wsl=True, opener=True), ""),
        (LoginEnvironment(display=False, opener=False), DARK),
        (LoginEnvironment(browser_named=True, ssh=True), ""),
        (LoginEnvironment(browser_named=True, container=True, display=False, opener=False), ""),
    ],
)
def test_auto_goes_by_place(place: LoginEnvironment, why: str) -> None:
    assert place.without_browser == why
    offered = choose_grant(place, username=False, device_code_offered=True)
    assert offered == (GrantChoice(GRANTS["device-code"], why) if why else GrantChoice(GRANTS["authcode"]))
    lacking = choose_grant(place, username=False, device_code_offered=False)
    assert lacking == (
        GrantChoice(GRANTS["paste"], f"{why} and the issuer offers no device codes")
        if why
        else GrantChoice(GRANTS["authcode"])
    )
    assert choose_grant(place, username=True, device_code_offered=True) == GrantChoice(
        GRANTS["password"], "the profile names a user"
    )


LAPTOP = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("environ", "files", "why"),
    [
        (LAPTOP, {}, ""),
        ({"WAYLAND_DISPLAY": "wayland-0"}, {}, ""),
        ({}, {}, DARK),
        ({"DISPLAY": ""}, {}, DARK),
        (LAPTOP | {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}, {}, SSH),
        (LAPTOP | {"SSH_TTY": "/dev/pts/0"}, {}, SSH),
        (LAPTOP | {"container": "podman"}, {}, CONTAINER),
        (LAPTOP | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {}, CONTAINER),
        (LAPTOP, {".dockerenv": ""}, CONTAINER),
        (LAPTOP, {"run/.containerenv": ""}, CONTAINER),
        ({}, {"proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2"}, WSL),
        (LAPTOP, {"proc/sys/kernel/osrelease": "6.1.0-generic"}, ""),
    ],
)
def test_a_place_is_known_by_its_signs(
    environ: dict[str, str], files: dict[str, str], why: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert detect_environment({"PATH": "", **environ}, root=tmp_path, platform="linux").without_browser == why
    assert detect_environment({"PATH": "", **environ}, browser_named=True, root=tmp_path).without_browser == ""


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_a_mac_and_windows_have_a_display(platform: str, tmp_path: Path) -> None:
    assert detect_environment({"PATH": ""}, root=tmp_path, platform=platform).without_browser == ""
    assert (
        detect_environment({"PATH": "", "SSH_TTY": "/dev/ttys0"}, root=tmp_path, platform=platform).without_browser
        == SSH
    )


@pytest.mark.parametrize(
    ("grant", "username", "password", "expected"),
    [
        ("client-credentials", None, None, True),
        ("auto", None, None, False),
        ("auto", "me", None, False),
        ("auto", "me", "open sesame", True),
        ("password", "me", "open sesame", True),
        ("password", None, "open sesame", False),
        ("authcode", "me", "open sesame", False),
    ],
)
def test_which_logins_are_not_interactive(
    grant: Grant, username: str | None, password: str | None, expected: object, acme: Path, environ: dict[str, str]
) -> None:
    profile = replace(Config.load(acme, environ).profile(), username=username)
    if password is not None:
        profile = replace(profile, password=lambda: password)
    assert is_non_interactive(profile, grant) is expected
