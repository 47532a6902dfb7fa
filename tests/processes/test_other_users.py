"""Another user of the machine, who can write where we look: nothing of theirs is used, followed, waited for or lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.ready_file import ReadyFiles
from togetherctl.lock import hold_lock
from togetherctl.paths import locate

if TYPE_CHECKING:
    from tests.processes.conftest import Plugin
    from tests.support.issuer import ScriptedIssuer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can stand in for another user")
OTHER = 12345


def as_another(script: str, *words: str) -> None:
    """Run Python as another user of this machine, with nothing but the standard library."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import os, sys\nos.setgroups([])\nos.setgid({OTHER})\nos.setuid({OTHER})\n{script}",
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder like /tmp: everybody may write, and nobody may take what is another's."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    for path in folder.parents:
        if not path.stat().st_mode & 0o001:
            path.chmod(path.stat().st_mode | 0o001)
    return folder


def test_a_runtime_folder_of_another_user_gets_no_credential(logged_in: Plugin, shared: Path, tmp_path: Path) -> None:
    runtime = shared / "runtime"
    as_another("os.mkdir(sys.argv[1]); os.chmod(sys.argv[1], 0o777)", str(runtime))
    environ = {**logged_in.environ, "XDG_RUNTIME_DIR": str(runtime)}
    ready = ReadyFiles(locate(environ), (logged_in.home / "config.toml").stat())
    now = (logged_in.home / "config.toml").stat().st_mtime + 50
    written = {"token": "a-token", "until": now + 100, "ask_again_at": now + 100, "now": now}
    ready.write("acme", logged_in.profile.key, "keyring", **written)  # type: ignore[arg-type] # named as they are
    assert [path for path in runtime.rglob("*") if path.is_file()] == []
    # In one of ours it is written.
    (tmp_path / "mine").mkdir(mode=0o700)
    ours = ReadyFiles(locate({**environ, "XDG_RUNTIME_DIR": str(tmp_path / "mine")}), ready.config_status)
    ours.write("acme", logged_in.profile.key, "keyring", **written)  # type: ignore[arg-type] # as above
    assert (tmp_path / "mine" / "togetherctl" / "ready" / "acme").exists()


def test_a_link_planted_for_the_ready_folder_deletes_nothing(logged_in: Plugin, shared: Path, tmp_path: Path) -> None:
    """Refreshing and logging out remove ready files, wherever the environment says that they are."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "letter").write_text("dear all\n")
    as_another(
        "os.makedirs(sys.argv[1] + '/togetherctl'); os.symlink(sys.argv[2], sys.argv[1] + '/togetherctl/ready')",
        str(shared / "runtime"),
        str(documents),
    )
    for words in (("refresh",), ("logout",)):
        assert logged_in.run(*words, XDG_RUNTIME_DIR=str(shared / "runtime"))[0] == 0
    assert (documents / "letter").read_text() == "dear all\n"


def test_what_is_planted_in_our_place_is_not_waited_for(logged_in: Plugin, shared: Path) -> None:
    """Pipes and files of theirs: no call hangs, none serves from them, and ours go on."""
    runtime = shared / "runtime"
    script = (
        "folder = sys.argv[1] + '/togetherctl/ready'\nos.makedirs(folder)\nos.mkfifo(folder + '/pipe')\n"
        "os.mkfifo(folder + '/acme')\nopen(folder + '/other', 'w').write('x')\n"
    )
    as_another(script, str(runtime))
    (logged_in.home / "cache" / "ready" / "acme").unlink(missing_ok=True)
    assert logged_in.run(XDG_RUNTIME_DIR=str(runtime))[::2] == (0, "")
    assert logged_in.run("logout", XDG_RUNTIME_DIR=str(runtime))[0] == 0


def test_a_home_that_another_user_made_keeps_no_session(plugin: Plugin, shared: Path, issuer: ScriptedIssuer) -> None:
    """As in /tmp: the configuration is ours, the folder of the sessions was there before."""
    home = shared / "home"
    as_another("os.makedirs(sys.argv[1] + '/state/sessions')", str(home))
    (home / "config.toml").write_bytes((plugin.home / "config.toml").read_bytes())
    (home / "config.toml").chmod(0o600)
    code, stdout, stderr = plugin.run(TOGETHERCTL_HOME=str(home))
    assert (code, stdout) == (6, "")
    assert f"belongs to another user (uid {OTHER})" in stderr
    assert (plugin.visits, issuer.counts["/token"]) == (0, 0)


def test_a_lock_that_another_user_holds_is_not_waited_for(shared: Path) -> None:
    """A lock file of theirs could be held for ever."""
    lock = shared / "x.lock"
    as_another("open(sys.argv[1], 'w').close(); os.chmod(sys.argv[1], 0o666)", str(lock))
    with (
        pytest.raises(OSError, match=rf"belongs to another user \(uid {OTHER}\)"),
        hold_lock(lock, seconds=0, ours=True),
    ):
        pass


def test_a_leftover_of_another_user_is_neither_taken_over_nor_removed(logged_in: Plugin) -> None:
    session = logged_in.session()
    folder, name = logged_in.sessions.folder, f"{logged_in.profile.key}.json"
    planted = folder / f".{name}.1.01234567.tmp"
    planted.write_bytes((folder / name).read_bytes().replace(b"me@acme.com", b"not@acme.com"))
    planted.chmod(0o600)
    os.chown(planted, OTHER, -1)
    os.utime(planted, (2.0e9, 2.0e9))
    with logged_in.sessions.lock(logged_in.profile.key):
        assert logged_in.session() == session
    assert planted.exists()


def test_two_homes_over_one_state_share_a_session_and_nothing_else(
    logged_in: Plugin, tmp_path: Path, issuer: ScriptedIssuer
) -> None:
    """One login serves both, each by its own configuration; what one has ready is not the other's."""
    folders = {name: logged_in.home / name for name in ("state", "cache")}
    first, second = tmp_path / "first", tmp_path / "second"
    for home in (first, second):
        home.mkdir(mode=0o700)
        for name, folder in folders.items():
            (home / name).symlink_to(folder)
        (home / "config.toml").write_bytes((logged_in.home / "config.toml").read_bytes())
        (home / "config.toml").chmod(0o600)
        os.utime(home / "config.toml", (1.7e9, 1.7e9))
    before = issuer.counts["/token"]
    tokens = {logged_in.run(TOGETHERCTL_HOME=str(home))[:2] for home in (first, second, first, second)}
    assert len(tokens) == 1
    assert issuer.counts["/token"] == before
    # The other configuration gives the name another client: it gets none of this session.
    text = (second / "config.toml").read_text().replace('"the-client"', '"another"')
    (second / "config.toml").write_text(text)
    assert logged_in.run(TOGETHERCTL_HOME=str(second), TOGETHERCTL_NO_INPUT="1")[0] == 3
    assert logged_in.run(TOGETHERCTL_HOME=str(first))[0] == 0
    # Logging out of one logs out of both, since it is one session.
    assert logged_in.run("logout", TOGETHERCTL_HOME=str(first))[0] == 0
    assert logged_in.run(TOGETHERCTL_NO_INPUT="1")[0] == 3


def test_many_at_once_in_two_homes_refresh_once(logged_in: Plugin, tmp_path: Path, issuer: ScriptedIssuer) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    (other / "state").symlink_to(logged_in.home / "state")
    (other / "config.toml").write_bytes((logged_in.home / "config.toml").read_bytes())
    (other / "config.toml").chmod(0o600)
    logged_in.aged(life=300, age=1000)
    before = issuer.counts["/token"]
    started = [logged_in.start(TOGETHERCTL_HOME=str(home)) for home in (logged_in.home, other) for _ in range(10)]
    ended = [logged_in.end(process) for process in started]
    assert {(code, token) for code, token, _ in ended} == {(0, ended[0][1])}
    assert issuer.counts["/token"] - before == 1
