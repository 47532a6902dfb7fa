"""Session files: private from birth, replaced whole, and never used where somebody else may have had a hand in them."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.record import decode, encode
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import LastError, Session, Token
from togetherctl.errors import StorageError
from togetherctl.lock import LockTimeout, hold_lock

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer

KEY = "a" * 64
SESSION = Session(
    issuer="https://login.example.com",
    client_id="x",
    subject="user-1",
    identity="me@acme.com",
    id_token=Token("id-token-value", 1000.0, 1300.0),
    access_token=Token("access-token-value", 1000.0, 1300.0),
    refresh_token="refresh-token-value",
    scope="openid email",
    last_error=LastError(1200.0, "unreachable", "no route"),
)


@pytest.fixture
def sessions(home: Path) -> FileSessions:
    return FileSessions(home / "deep" / "state" / "sessions")


def test_a_session_survives_the_disk(sessions: FileSessions) -> None:
    assert sessions.load(KEY) is None
    for session in (SESSION, replace(SESSION, access_token=None, refresh_token=None, refused=True, last_error=None)):
        sessions.save(KEY, session)
        assert sessions.load(KEY) == session
    assert sessions.delete(KEY)
    assert not sessions.delete(KEY)
    assert sessions.load(KEY) is None


def test_no_repr_shows_a_token() -> None:
    assert "token-value" not in repr(SESSION)


def test_files_are_private_from_birth(sessions: FileSessions, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    real = os.open

    def watched(path: str, flags: int, mode: int = 0o777, **rest: object) -> int:
        descriptor = real(path, flags, mode, **rest)  # type: ignore[arg-type] # passed on as it came
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        sessions.save(KEY, SESSION)
        with sessions.lock(KEY, seconds=1):
            pass
    finally:
        os.umask(before)
    assert modes == [0o600, 0o600]
    for path in sessions.folder.parent.parent.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert {path.name for path in sessions.folder.iterdir()} == {f"{KEY}.json", f"{KEY}.lock"}


def test_a_failed_write_leaves_the_old_session_and_nothing_else(
    sessions: FileSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions.save(KEY, SESSION)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        sessions.save(KEY, replace(SESSION, identity="you@acme.com"))
    assert sessions.load(KEY) == SESSION
    assert [path.name for path in sessions.folder.iterdir()] == [f"{KEY}.json"]


WRONG: dict[str, bytes] = {
    "empty": b"",
    "cut short": encode(SESSION)[:100],
    "not JSON": b"hello",
    "a list": b"[]",
    "no version": json.dumps({"issuer": "x"}).encode(),
    "an odd version": encode(SESSION).replace(b'"version": 1', b'"version": "one"'),
    "a missing field": encode(SESSION).replace(b'"subject"', b'"subjekt"'),
    "a number as token": encode(SESSION).replace(b'"refresh-token-value"', b"7"),
    "a newline in a token": encode(SESSION).replace(b"refresh-token-value", b"a\\nb"),
    "a token without a value": encode(SESSION).replace(b'"id-token-value"', b"null"),
    "text as time": encode(SESSION).replace(b"1300.0", b'"later"'),
    "time without end": encode(SESSION).replace(b"1300.0", b"1e99"),
    "binary": bytes(range(256)),
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG)
def test_what_cannot_be_understood_counts_as_none_and_is_set_aside(data: bytes, sessions: FileSessions) -> None:
    sessions.save(KEY, SESSION)
    path = sessions.folder / f"{KEY}.json"
    path.write_bytes(data)
    assert sessions.load(KEY) is None
    assert path.read_bytes() == data  # reading changes nothing
    aside = sessions.set_aside(KEY)
    assert aside is not None
    assert (aside.name, aside.read_bytes()) == (f"{KEY}.json.bad", data)
    assert not path.exists()
    sessions.save(KEY, SESSION)
    assert sessions.set_aside(KEY) is None
    assert sessions.load(KEY) == SESSION


def test_a_newer_record_is_left_alone(sessions: FileSessions) -> None:
    sessions.save(KEY, SESSION)
    path = sessions.folder / f"{KEY}.json"
    newer = encode(SESSION).replace(b'"version": 1', b'"version": 2')
    path.write_bytes(newer)
    with pytest.raises(StorageError, match="written by a newer togetherctl; it is left alone"):
        sessions.load(KEY)
    assert sessions.set_aside(KEY) is None
    assert path.read_bytes() == newer


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o620])
def test_a_session_open_to_others_is_not_used(mode: int, sessions: FileSessions) -> None:
    sessions.save(KEY, SESSION)
    path = sessions.folder / f"{KEY}.json"
    path.chmod(mode)
    with pytest.raises(StorageError, match=rf"is open to others \(mode {mode:04o}\)") as error:
        sessions.load(KEY)
    assert error.value.remedy is not None
    assert f"chmod 600 {path}" in str(error.value.remedy)
    assert decode(path.read_bytes()) == SESSION


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_session_is_not_used(sessions: FileSessions) -> None:
    sessions.save(KEY, SESSION)
    os.chown(sessions.folder / f"{KEY}.json", 12345, -1)
    with pytest.raises(StorageError, match=r"belongs to another user \(uid 12345\)"):
        sessions.load(KEY)
    os.chown(sessions.folder, 12345, -1)
    with pytest.raises(StorageError, match="belongs to another user"):
        sessions.save("b" * 64, SESSION)


@pytest.mark.parametrize("make", [lambda p: p.mkdir(), os.mkfifo, lambda p: p.symlink_to("/etc/passwd")])
def test_only_a_regular_file_is_a_session(make: Callable[[Path], object], sessions: FileSessions) -> None:
    sessions.folder.mkdir(parents=True, mode=0o700)
    make(sessions.folder / f"{KEY}.json")
    with pytest.raises(StorageError, match="cannot be read"):
        sessions.load(KEY)


def test_a_folder_others_can_write_is_not_used(sessions: FileSessions) -> None:
    sessions.save(KEY, SESSION)
    sessions.folder.chmod(0o777)
    with pytest.raises(StorageError, match="can be written by others") as error:
        sessions.save(KEY, SESSION)
    assert str(error.value.remedy) == f"chmod 700 {sessions.folder}"


def test_a_folder_that_cannot_be_made_is_said(home: Path) -> None:
    (home / "state").write_text("in the way")
    with (
        pytest.raises(StorageError, match="cannot be used for sessions"),
        FileSessions(home / "state" / "x").lock(KEY, seconds=1),
    ):
        pass


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda path: path.write_bytes(b"{"), 0, "could not be understood; it is kept as"),
        (lambda path: path.chmod(0o644), 6, "is open to others (mode 0644)"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 9')), 6, "newer"),
    ],
    ids=["broken", "open", "newer"],
)
def test_each_ends_in_a_sentence_and_nothing_lost(
    spoil: Callable[[Path], object],
    code: int,
    said: str,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    cli: Run,
    home: Path,
    conversation: object,
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")
    spoil(path)
    spoiled = path.read_bytes()

    status = cli("status", "-o", "json")
    assert status.code == 0
    item = json.loads(status.stdout)["items"][0]
    assert item["state"] == "error"
    refused = cli("get-token", "--profile", "acme", CI="1")
    assert (refused.code, refused.stdout) == (code or 3, "")

    if code:
        assert said in refused.stderr
        assert said in item["last_error"]["message"]
        assert path.read_bytes() == spoiled
    else:
        # A login puts it aside before it writes.
        world.engine.login(world.config.profile("acme"), Policy())
        assert said in " ".join(conversation.warned)  # type: ignore[attr-defined] # what the fixture remembers
        assert path.with_name(f"{path.name}.bad").read_bytes() == spoiled


def test_a_lock_has_a_deadline_and_says_how_long_it_has_waited(tmp_path: Path) -> None:
    told: list[float] = []
    with hold_lock(tmp_path / "x.lock", seconds=1):
        with (
            pytest.raises(LockTimeout),
            hold_lock(tmp_path / "x.lock", seconds=0.3, waiting=told.append),
        ):
            pass
        assert told == sorted(told)
        assert told[-1] < 0.3 < told[-1] + 0.2
    with hold_lock(tmp_path / "x.lock", seconds=0, waiting=told.append):
        assert told[-1] < 0.3


def test_a_lock_is_free_when_its_owner_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    script = (
        "import sys, time, pathlib\nfrom togetherctl.lock import hold_lock\n"
        "with hold_lock(pathlib.Path(sys.argv[1]), seconds=1):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    with pytest.raises(LockTimeout), hold_lock(path, seconds=0.1):
        pass
    owner.send_signal(signal.SIGKILL)
    owner.wait(10)
    owner.stdout.close()
    with hold_lock(path, seconds=5):
        assert path.exists()


@pytest.mark.usefixtures("acme")
def test_a_child_inherits_no_lock(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, home: Path
) -> None:
    """A browser started in the middle of a login must not hold the session for as long as it runs."""
    child: list[subprocess.Popen[bytes]] = []

    def start_and_visit(url: str, profile: object) -> object:
        child.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False))
        return browser(url, profile)  # type: ignore[arg-type] # a profile, in truth

    world = make_world(browser=start_and_visit)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    with hold_lock(home / "tctl" / "state" / "sessions" / f"{profile.key}.lock", seconds=0.2):
        assert issuer.counts["/token"] == 1
    child[0].kill()
    child[0].wait(10)


def test_times_are_the_wall_clocks(make_world: MakeWorld) -> None:
    assert abs(make_world().clock() - time.time()) < 60
