"""The agent as a service: systemd's own judgement of the units, its socket activation, and launchd's plist."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.programs import need
from togetherctl.usecases import agent_units
from togetherctl.usecases.agent_units import MARK, carried_environment, plan

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, Run
    from tests.support.issuer import ScriptedIssuer

PROGRAM = str(Path(sys.executable).parent / "togetherctl")


@pytest.fixture
def units(environ: dict[str, str]) -> tuple[Path, Path]:
    folder = Path(environ["HOME"]) / ".config" / "systemd" / "user"
    return folder / "togetherctl-agent.socket", folder / "togetherctl-agent.service"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Those that would be run; there is no service manager in the tests."""
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(agent_units, "_run", lambda words: ran.append(tuple(words)))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return ran


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: no service manager answers."""
    monkeypatch.setattr(agent_units, "_run", lambda _words: "Failed to connect to bus")


@pytest.mark.usefixtures("alone")
def test_it_is_written_once_and_says_what_starts_it(cli: Run, units: tuple[Path, Path]) -> None:
    done = cli("agent", "install", "--yes")
    assert done.code == 0
    assert "systemctl --user enable --now togetherctl-agent.socket togetherctl-agent.service" in done.stderr
    assert [unit.read_text().splitlines()[0] for unit in units] == [f"# {MARK}"] * 2
    before = [unit.stat().st_ino for unit in units]
    assert "installed as it should be" in cli("agent", "install", "--yes").stderr
    assert [unit.stat().st_ino for unit in units] == before


@pytest.mark.usefixtures("alone")
def test_a_dry_run_shows_and_writes_nothing(cli: Run, units: tuple[Path, Path]) -> None:
    done = cli("agent", "install", "--dry-run")
    assert done.stdout.count(MARK) == 2
    assert str(units[0]) in done.stdout
    assert not units[0].parent.exists()


def test_yes_starts_it_and_without_it_nothing_is_started_unasked(cli: Run, commands: list[tuple[str, ...]]) -> None:
    assert "systemctl --user enable --now" in cli("agent", "install").stderr
    assert [words[2] for words in commands] == ["show-environment"]
    commands.clear()
    assert "starts at every login" in cli("agent", "install", "--yes").stderr
    assert [words[2] for words in commands] == ["show-environment", "daemon-reload", "enable"]


def test_uninstall_takes_only_what_is_ours(cli: Run, units: tuple[Path, Path], commands: list[tuple[str, ...]]) -> None:
    cli("agent", "install", "--yes")
    socket, service = units
    wants = service.parent / "default.target.wants" / service.name
    wants.parent.mkdir()
    wants.symlink_to(service)
    socket.write_text("[Socket]\nListenStream=/tmp/mine\n")
    commands.clear()
    assert cli("agent", "uninstall").code == 2
    assert "would be deleted" in cli("agent", "uninstall", "--dry-run").stderr
    assert wants.is_symlink()
    done = cli("agent", "uninstall", "--yes")
    assert (done.code, socket.exists(), service.exists(), wants.is_symlink()) == (0, True, False, False)
    assert "agent install did not write it" in done.stderr
    assert commands[-1][2:] == ("disable", "--now", *agent_units._UNITS)
    assert "is not installed" in cli("agent", "uninstall", "--yes").stderr
    # Nor does installing replace it.
    done = cli("agent", "install", "--yes")
    assert done.code == 1
    assert "was not written by togetherctl agent install" in done.stderr
    assert not service.exists()


@pytest.mark.usefixtures("commands")
def test_what_stops_the_agent_needs_no_file(
    cli: Run, units: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("agent", "install", "--yes")
    monkeypatch.setattr("togetherctl.commands.agent.uninstall.commands_work", lambda _installation: False)
    done = cli("agent", "uninstall", "--yes")
    assert (done.code, any(unit.exists() for unit in units)) == (0, False)
    assert f"systemctl --user stop {' '.join(agent_units._UNITS)}" in " ".join(done.stderr.split())
    assert "disable" not in done.stderr


@pytest.mark.usefixtures("alone")
def test_clean_all_takes_it_too(cli: Run, units: tuple[Path, Path]) -> None:
    cli("agent", "install", "--yes")
    done = cli("clean", "--all", "--dry-run")
    assert all(unit.name in done.stderr and unit.exists() for unit in units)
    assert cli("clean", "--all", "--yes").code == 0
    assert not any(unit.exists() for unit in units)


def test_no_password_goes_into_a_file(cli: Run, environ: dict[str, str]) -> None:
    given = {
        "HTTPS_PROXY": "http://me:s3cret@proxy:3128",
        "ALL_PROXY": "socks5://proxy:1080",
        "TOGETHER_API_KEY": "key",
        "OIDC_CLIENT_SECRET": "secret",
        "TOGETHERCTL_CONFIG": "~/other.toml",
        "XDG_STATE_HOME": "a\nb",
    }
    carried, left_out = carried_environment({**environ, **given})
    assert left_out == ["HTTPS_PROXY"]
    assert {name for name in given if name in carried} == {"ALL_PROXY", "TOGETHERCTL_CONFIG"}
    assert carried["TOGETHERCTL_CONFIG"] == f"{environ['HOME']}/other.toml"
    done = cli("agent", "install", "--dry-run", **given)
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("folder", ["plain", 'odd "home" with $HOME, 100% and spaces \\'])
def test_systemd_takes_the_units(cli: Run, units: tuple[Path, Path], tmp_path: Path, folder: str) -> None:
    assert cli("agent", "install", "--yes", TOGETHERCTL_HOME=str(tmp_path / folder)).code == 0
    done = subprocess.run(
        [need("systemd-analyze"), "--user", "verify", *map(str, units)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "togetherctl" in line]) == (0, [])


def test_the_plist_says_the_same(environ: dict[str, str]) -> None:
    [file] = plan({**environ, "XDG_CACHE_HOME": "/srv/<a> & b"}, "darwin").files
    read = plistlib.loads(file.text.encode())
    assert file.path == Path(environ["HOME"]) / "Library" / "LaunchAgents" / "togetherctl.agent.plist"
    assert MARK in file.text
    assert read["ProgramArguments"] == [PROGRAM, "agent", "run"]
    assert read["EnvironmentVariables"]["XDG_CACHE_HOME"] == "/srv/<a> & b"
    assert (read["Umask"], read["RunAtLoad"], read["KeepAlive"]) == (0o077, True, {"SuccessfulExit": False})


@pytest.fixture
def runtime() -> Iterator[Path]:
    # The path of a socket has at most some hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="run-"))
    yield folder
    shutil.rmtree(folder)


def test_systemd_opens_the_sockets_and_the_first_request_starts_it(
    environ: dict[str, str], runtime: Path, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    """As the socket unit has it, by systemd's own tool: the agent takes both over, and does not remove them."""
    tool, curl = need("systemd-socket-activate"), need("curl")
    config_at(issuer, profile_keys='forward = "always"')
    folder = runtime / "togetherctl"
    folder.mkdir(mode=0o700)
    sockets = [folder / "agent.sock", folder / "control.sock"]
    listening = [word for path in sockets for word in ("-l", str(path))]
    carried = {**environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
    names = [word for name in carried for word in ("-E", name)]
    manager = subprocess.Popen(
        [tool, *listening, *names, PROGRAM, "agent", "run"],
        env=carried,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: all(path.exists() for path in sockets))
        # Nothing runs yet but the tool itself.
        assert b"systemd-socket-activate" in Path(f"/proc/{manager.pid}/cmdline").read_bytes()
        words = [curl, "--silent", "--max-time", "30", "--unix-socket", str(sockets[1]), "http://agent/v1/status"]
        status = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)
        # The tool became the agent.
        assert (status["pid"], status["socket"]) == (manager.pid, str(sockets[0]))
        words[-2:] = [str(sockets[0]), "http://agent/v1/profiles"]
        profiles = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)
        assert [profile["name"] for profile in profiles["profiles"]] == ["acme"]
    finally:
        manager.terminate()
        assert manager.wait(timeout=60) == 0
    # They are the service manager's, which goes on listening.
    assert all(path.exists() for path in sockets)


def wait_until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
