"""A session file that nothing can read: none is written, and a login gets past those that are there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import MAX_BYTES, FileSessions
from togetherctl.auth.cache.record import encode
from togetherctl.auth.cache.sealed import Sealed
from togetherctl.auth.engine import Outcome, Policy
from togetherctl.auth.session import Session, Token
from togetherctl.auth.token_response import MAX_BYTES as LARGEST_ANSWER
from togetherctl.config.profile_hints import ProfileHints
from togetherctl.errors import Untrusted

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer

pytestmark = pytest.mark.usefixtures("acme")


def _giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    path.chmod(0o600)


def _full_folder(path: Path) -> None:
    path.mkdir()
    (path / "letter").write_text("dear all")


def _of_another_user(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    path.write_text("{}")
    path.chmod(0o600)
    os.chown(path, 12345, -1)


IN_ITS_PLACE: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "a folder": os.mkdir,
    "a folder with something in it": _full_folder,
    "a giant": _giant,
    "a file of another user": _of_another_user,
}


@pytest.mark.parametrize("aside", ["nothing", "garbage", "a folder"])
@pytest.mark.parametrize("what", IN_ITS_PLACE)
def test_a_login_sets_aside_what_nothing_can_read(
    what: str,
    aside: str,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    cli_in: CliIn,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    path = world.paths.sessions / f"{profile.key}.json"
    path.unlink()
    IN_ITS_PLACE[what](path)
    before = path.with_name(f"{path.name}.bad")
    if aside == "garbage":
        before.write_text("{")
    elif aside == "a folder":
        _full_folder(before)

    cli = cli_in(clock=clock, open_browser=browser)
    refused = cli("get-token", "--profile", "acme", TOGETHERCTL_NO_INPUT="1")
    assert (refused.code, refused.stdout) == (6, "")
    assert cli("status").code == 0
    done = cli("login", "--force")
    assert done.code == 0, done.stderr
    assert "it is kept as" in done.stderr
    kept = [other for other in path.parent.iterdir() if ".bad" in other.name]
    assert len(kept) == (2 if aside == "a folder" or (aside == "garbage" and "folder" in what) else 1)
    assert cli("get-token", "--profile", "acme").code == 0
    assert not conversation.warned
    # A link is set aside, not what it leads to; and logging out takes what can be taken.
    assert cli("logout").code == 0
    left = [other for other in path.parent.iterdir() if ".bad" in other.name]
    assert all(other.is_dir() for other in left)


def test_without_force_a_login_gets_past_it_too(
    make_world: MakeWorld, browser: ScriptedBrowser, conversation: Remembered
) -> None:
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    path = world.paths.sessions / f"{profile.key}.json"
    path.unlink()
    os.mkfifo(path)
    assert world.engine.login(profile, Policy())[1] is Outcome.LOGGED_IN
    assert "it is kept as" in " ".join(conversation.warned)


@pytest.mark.parametrize("size", [LARGEST_ANSWER + 1, 1000 * 1024, 1024 * 1024 - 2000])
def test_an_answer_that_could_not_be_read_again_is_refused(
    size: int, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    """Just under the cap of every answer: what is made of it would be above that of a session file."""
    issuer.token_changes["access_token"] = "x" * size
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    with pytest.raises(Untrusted, match="are larger than 256 KiB"):
        world.engine.login(profile, Policy())
    del issuer.token_changes["access_token"]
    world.engine.login(profile, Policy())
    assert world.engine.load(profile) is not None


def test_a_refresh_with_such_an_answer_keeps_the_rotated_refresh_token(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    issuer.token_changes["access_token"] = "x" * LARGEST_ANSWER
    clock.advance(1000)
    with pytest.raises(Untrusted, match="are larger than"):
        world.engine.refresh(profile)
    after = world.engine.load(profile)
    assert after is not None
    assert after.refresh_token != session.refresh_token
    assert after.refresh_token in issuer.refresh_tokens
    del issuer.token_changes["access_token"]
    assert world.engine.refresh(profile).id_token is not None


class _Key:
    """A sealing key without a keyring."""

    def make(self) -> bytes:
        return b"k" * 32

    read = make


@pytest.mark.parametrize("form", ["plain", "sealed"])
def test_the_largest_answer_is_read_again_from_its_session_file(form: str, home: Path) -> None:
    """Every token as large as a whole answer, of characters that JSON escapes, under the form that takes most."""
    folder = home / "sessions"
    sealed = Sealed(_Key(), ProfileHints())  # type: ignore[arg-type] # what it needs of a key
    sessions = FileSessions(folder) if form == "plain" else FileSessions(folder, sealed)
    token = Token('"' * LARGEST_ANSWER, 1.0, 2.0)
    largest = Session(
        issuer="https://login.example.com",
        client_id="x",
        subject="s" * LARGEST_ANSWER,
        identity="ë" * (LARGEST_ANSWER * 3 // 8),
        id_token=token,
        access_token=token,
        refresh_token=token.value,
        scope="a " * (LARGEST_ANSWER // 2),
    )
    sessions.save("a" * 64, largest)
    assert sessions.load("a" * 64) == largest


def test_what_could_not_be_read_again_is_not_written(home: Path) -> None:
    sessions = FileSessions(home / "sessions")
    small = Session("https://login.example.com", "x", "s", "i", refresh_token="r")
    sessions.save("a" * 64, small)
    giant = replace(small, refresh_token="x" * MAX_BYTES)
    assert len(encode(giant)) > MAX_BYTES
    with pytest.raises(OSError, match="too large to be kept"):
        sessions.save("a" * 64, giant)
    assert sessions.load("a" * 64) == small
