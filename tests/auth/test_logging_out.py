"""Logging out always logs out: whatever is wrong with the storage, the session goes and its tokens are revoked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer


class Here:
    """Everything of the one session that is there."""

    def __init__(self, home: Path, key: str) -> None:
        self.state, self.cache = home / "tctl" / "state", home / "tctl" / "cache"
        self.folder = self.state / "sessions"
        self.session, self.lock = self.folder / f"{key}.json", self.folder / f"{key}.lock"
        self.login = self.folder / f"{key}.login"
        self.ready = self.cache / "ready" / "acme"
        self.key = key

    def holds_nothing(self) -> bool:
        """Whether no token of the session is left anywhere in the folder, nor a finished credential."""
        texts = [path.read_bytes() for path in self.folder.iterdir() if path.is_file() and not path.is_symlink()]
        return not os.path.lexists(self.ready) and not any(b"refresh-" in text for text in texts)


@pytest.fixture
def here(acme: Path, make_world: MakeWorld, browser: ScriptedBrowser, home: Path) -> Here:
    os.utime(acme, (acme.stat().st_mtime - 100,) * 2)
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    there = Here(home, profile.key)
    assert there.session.exists()
    assert there.ready.exists()
    return there


def _replaced(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink(missing_ok=True)
    make(path)


def _socket(path: Path) -> None:
    # Such an address is short, and the folders of tests are not.
    there = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{there}/{path.name}")
    os.close(there)


def _given_away(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(path, 12345, -1)


def _link_of_the_session(here: Here) -> None:
    elsewhere = here.state / "elsewhere"
    here.session.rename(elsewhere)
    here.session.symlink_to(elsewhere)


# What is wrong, and what the reason says.
UNSAFE: dict[str, tuple[Callable[[Here], object], str]] = {
    "a folder that others may write": (lambda here: here.folder.chmod(0o777), "can be written by others"),
    "a folder that the group may write": (lambda here: here.folder.chmod(0o770), "can be written by others"),
    "a folder of another user": (lambda here: _given_away(here.folder), "belongs to another user"),
    "a lock that is a folder": (lambda here: _replaced(here.lock, os.mkdir), "Is a directory"),
    "a lock that is a dangling link": (
        lambda here: _replaced(here.lock, lambda path: path.symlink_to("nowhere")),
        "cannot be used as the session's lock",
    ),
    "a lock that is a link": (
        lambda here: _replaced(here.lock, lambda path: path.symlink_to(here.session)),
        "cannot be used as the session's lock",
    ),
    "a lock that is a socket": (lambda here: _replaced(here.lock, _socket), "cannot be used as the session's lock"),
    "a lock that is a pipe": (lambda here: _replaced(here.lock, os.mkfifo), "Not a regular file"),
    "a lock of another user": (lambda here: _given_away(here.lock), "belongs to another user (uid 12345)"),
    "a session that is a link": (_link_of_the_session, "cannot be read"),
    "a session of another user": (lambda here: _given_away(here.session), "belongs to another user"),
}


@pytest.mark.parametrize("how", [(), ("--local",)], ids=["revoking", "local"])
@pytest.mark.parametrize("what", UNSAFE)
def test_what_is_unsafe_is_said_after_everything_is_deleted_and_revoked(
    what: str, how: tuple[str, ...], here: Here, cli: Run, issuer: ScriptedIssuer
) -> None:
    spoil, said = UNSAFE[what]
    spoil(here)
    done = cli("logout", *how)
    assert done.code == 6, done.stderr
    assert said in done.stderr
    assert not os.path.lexists(here.session)
    assert here.holds_nothing()
    assert [hint for hint, _ in issuer.revoked] == ([] if how else ["refresh_token", "access_token"])
    assert "Logged me@acme.com out of profile acme" in done.stderr
    # And nothing is served any more.
    served = cli("get-token", "--profile", "acme", TOGETHERCTL_NO_INPUT="1")
    assert (served.stdout, served.code in (3, 6)) == ("", True)


def _half(path: Path) -> None:
    path.write_text('{"version": 1, "issuer": "https://iss')


@pytest.mark.parametrize(
    "make", [os.mkfifo, _socket, os.mkdir, _half], ids=["a pipe", "a socket", "an empty folder", "half a session"]
)
def test_what_stands_in_the_sessions_place_goes(
    make: Callable[[Path], object], here: Here, cli: Run, issuer: ScriptedIssuer
) -> None:
    _replaced(here.session, make)
    done = cli("logout")
    assert done.code == 6
    assert "the tokens are deleted here, but the issuer may still accept them" in done.stderr
    assert not os.path.lexists(here.session)
    assert here.holds_nothing()
    assert issuer.revoked == []
    assert cli("logout").code == 0


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, _socket], ids=["a folder", "a pipe", "a socket"])
def test_an_odd_record_of_a_login_stands_in_no_way(
    make: Callable[[Path], object], here: Here, cli: Run, issuer: ScriptedIssuer
) -> None:
    make(here.login)
    done = cli("logout")
    assert (done.code, here.holds_nothing(), len(issuer.revoked)) == (0, True, 2), done.stderr


def test_a_ready_folder_that_is_open_is_emptied_first(here: Here, cli: Run, issuer: ScriptedIssuer) -> None:
    here.ready.parent.chmod(0o777)
    os.mkfifo(here.ready.with_name("a pipe"))
    issuer.stop()
    assert cli("logout").code == 4
    assert here.holds_nothing()


def test_a_link_in_place_of_the_ready_folder_costs_no_file_of_anybody(here: Here, cli: Run, home: Path) -> None:
    """What is there without being ours stays, whatever it looks like."""
    documents = home / "documents"
    documents.mkdir()
    (documents / "letter").write_text("dear all\n")
    (documents / "seven words").write_text(f"a b c d e f {here.key} h\n")
    kept = here.ready.read_bytes()
    shutil.rmtree(here.ready.parent)
    here.ready.parent.symlink_to(documents)
    (documents / "acme").write_bytes(kept)
    (documents / "acme").chmod(0o600)
    assert cli("logout").code == 0
    assert sorted(path.name for path in documents.iterdir()) == ["letter", "seven words"]


def test_unsafe_and_unreachable_is_unreachable_and_says_both(here: Here, cli: Run, issuer: ScriptedIssuer) -> None:
    here.folder.chmod(0o777)
    issuer.stop()
    done = cli("logout")
    assert (done.code, here.holds_nothing()) == (4, True)
    assert "the issuer may still accept them" in done.stderr
    assert "can be written by others" in done.stderr


def test_a_file_in_the_sessions_place_sends_no_token_of_another_issuer(
    here: Here, cli: Run, issuer: ScriptedIssuer
) -> None:
    """Whoever may write into the folder may exchange its files without being able to read them."""
    session = FileSessions(here.folder).load(here.key)
    assert session is not None
    here.session.write_bytes(here.session.read_bytes().replace(issuer.url.encode(), b"https://other.example.com"))
    before = issuer.counts.copy()
    for words in (("get-token", "--profile", "acme"), ("refresh",)):
        assert cli(*words, TOGETHERCTL_NO_INPUT="1").code == 3
    here.folder.chmod(0o777)
    assert cli("logout").code == 6
    assert (issuer.revoked, issuer.counts - before) == ([], {})
    assert not here.session.exists()


# A process of its own in a mount namespace, where the state is bound read-only.
_READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 99
shift
exec "$@"
"""


@pytest.fixture
def read_only(environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    unshare = [need("unshare"), "-rm", "/bin/sh", "-c"]
    words = [*unshare, _READ_ONLY, "-"]
    works = subprocess.run([*unshare, ":"], check=False, capture_output=True, timeout=30)
    if works.returncode != 0:
        pytest.skip("this machine allows no mount namespace")

    def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, str(folder), sys.executable, "-m", "togetherctl", *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return call


def test_a_read_only_file_system_is_the_one_excuse(
    here: Here, read_only: Callable[..., subprocess.CompletedProcess[str]], issuer: ScriptedIssuer
) -> None:
    done = read_only(here.state, "logout")
    assert done.returncode == 6, done.stderr
    assert f"{here.session} cannot be deleted: Read-only file system" in done.stderr
    assert "the issuer has revoked its tokens" in done.stderr
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
    # The finished credential lies elsewhere, and is gone.
    assert not here.ready.exists()


# Another user may be unable to read this Python, so everything is loaded by logging out of a copy before.
_AS_ANOTHER = """
import os, sys
from togetherctl.commands.run import run
copy, uid = sys.argv[1], int(sys.argv[2])
assert run(["logout"], {**os.environ, "TOGETHERCTL_HOME": copy}) == 0
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
sys.exit(run(["logout"], os.environ))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("spoil", ["a folder of mode 0500", "a file of mode 0000", "a folder of root"])
def test_permissions_that_their_owner_can_change_are_no_excuse(
    spoil: str, here: Here, environ: dict[str, str], issuer: ScriptedIssuer, home: Path
) -> None:
    """And a file of ours in a folder that cannot be changed is emptied."""
    uid = 12345
    shutil.copytree(home / "tctl", home / "copy")
    for path in (home, *home.rglob("*")):
        os.chown(path, uid, uid)
    for path in home.parents:
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
    for path in (home / "copy", *(home / "copy").rglob("*")):
        os.chown(path, 0, 0)
    if spoil == "a file of mode 0000":
        here.session.chmod(0)
    elif spoil == "a folder of mode 0500":
        here.folder.chmod(0o500)
    else:
        os.chown(here.folder, 0, uid)
        here.folder.chmod(0o750)
    done = subprocess.run(
        [sys.executable, "-c", _AS_ANOTHER, str(home / "copy"), str(uid)],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == (0 if spoil == "a folder of mode 0500" else 6), done.stderr
    assert here.holds_nothing()
    assert [hint for hint, _ in issuer.revoked[2:]] == ["refresh_token", "access_token"]
    if spoil == "a folder of root":
        assert "cannot be deleted: Permission denied; it was emptied" in done.stderr


def test_under_storage_keyring_tokens_that_lie_open_are_revoked(
    here: Here, cli: Run, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    done = cli("logout")
    assert done.code == 6
    assert "holds tokens that are not sealed" in done.stderr
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
    assert here.holds_nothing()
