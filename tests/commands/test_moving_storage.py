"""`profile set storage=…` takes the session along; cut off anywhere, it loses and bares nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.keyrings import InMemory, locked
from togetherctl.auth.cache import record
from togetherctl.auth.engine import Policy
from togetherctl.lock import hold_lock as lock_held

if TYPE_CHECKING:
    from tests.conftest import Done, MakeConfig, MakeWorld, Run, UseKeyring
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

SHARED = 'scopes = ["email"]\n\n[profiles.shared]\nissuer = "acme"\nclient_id = "the-client"\nmargin = 30\n'
SHARED += '\n[profiles.other]\nissuer = "acme"\nclient_id = "the-client"\nscopes = ["groups"]\n'


@pytest.fixture
def backend(use_keyring: UseKeyring) -> InMemory:
    made = InMemory()
    use_keyring(made)
    return made


@pytest.fixture
def session_file(
    config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser, make_world: MakeWorld
) -> Path:
    """The session of the profiles acme and shared, in a file; `other` has none."""
    config_at(issuer, "", SHARED)
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    return world.paths.sessions / f"{profile.key}.json"


def storages(home: Path) -> dict[str, str]:
    config = tomllib.loads((home / "tctl" / "config.toml").read_text())
    return {name: profile.get("storage", "file") for name, profile in config["profiles"].items()}


def states(run: Run) -> dict[str, tuple[str, str]]:
    done = run("status", "-o", "json")
    assert done.code == 0
    return {item["profile"]: (item["storage"], item["state"]) for item in json.loads(done.stdout)["items"]}


def test_the_session_moves_there_and_back(
    session_file: Path, cli: Run, backend: InMemory, home: Path, canary: Canary, issuer: ScriptedIssuer
) -> None:
    before, requests = record.decode(session_file.read_bytes()), issuer.counts.copy()
    done = cli("profile", "set", "acme", "storage=keyring")
    assert done.code == 0
    assert done.stderr == (
        "Changed storage of profile acme.\nThe storage of shared changed too, which shares the session.\n"
    )
    assert storages(home) == {"acme": "keyring", "shared": "keyring", "other": "file"}
    sealed = session_file.read_text()
    assert '"sealed"' in sealed
    assert not [kind for secret, kind in canary.secrets.items() if secret in sealed]
    assert states(cli) == {"acme": ("keyring", "valid"), "shared": ("keyring", "valid"), "other": ("file", "none")}

    assert cli("profile", "set", "shared", "storage=file").code == 0
    assert storages(home) == dict.fromkeys(("acme", "shared", "other"), "file")
    assert record.decode(session_file.read_bytes()) == before
    assert cli("get-token", "--profile", "acme").code == 0
    assert issuer.counts == requests
    assert len(backend.kept) == 1


def test_unset_moves_it_back(session_file: Path, cli: Run, backend: InMemory, home: Path) -> None:
    before = session_file.read_bytes()
    assert cli("profile", "set", "acme", "storage=keyring").code == 0
    done = cli("profile", "unset", "acme", "storage")
    assert done.code == 0
    assert done.stderr == (
        "storage of profile acme has its default again.\nThe storage of shared changed too, which shares the session.\n"
    )
    assert storages(home) == dict.fromkeys(("acme", "shared", "other"), "file")
    assert session_file.read_bytes() == before
    assert backend.kept


@pytest.mark.parametrize("start", ["file", "keyring"])
def test_to_memory_deletes_it(start: str, session_file: Path, cli: Run, use_keyring: UseKeyring, home: Path) -> None:
    use_keyring(InMemory())
    assert cli("profile", "set", "acme", f"storage={start}").code == 0
    # What is deleted need not be opened.
    use_keyring(locked())
    done = cli("profile", "set", "acme", "storage=memory")
    assert done.code == 0
    assert "The session of profile " in done.stderr
    assert " was deleted from the disk; the issuer was not told." in done.stderr
    assert storages(home) == {"acme": "memory", "shared": "memory", "other": "file"}
    assert not session_file.exists()
    assert states(cli)["acme"] == ("memory", "none")


def test_ready_files_follow(session_file: Path, cli: Run, backend: InMemory, home: Path) -> None:
    """A finished credential lies where the session's storage lets it, and nowhere after the storage changed."""
    runtime = home / "secrets"
    runtime.mkdir(mode=0o700)

    def ready(storage: str) -> list[str]:
        assert cli("profile", "set", "acme", f"storage={storage}", XDG_RUNTIME_DIR=str(runtime)).code == 0
        assert not [path for path in home.rglob("ready/*") if path.is_file()]
        config = home / "tctl" / "config.toml"
        os.utime(config, (config.stat().st_mtime - 60,) * 2)
        done = cli("get-token", "--profile", "acme", XDG_RUNTIME_DIR=str(runtime), CI="1")
        assert done.code == (3 if storage == "memory" else 0), done.stderr
        return [str(path.relative_to(home).parent) for path in home.rglob("ready/acme") if path.is_file()]

    assert session_file.exists()
    assert ready("file") == ["tctl/cache/ready"]
    assert ready("keyring") == ["secrets/togetherctl/ready"]
    assert ready("memory") == []
    assert backend.kept


def test_a_change_that_is_refused_moves_nothing(session_file: Path, cli: Run, backend: InMemory, home: Path) -> None:
    before = session_file.read_bytes()
    for words in (["storage=keyring", "issuer=nobody"], ["storage=disk"], ["storage=memory", "margin=-1"]):
        assert cli("profile", "set", "acme", *words).code == 2
        assert session_file.read_bytes() == before
    assert storages(home) == dict.fromkeys(("acme", "shared", "other"), "file")
    assert backend.kept == {}
    assert cli("profile", "set", "nobody", "storage=keyring").code == 2


def test_a_new_identity_takes_its_new_partners_along(
    session_file: Path, cli: Run, backend: InMemory, home: Path
) -> None:
    """What was shared before stays where it is; what is shared now follows."""
    before = session_file.read_bytes()
    done = cli("profile", "set", "acme", "scopes=groups", "storage=keyring")
    assert done.code == 0
    assert "The storage of other changed too, which shares the session." in done.stderr
    assert storages(home) == {"acme": "keyring", "shared": "file", "other": "keyring"}
    assert session_file.read_bytes() == before
    assert backend.kept == {}  # there was nothing to seal


def test_a_keyring_that_refuses_changes_nothing(
    session_file: Path, cli: Run, use_keyring: UseKeyring, home: Path
) -> None:
    before = session_file.read_bytes()
    use_keyring(locked())
    done = cli("profile", "set", "acme", "storage=keyring")
    assert done.failure == (6, "storage", "togetherctl profile set shared storage=file")
    assert session_file.read_bytes() == before
    assert storages(home) == dict.fromkeys(("acme", "shared", "other"), "file")


def test_one_can_get_away_from_a_keyring_that_does_not_work(
    session_file: Path, cli: Run, backend: InMemory, use_keyring: UseKeyring, home: Path
) -> None:
    assert cli("profile", "set", "acme", "storage=keyring").code == 0
    sealed = session_file.read_bytes()
    use_keyring(locked())
    done = cli("profile", "set", "acme", "storage=file")
    assert done.code == 0
    assert "stays sealed, because it could not be opened (cannot read from the keyring: it is locked)" in done.stderr
    assert "log in again: togetherctl login" in done.stderr
    assert session_file.read_bytes() == sealed
    assert storages(home)["acme"] == "file"
    # It was only locked: said again, the session is there again.
    use_keyring(backend)
    assert cli("profile", "set", "acme", "storage=file").code == 0
    assert states(cli)["acme"] == ("file", "valid")


def test_a_session_in_use_is_not_moved(session_file: Path, cli: Run, backend: InMemory, home: Path) -> None:
    from togetherctl.auth.cache import migrate

    before = session_file.read_bytes()
    with pytest.MonkeyPatch.context() as patch, lock_held(session_file.with_suffix(".lock"), seconds=1):
        patch.setattr(migrate, "_LOCK_SECONDS", 0.1)
        done = cli("profile", "set", "acme", "storage=keyring")
    assert (done.code, "busy with the session; nothing was changed" in done.stderr) == (1, True)
    assert session_file.read_bytes() == before
    assert storages(home)["acme"] == "file"
    assert backend.kept == {}


@pytest.mark.parametrize(("start", "end"), [("file", "keyring"), ("keyring", "file"), ("file", "memory")])
def test_a_config_that_cannot_be_written_keeps_its_session_as_it_was(
    start: str, end: str, session_file: Path, cli: Run, backend: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from togetherctl.config import files

    def full(*_given: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    assert cli("profile", "set", "acme", "margin=31", f"storage={start}").code == 0
    before = record.decode(session_file.read_bytes()) if start == "file" else session_file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(files, "rewrite", full)
        done = cli("profile", "set", "acme", f"storage={end}")
    assert (done.code, "No space left on device" in done.stderr) == (2, True), done.stderr
    assert before == (record.decode(session_file.read_bytes()) if start == "file" else session_file.read_bytes())
    assert states(cli)["acme"] == (start, "valid")
    assert backend.kept or "keyring" not in (start, end)


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (lambda path: path.chmod(0o644), 6, "is open to others"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2')), 6, "newer"),
        (lambda path: path.write_bytes(b"{"), 0, ""),
    ],
    ids=["open", "newer", "broken"],
)
def test_what_must_not_be_used_is_not_moved(
    spoil: object, code: int, said: str, session_file: Path, cli: Run, backend: InMemory
) -> None:
    spoil(session_file)  # type: ignore[operator] # one of the three above
    before = session_file.read_bytes()
    done = cli("profile", "set", "acme", "storage=keyring")
    assert (done.code, said in done.stderr) == (code, True), done.stderr
    assert session_file.read_bytes() == before
    assert backend.kept == {}


_CUT_OFF = """
import os, signal, sys
from pathlib import Path
from togetherctl.commands.run import run

at, when = int(sys.argv[1]), sys.argv[2]
real, done = Path.replace, []

def replace(self, target):
    if "cache" in self.parts:
        return real(self, target)
    done.append(target)
    if len(done) == at and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, target)
    if len(done) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

Path.replace = replace
run(sys.argv[3:], os.environ)
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize(("start", "end"), [("file", "keyring"), ("keyring", "file"), ("file", "memory")])
def test_cut_off_anywhere_nothing_is_lost_and_nothing_is_open(
    start: str,
    end: str,
    at: int,
    when: str,
    session_file: Path,
    process: Run,
    environ: dict[str, str],
    home: Path,
    canary: Canary,
) -> None:
    """Killed before and after each file that is replaced: the session and the configuration are two of them."""
    chosen = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.InAFile"}
    before = record.decode(session_file.read_bytes())

    def run(*arguments: str) -> Done:
        return process(*arguments, **chosen)

    assert run("profile", "set", "acme", "margin=31", f"storage={start}").code == 0
    killed = subprocess.run(
        [sys.executable, "-c", _CUT_OFF, str(at), when, "profile", "set", "acme", f"storage={end}"],
        env={**environ, **chosen},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if end == "memory" and at == 2:
        # One file is replaced and the other deleted.
        assert killed.returncode == 0
        assert not session_file.exists()
        return
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    # The old or the new, never none; and in the open only where the configuration wants that, or where it is being
    # deleted.
    data = session_file.read_text()
    clear = [kind for secret, kind in canary.secrets.items() if secret in data]
    wants = storages(home)["acme"]
    assert wants in (start, end)
    assert (not clear) or wants in ("file", "memory")
    if start == "keyring":
        assert (not clear) or wants == "file"
    assert run("profile", "set", "acme", f"storage={'keyring' if end == 'memory' else end}").code == 0
    assert run("profile", "set", "acme", "storage=file").code == 0
    assert record.decode(session_file.read_bytes()) == before
    # What a killed write left in the open goes with the next move out of it, and with a logout.
    assert run("profile", "set", "acme", "storage=keyring").code == 0
    for path in session_file.parent.iterdir():
        assert not [kind for secret, kind in canary.secrets.items() if secret in path.read_text()]
    assert run("logout", "acme", "--local").code == 0
    assert [path.suffix for path in session_file.parent.iterdir()] == [".lock"]
