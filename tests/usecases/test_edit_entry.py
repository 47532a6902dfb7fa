"""A change of keys tells which sessions it deletes, and asks at a terminal before names and files change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.terminal import terminal
from togetherctl.auth.engine import Policy
from togetherctl.usecases.edit_entry import lost_sessions

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from togetherctl.config.types import Kind


@pytest.mark.parametrize(
    ("kind", "wanted", "lost"),
    [
        ("profile", {("client_id",): "another"}, ["acme"]),
        ("profile", {("storage",): "memory"}, ["acme"]),
        ("issuer", {("url",): "https://another.example"}, ["acme"]),
        ("profile", {("login_timeout",): 300}, []),
        ("profile", {("client_id",): 7}, []),
    ],
    ids=["another client", "memory alone", "another issuer", "no matter", "refused anyway"],
)
def test_the_sessions_that_a_change_deletes(
    kind: Kind,
    wanted: dict[tuple[str, ...], object],
    lost: list[str],
    acme: Path,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
) -> None:
    world = make_world(browser=browser)
    assert lost_sessions(world, kind, "acme", wanted) == [], "there is none yet"
    session, _ = world.engine.login(world.config.profile("acme"), Policy())
    before = acme.read_bytes()
    found = lost_sessions(world, kind, "acme", wanted)
    assert [(one.profile, one.identity) for one in found] == [(name, session.identity) for name in lost]
    assert acme.read_bytes() == before


def test_a_session_that_another_profile_shares_is_not_lost(
    acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    text = acme.read_text()
    again = text[text.index("[profiles.acme]") : text.index("[clusters")].replace("profiles.acme", "profiles.again")
    acme.write_text(f"{text}\n{again}")
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    assert lost_sessions(world, "profile", "acme", {("client_id",): "another"}) == []


@pytest.mark.parametrize("keys", [["Enter"], ["n", "Enter"]])
def test_a_rename_shows_what_follows_and_asks(
    keys: list[str], acme: Path, cli: Run, home: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert cli("kubeconfig", "write", "--portable").code == 0
    config, agreed = home / ".kube" / "config", keys == ["Enter"]
    before = acme.read_bytes(), config.read_bytes()
    words = [sys.executable, "-m", "togetherctl", "cluster", "rename", "east", "ost"]
    with terminal(words, {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, tmp_path) as window:
        seen = window.until("Rename cluster east to ost?")
        assert "Cluster east becomes ost, also in ~/.kube/config." in " ".join(seen.split())
        assert (acme.read_bytes(), config.read_bytes()) == before
        for key in keys:
            window.press(key)
        said = window.until("ended with")
    assert ("ended with 0" in said, "Nothing was changed." in said) == (agreed, not agreed)
    assert ("[clusters.ost]" in acme.read_text(), "name: ost" in config.read_text()) == (agreed, agreed)
    assert ((acme.read_bytes(), config.read_bytes()) == before) == (not agreed)


@pytest.mark.parametrize("keys", [["Enter"], ["n", "Enter"]])
def test_the_list_of_plugins_is_written_after_a_question(
    keys: list[str], acme: Path, cli: Run, home: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    assert acme.exists()
    assert cli("kubeconfig", "write", "--no-shim").code == 0
    kuberc, agreed = home / ".kube" / "kuberc", keys == ["Enter"]
    words = [sys.executable, "-m", "togetherctl", "kubeconfig", "allowlist", "--write"]
    with terminal(words, {**environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}, tmp_path) as window:
        seen = window.until("Write this?")
        assert "~/.kube/kuberc lets kubectl run these plugins and no others." in " ".join(seen.split())
        assert not kuberc.exists()
        for key in keys:
            window.press(key)
        said = window.until("ended with")
    assert (kuberc.exists(), "Nothing was changed." in said) == (agreed, not agreed)
