"""What a process that is killed in the middle of a write leaves behind: it is used, or swept away, and never kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Gate, ScriptedIssuer
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.record import encode
from togetherctl.disk import leftovers, temporary_beside, write_whole
from togetherctl.lock import Owner, this_machine, this_process

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin
    from togetherctl.auth.session import Session

# Killed when a file whose path ends so is about to get its place, all of it being on disk already.
_KILLED = """
import os, pathlib, signal, sys
replace = pathlib.Path.replace
def kill(path, target):
    if str(target).endswith(os.environ["KILLED_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)
pathlib.Path.replace = kill
from togetherctl.commands.run import run
sys.exit(run(sys.argv[1:], os.environ))
"""


def killed(plugin: Plugin, at: str, *arguments: str, **changes: str) -> None:
    """Run togetherctl until it is killed where a file whose path ends so would get its place."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        env={**plugin.environ, **plugin.browser("log-in"), **changes, "KILLED_AT": at},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == -9, done.stderr


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".tmp"))


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def leave(folder: Path, name: str, data: bytes, owner: Owner, *, when: float | None = None) -> Path:
    """A temporary file of `owner` that was to become `name`."""
    path = folder / f".{name}.{owner.pid}.{os.urandom(4).hex()}{'.' if owner.machine else ''}{owner.machine}.tmp"
    path.write_bytes(data)
    path.chmod(0o600)
    if when is not None:
        os.utime(path, (when, when))
    return path


def test_a_refresh_killed_before_the_rename_is_taken_over(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """The spent refresh token costs nothing: the new one is in the file that was to replace the session."""
    logged_in.aged(life=300, age=1000)
    killed(logged_in, f"{logged_in.profile.key}.json", "get-token", "--profile", "acme")
    assert len(left_in(logged_in.sessions.folder)) == 1
    before = issuer.counts["/token"]
    code, token, stderr = logged_in.run()
    assert (code, stderr, issuer.counts["/token"] - before, logged_in.visits) == (0, "", 0, 0)
    session = logged_in.session()
    assert session is not None
    assert session.id_token is not None
    assert session.id_token.value == token
    assert left_in(logged_in.sessions.folder) == []
    # And its refresh token is the one that the issuer takes.
    assert session.refresh_token in issuer.refresh_tokens


def test_a_login_killed_before_the_rename_is_taken_over(plugin: Plugin, issuer: ScriptedIssuer) -> None:
    killed(plugin, f"{plugin.profile.key}.json", "get-token", "--profile", "acme")
    assert plugin.visits == 1
    code, _, stderr = plugin.run()
    assert (code, stderr, plugin.visits, issuer.counts["/token"]) == (0, "", 1, 1)


def test_a_refresh_behind_killed_before_the_rename_is_taken_over(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """By the next caller, who serves the stale token and starts no second refresh."""
    logged_in.aged(life=1000, age=850)
    killed(logged_in, f"{logged_in.profile.key}.json", "refresh")
    before = issuer.counts["/token"]
    for _ in range(2):
        assert logged_in.run()[::2] == (0, "")
    logged_in.wait_until(lambda: not logged_in.children())
    assert (issuer.counts["/token"], logged_in.visits) == (before, 0)
    session = logged_in.session()
    assert session is not None
    assert session.refresh_token in issuer.refresh_tokens


def younger(session: Session) -> bytes:
    return encode(replace(session, identity="younger@acme.com"))


@pytest.mark.parametrize(
    ("data", "owner", "ahead", "ends"),
    [
        (younger, lambda dead: Owner(dead, this_machine()), 5, (True, False)),
        (younger, lambda dead: Owner(dead, ""), 5, (True, False)),
        (lambda session: younger(session)[:-40], lambda dead: Owner(dead, this_machine()), 5, (False, False)),
        (lambda _session: b"", lambda dead: Owner(dead, this_machine()), 5, (False, False)),
        (younger, lambda dead: Owner(dead, this_machine()), -5, (False, False)),
        (younger, lambda _dead: this_process(), 5, (False, True)),
        (younger, lambda dead: Owner(dead, "00000000-00000000"), 5, (False, True)),
        (younger, lambda dead: Owner(dead, f"00000000{this_machine()[8:]}"), 5, (False, True)),
        (
            lambda session: encode(replace(session, client_id="another")),
            lambda dead: Owner(dead, this_machine()),
            5,
            (False, False),
        ),
    ],
    ids=[
        "whole and newer",
        "of version 0.1.0",
        "cut short",
        "empty",
        "older than the session",
        "of a process that runs",
        "of another machine",
        "of this machine before it was started again",
        "of another client",
    ],
)
def test_only_what_is_certainly_the_newer_session_is_taken_over(
    data: Callable[[Session], bytes],
    owner: Callable[[int], Owner],
    ahead: float,
    ends: tuple[bool, bool],
    logged_in: Plugin,
    dead: int,
) -> None:
    session = logged_in.session()
    assert session is not None
    folder, name = logged_in.sessions.folder, f"{logged_in.profile.key}.json"
    when = (folder / name).stat().st_mtime + ahead
    left = leave(folder, name, data(session), owner(dead), when=when)
    other = leave(folder, f"{'b' * 64}.json", younger(session), Owner(dead, this_machine()))
    # Without the lock nothing happens.
    assert logged_in.session() == session
    with logged_in.sessions.lock(logged_in.profile.key):
        now = logged_in.session()
    assert now is not None
    assert (now.identity == "younger@acme.com", left.exists()) == ends, "taken over, or left where it is"
    assert other.exists(), "that of another KEY is none of this lock's business"


def test_the_newest_of_several_is_taken_over(logged_in: Plugin, dead: int) -> None:
    session = logged_in.session()
    assert session is not None
    folder, name = logged_in.sessions.folder, f"{logged_in.profile.key}.json"
    when = (folder / name).stat().st_mtime
    for ahead in (3, 9, 6):
        data = encode(replace(session, identity=f"{ahead}@acme.com"))
        leave(folder, name, data if ahead != 9 else data[:50], Owner(dead, this_machine()), when=when + ahead)
    with logged_in.sessions.lock(logged_in.profile.key):
        pass
    now = logged_in.session()
    assert now is not None
    assert (now.identity, left_in(folder)) == ("6@acme.com", [])


@pytest.mark.parametrize("machine", [None, "00000000-00000000", ""], ids=["ours", "another's", "of version 0.1.0"])
def test_logout_revokes_and_deletes_what_is_left(
    machine: str | None, logged_in: Plugin, dead: int, issuer: ScriptedIssuer
) -> None:
    """Whoever left it: a refresh token that stays on disk is a session that goes on."""
    session = logged_in.session()
    assert session is not None
    data = encode(replace(session, refresh_token="refresh-left-behind", access_token=None))
    owner = Owner(dead, this_machine() if machine is None else machine)
    leave(logged_in.sessions.folder, f"{logged_in.profile.key}.json", data, owner, when=1.0)
    aside = logged_in.sessions.folder / f"{logged_in.profile.key}.json.bad"
    aside.write_text("{")
    assert logged_in.run("logout")[0] == 0
    revoked = {token for _, token in issuer.revoked}
    assert {"refresh-left-behind", session.refresh_token} <= revoked
    assert [path.suffix for path in logged_in.sessions.folder.iterdir()] == [".lock"]


def test_logout_revokes_the_session_that_is_taken_over_and_the_one_before(
    logged_in: Plugin, dead: int, issuer: ScriptedIssuer
) -> None:
    session = logged_in.session()
    assert session is not None
    data = encode(replace(session, refresh_token="refresh-left-behind", access_token=None))
    name = f"{logged_in.profile.key}.json"
    when = (logged_in.sessions.folder / name).stat().st_mtime + 5
    leave(logged_in.sessions.folder, name, data, Owner(dead, this_machine()), when=when)
    assert logged_in.run("logout")[0] == 0
    assert {"refresh-left-behind", session.refresh_token} <= {token for _, token in issuer.revoked}
    assert [path.suffix for path in logged_in.sessions.folder.iterdir()] == [".lock"]


def test_login_deletes_what_is_left(plugin: Plugin, dead: int) -> None:
    folder = plugin.sessions.folder
    folder.mkdir(parents=True, mode=0o700)
    left = leave(folder, f"{plugin.profile.key}.json", b"{", Owner(dead, this_machine()))
    assert plugin.run("login")[0] == 0
    assert not left.exists()


# Whose place is about to be taken when the process is killed, by which command, and where the next one sweeps.
WRITES = {
    "a ready file": ("ready/acme", ("get-token", "--profile", "acme"), "cache/ready"),
    "the configuration": ("/config.toml", ("profile", "set", "acme", "login=never"), "."),
    "a kubeconfig": (".kube/config", ("kubeconfig", "write", "--no-shim"), "../.kube"),
}


@pytest.mark.parametrize("what", WRITES)
def test_the_next_write_sweeps(what: str, logged_in: Plugin) -> None:
    at, command, place = WRITES[what]
    folder = (logged_in.home / place).resolve()
    if what == "a ready file":
        (folder / "acme").unlink(missing_ok=True)
    killed(logged_in, at, *command)
    assert len(left_in(folder)) == 1, sorted(folder.iterdir())
    assert logged_in.run(*command)[0] == 0
    assert left_in(folder) == []


def test_a_discovery_and_a_login_record_and_a_known_profile_are_swept(logged_in: Plugin, dead: int) -> None:
    owner = Owner(dead, this_machine())
    discovery = next((logged_in.home / "cache" / "discovery").glob("*.json"))
    known = logged_in.home / "cache" / "profiles"
    login = f"{logged_in.profile.key}.login"
    left = [
        leave(discovery.parent, discovery.name, b"{", owner),
        leave(logged_in.sessions.folder, login, b"{", owner),
    ]
    discovery.unlink()
    assert logged_in.run("login", "--force")[0] == 0
    assert [path.exists() for path in left] == [False, False]
    assert logged_in.run("profile", "set", "acme", "margin=30")[0] == 0
    os.utime(logged_in.home / "config.toml", (1.0e9, 1.0e9))
    known.mkdir(exist_ok=True, mode=0o700)
    left = [leave(known, "gone", b"{}", owner)]
    assert logged_in.run()[0] == 0
    assert not left[0].exists()


def test_every_write_sweeps_what_the_dead_left_and_nothing_else(tmp_path: Path, dead: int) -> None:
    gone = [
        leave(tmp_path, "config", b"x", Owner(dead, this_machine())),
        leave(tmp_path, "other.toml", b"x", Owner(dead, this_machine())),
        leave(tmp_path, "config", b"x", Owner(dead, "")),
    ]
    stays = [
        leave(tmp_path, "config", b"x", this_process()),
        leave(tmp_path, "config", b"x", Owner(dead, "00000000-00000000")),
        leave(tmp_path, "config", b"x", Owner(dead, "not-a-machine")),
        tmp_path / f".config.{dead}.tmp",
        tmp_path / f".config.{dead}.abcdefgh.tmp",
        tmp_path / f"config.{dead}.01234567.tmp.",
    ]
    for path in stays[3:]:
        path.write_text("another program's")
    # Without a machine in its name, it may be of another program, unless it lies beside its own file.
    stays.append(leave(tmp_path, "notes", b"x", Owner(dead, "")))
    (tmp_path / f".link.{dead}.01234567.tmp").symlink_to(stays[3])
    write_whole(tmp_path / "config", b"new")
    assert [path.exists() for path in gone] == [False, False, False]
    assert all(path.exists() for path in stays)
    assert (tmp_path / f".link.{dead}.01234567.tmp").is_symlink()


def test_a_temporary_file_says_who_made_it(tmp_path: Path) -> None:
    path = temporary_beside(tmp_path / "a.b.json")
    path.write_text("")
    assert [(left.path, left.of, left.owner) for left in leftovers(tmp_path)] == [(path, "a.b.json", this_process())]
    assert not this_process().is_dead()


def test_machines_are_told_apart_by_host_boot_and_process_numbers() -> None:
    """A container shares its host's boot ID, but not its process numbers, nor need it share its name."""
    script = "from togetherctl.lock import this_machine; print(this_machine())"

    def asked(*words: str) -> str:
        done = subprocess.run([*words, sys.executable, "-c", script], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip("this machine allows no namespaces")
        return done.stdout.strip()

    ours = asked()
    assert ours == this_machine()
    apart = asked("/usr/bin/unshare", "-r", "--pid", "--fork", "--mount-proc")
    renamed = asked("/usr/bin/unshare", "-r", "--uts", "/bin/sh", "-c", 'hostname elsewhere && exec "$@"', "-")
    assert len({ours, apart, renamed}) == 3
    assert {text[:8] for text in (ours, apart, renamed)} == {ours[:8]}


def test_clean_takes_what_is_left_everywhere(logged_in: Plugin, dead: int, acme: Path) -> None:
    home, owner = logged_in.home, Owner(dead, this_machine())
    kube = home.parent / ".kube"
    kube.mkdir()
    secret = home.parent / "a secret"
    acme.write_text(acme.read_text().replace("[clusters", f'client_secret = {{ file = "{secret}" }}\n[clusters', 1))
    for folder in ("state/bundles", "state/shim", "cache/profiles"):
        (home / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    elsewhere = Owner(dead, "00000000-00000000")
    gone = [
        leave(home, "config.toml", b"x", owner),
        leave(home, "config.toml.before-togetherctl", b"x", Owner(dead, "")),
        leave(home / "state", "conversions.json", b"x", owner),
        leave(home / "state" / "bundles", f"{'c' * 64}.toml", b"x", owner),
        leave(home / "state" / "shim", "togetherctl", b"x", owner),
        leave(home / "cache" / "ready", "acme", b"x", owner),
        leave(home / "cache" / "profiles", "acme", b"x", elsewhere),
        leave(home / "cache" / "discovery", f"{'d' * 32}.json", b"x", owner),
        leave(home / "state" / "sessions", f"{'e' * 64}.json", b"x", elsewhere),
        leave(home / "state" / "sessions", f"{'e' * 64}.login", b"x", owner),
        leave(kube, "config", b"x", owner),
        leave(kube, "config", b"x", elsewhere),
        leave(kube, "config.lock", b"x", owner),
        leave(kube, "config.before-togetherctl", b"x", owner),
        leave(secret.parent, secret.name, b"x", owner),
    ]
    stays = [
        leave(kube, "config", b"x", this_process()),
        leave(kube, "somebody's", b"x", Owner(dead, "")),
        kube / "cache.tmp",
    ]
    stays[-1].write_text("")
    code, _, stderr = logged_in.run("clean", KUBECONFIG="")
    assert code == 0, stderr
    assert [path.name for path in gone if path.exists()] == []
    assert [path.exists() for path in stays] == [True, True, True]
    assert stderr.count("what a killed togetherctl left") >= 10
    assert f"process {os.getpid()} is writing it" in stderr


@pytest.mark.parametrize("when", ["before the answer", "after the answer"])
def test_a_refresh_behind_that_is_killed_is_followed_by_the_next(
    when: str, logged_in: Plugin, issuer: ScriptedIssuer
) -> None:
    """Its lock is free with its death; where its answer was lost, the token in hand serves until it ends."""
    stale = logged_in.aged(life=1000, age=850)
    assert stale.id_token is not None
    gate = issuer.gates["/token"] = Gate(drops=when == "before the answer")
    assert logged_in.run()[1] == stale.id_token.value
    gate.wait_for_somebody()
    [child] = logged_in.children()
    os.kill(child, 9)
    logged_in.wait_until(lambda: not logged_in.children())
    del issuer.gates["/token"]
    gate.open()
    if when == "after the answer":
        logged_in.wait_until(lambda: issuer.counts["/token"] == 2)
    # Half a minute later.
    (logged_in.home / "cache" / "ready" / "acme").unlink()
    assert logged_in.run()[1] == stale.id_token.value
    logged_in.wait_until(lambda: not logged_in.children())
    session = logged_in.session()
    assert session is not None
    assert session.refreshable == (when == "before the answer")
    assert logged_in.run()[0] == 0
    assert (left_in(logged_in.sessions.folder), logged_in.visits) == ([], 0)


def test_a_caller_that_is_killed_leaves_its_child_at_work(logged_in: Plugin, issuer: ScriptedIssuer) -> None:
    """The lock hangs on the open file that the child inherited."""
    logged_in.aged(life=1000, age=850)
    gate = issuer.gates["/token"] = Gate()
    script = (
        "import os, signal\n"
        "from togetherctl.auth import background_refresh\n"
        "really = background_refresh.refresh_in_background\n"
        "def start(*words):\n    really(*words)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "background_refresh.refresh_in_background = start\n"
        "from togetherctl.commands.run import run\n"
        "run(['get-token', '--profile', 'acme'], os.environ)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=logged_in.environ, check=False, timeout=60)
    assert done.returncode == -9
    gate.wait_for_somebody()
    [child] = logged_in.children()
    assert logged_in.run()[0] == 0
    assert logged_in.children() == [child]
    gate.open()
    logged_in.wait_until(lambda: not logged_in.children())
    assert issuer.counts["/token"] == 2
    assert FileSessions(logged_in.sessions.folder).load(logged_in.profile.key) is not None
