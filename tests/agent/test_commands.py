"""`togetherctl agent` as people type it: start, status, log, stop, and what `clean --all` does about it."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import RunningAgent, call
from tests.conftest import ROOT
from tests.support.pages import typed_on
from togetherctl.agent.client import runs
from togetherctl.agent.log import Follower, Log, files, read
from togetherctl.agent.sockets import pid_in

if TYPE_CHECKING:
    from tests.conftest import MakeConfig
    from tests.support.issuer import ScriptedIssuer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    return config_at(issuer, profile_keys='forward = "always"')


@pytest.fixture
def ctl(agent: RunningAgent, config: Path) -> Iterator[Run]:
    """The command line as a process; an agent that it started is ended."""
    assert config.exists()

    def call_it(*words: str, code: int = 0, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "togetherctl", *words],
            env={**agent.environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return done

    yield call_it
    pid = pid_in(agent.folder) if runs(agent.folder) else None
    if pid:
        os.kill(pid, signal.SIGKILL)


def status(ctl: Run) -> dict[str, object]:
    found: dict[str, object] = json.loads(ctl("agent", "status", "-o", "json").stdout)["item"]
    return found


def test_start_status_and_stop(ctl: Run, agent: RunningAgent) -> None:
    nothing = ctl("agent", "status", "-o", "json", code=3)
    assert json.loads(nothing.stdout)["error"]["code"] == "no_agent"
    assert "togetherctl agent start" in nothing.stderr
    said = ctl("agent", "start").stderr
    item = status(ctl)
    assert list(item)[:4] == ["pid", "socket", "since", "profiles"]
    assert item["socket"] == str(agent.socket)
    assert f"(pid {item['pid']})" in said
    assert isinstance(item["profiles"], list)
    assert [(profile["name"], profile["forward"]) for profile in item["profiles"]] == [("acme", "always")]
    # It is in a session of its own, and holds nothing of the terminal that started it.
    assert os.getsid(int(str(item["pid"]))) == item["pid"]
    opened = [str(Path(f"/proc/{item['pid']}/fd/{number}").readlink()) for number in range(3)]
    assert opened == ["/dev/null", "/dev/null", str(agent.state / "trouble.log")]
    assert "runs already" in ctl("agent", "start").stderr
    assert f"runs already (pid {item['pid']})" in ctl("agent", "run", code=1).stderr
    assert status(ctl)["pid"] == item["pid"]
    assert f"(pid {item['pid']})" in ctl("agent", "stop").stderr
    assert not agent.socket.exists()
    assert "No agent runs" in ctl("agent", "stop").stderr


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_what_the_page_of_the_protocol_types_works(ctl: Run, agent: RunningAgent, tmp_path: Path) -> None:
    program = tmp_path / "togetherctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m togetherctl "$@"\n')
    program.chmod(0o700)
    environ = {**agent.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = [
        subprocess.run(["/bin/sh", "-c", typed.line], env=environ, capture_output=True, text=True, check=True).stdout
        for typed in typed_on(ROOT / "docs" / "agent-protocol.md")
    ]
    assert len(said) == 3
    assert json.loads(said[1])["profiles"][0]["name"] == "acme"
    assert json.loads(ctl("agent", "status", "-o", "json", code=3).stdout)["error"]["code"] == "no_agent"


def test_where_no_socket_fits_no_agent_runs_and_start_says_why(ctl: Run, tmp_path: Path) -> None:
    far = str(tmp_path / ("x" * 100))
    ctl("agent", "status", code=3, XDG_RUNTIME_DIR=far)
    assert "No agent runs" in ctl("agent", "stop", XDG_RUNTIME_DIR=far).stderr
    assert "too long for a Unix socket" in ctl("agent", "start", code=1, XDG_RUNTIME_DIR=far).stderr


def test_an_agent_that_cannot_begin_says_why(ctl: Run, agent: RunningAgent) -> None:
    agent.folder.mkdir(mode=0o700)
    agent.control.write_text("a file")
    said = ctl("agent", "start", code=1).stderr
    assert "which is no socket" in said
    assert "Traceback" not in said


def test_a_configuration_that_is_wrong_is_said_at_the_start(ctl: Run, config: Path) -> None:
    config.write_text("x")
    assert "nothing is handed out" in ctl("agent", "start").stderr


def test_an_agent_of_another_configuration_is_not_taken_for_this_one(ctl: Run, tmp_path: Path) -> None:
    ctl("agent", "start")
    said = ctl("agent", "start", code=1, TOGETHERCTL_HOME=str(tmp_path / "other")).stderr
    assert "for another configuration" in said


def test_a_stopped_agent_costs_a_deadline_and_no_hang(ctl: Run) -> None:
    ctl("agent", "start")
    pid = int(str(status(ctl)["pid"]))
    os.kill(pid, signal.SIGSTOP)
    try:
        said = ctl("agent", "status", code=4).stderr
        assert f"the agent (pid {pid}) did not answer within" in said
        assert f"kill -CONT {pid}" in said
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status(ctl)["pid"] == pid


def test_the_log_is_shown_and_followed(ctl: Run, agent: RunningAgent) -> None:
    assert "Nothing was handed out" in ctl("agent", "log").stderr
    ctl("agent", "start")
    call(agent.socket, "GET", "/v1/credentials/acme")
    call(agent.forward("node.example"), "GET", "/v1/credentials/nothing")
    rows = ctl("agent", "log").stdout.splitlines()
    assert rows[0].split() == ["TIME", "PROFILE", "HOST", "WHAT", "ANSWER"]
    assert rows[1].split()[1:] == ["acme", "not", "known", "credential", "login_required"]
    items = json.loads(ctl("agent", "log", "--tail", "1", "-o", "json").stdout)["items"]
    assert [(item["profile"], item["host"], item["answer"]) for item in items] == [("nothing", "node.example", "usage")]
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "togetherctl", "agent", "log", "--follow", "--tail", "0", "-o", "json"],
        env=agent.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        # Until it looks, what comes is not new to it.
        while not select.select([following.stdout], [], [], 0.2)[0]:
            call(agent.socket, "GET", "/v1/credentials/acme")
        assert json.loads(following.stdout.readline())["profile"] == "acme"
        following.send_signal(signal.SIGINT)
        assert following.wait(60) == 0


def make_log(
    folder: Path,
    warn: Callable[[str], None] = lambda _line: None,
    after: Callable[[float, Callable[[], None]], object] = lambda _seconds, _call: None,
) -> Log:
    return Log(folder / "agent", warn=warn, said=lambda _entry: None, after=after)


def test_a_flood_in_the_log_is_one_entry_and_hides_nothing(tmp_path: Path) -> None:
    timers: list[Callable[[], None]] = []
    log = make_log(tmp_path, after=lambda _seconds, call: timers.append(call))
    log.write("credential", "given", profile="acme", host="good.example")
    for number in range(5000):
        log.write("credential", "usage", profile=f"made-up-{number}", host="bad.example")
        log.write("credential", "given", profile="acme", host="bad.example")
    for call_it in timers:
        call_it()
    entries = read(tmp_path / "agent")
    assert [entry["host"] for entry in entries].count("good.example") == 1
    assert len(entries) == 1 + 2 * (20 + 1)
    assert sum(entry.get("count", 1) for entry in entries) == 10_001
    log.write("credential", "given", profile="acme", host="bad.example")
    assert "count" not in read(tmp_path / "agent")[-1]


def test_the_log_is_cut_and_a_follower_misses_nothing(tmp_path: Path) -> None:
    log = make_log(tmp_path)
    follower = Follower(tmp_path / "agent")
    seen = []
    for number in range(6000):
        log.write("credential", "given", profile=f"p{number}", host="node.example")
        if number % 500 == 0:
            seen += [entry["profile"] for entry in follower.more()]
    seen += [entry["profile"] for entry in follower.more()]
    assert seen == [f"p{number}" for number in range(6000)]
    older, newest = files(tmp_path / "agent")
    assert max(path.stat().st_size for path in (older, newest)) <= 256 * 1024
    assert {path.stat().st_mode & 0o777 for path in (older, newest)} == {0o600}
    kept = [entry["profile"] for entry in read(tmp_path / "agent")]
    assert kept == seen[-len(kept) :]
    assert len(kept) > 2000


def test_a_log_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    warned: list[str] = []
    (tmp_path / "agent").write_text("in the way")
    log = make_log(tmp_path, warn=warned.append)
    for _ in range(3):
        log.write("credential", "given", profile="p", host=None)
    assert len(warned) == 1
    assert "cannot be written" in warned[0]


def test_clean_leaves_an_agent_that_runs_and_takes_what_one_left(ctl: Run, agent: RunningAgent) -> None:
    ctl("agent", "start")
    call(agent.socket, "GET", "/v1/credentials/acme")
    said = ctl("clean", "--all", "--yes").stderr
    assert "The agent runs, so its sockets stay" in said
    assert "agent.sock: the agent that runs uses it" in " ".join(said.split())
    assert "agent.sock: it is not known" not in " ".join(said.split())
    assert call(agent.socket, "GET", "/v1/profiles")[0] == 200
    assert not (agent.state / "log.jsonl").exists()
    os.kill(int(str(status(ctl)["pid"])), signal.SIGKILL)
    agent_lock = agent.folder / "agent.lock"
    while "no_agent" not in ctl("agent", "status", "-o", "json", code=3).stdout:
        time.sleep(0.05)
    ctl("clean", "--all", "--yes")
    assert not agent.socket.exists()
    assert not agent_lock.exists()
    assert not agent.state.exists()
