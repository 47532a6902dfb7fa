"""The agent as a process: its sockets, who may ask, how many at once, a second one, and one that was killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.agent.running_agent import RunningAgent, call
from tests.agent.test_connection import GET, is_closed, read_answer
from tests.conftest import ROOT
from togetherctl.agent.protocol import MAX_CONNECTIONS, MAX_FORWARDS

AS_ANOTHER = ["setpriv", "--reuid=65534", "--clear-groups"]

pytestmark = pytest.mark.usefixtures("asking")


def connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(60)
    connection.connect(str(path))
    return connection


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def curl(path: Path, target: str) -> list[str]:
    """The command line that prints the answer, and its status after it."""
    return ["curl", "-sS", "--unix-socket", str(path), "-w", "%{http_code}", f"http://agent{target}"]


def run_agent(agent: RunningAgent) -> subprocess.CompletedProcess[str]:
    """Another agent of the same user; the exit code and what it said."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "togetherctl.agent"],
        env=agent.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_its_sockets_are_private_and_gone_at_the_end(agent: RunningAgent) -> None:
    agent.folder.mkdir(mode=0o755)
    agent.start()
    assert mode(agent.folder) == 0o700
    assert (mode(agent.socket), mode(agent.control)) == (0o600, 0o600)
    forward = agent.forward("a.example")
    assert mode(forward) == 0o600
    agent.stop()
    assert [path.name for path in agent.folder.iterdir()] == ["agent.lock"]


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_is_a_client(agent: RunningAgent) -> None:
    agent.start()
    done = subprocess.run(
        curl(agent.socket, "/v1/profiles"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"name": "acme"' in done.stdout
    assert done.stdout.endswith("200")


def test_two_hundred_at_once_are_answered(agent: RunningAgent) -> None:
    agent.start()

    def ask(_number: int) -> int:
        with closing(connect(agent.socket)) as connection:
            connection.sendall(GET)
            return read_answer(connection)[0]

    with ThreadPoolExecutor(200) as threads:
        assert set(threads.map(ask, range(200))) == {200}


def test_beyond_the_limit_a_connection_is_refused_with_a_sentence(agent: RunningAgent) -> None:
    agent.start()
    with ExitStack() as stack:
        held = [stack.enter_context(closing(connect(agent.socket))) for _ in range(MAX_CONNECTIONS)]
        # Each of them is a client, the last one too.
        held[-1].sendall(GET)
        assert read_answer(held[-1])[0] == 200
        with closing(connect(agent.socket)) as more:
            more.sendall(GET)
            status, document = read_answer(more)
            assert (status, document["error"]["code"], document["error"]["exit"]) == (503, "busy", 4)
            assert is_closed(more)
        # The person at this machine is kept out by no flood of others.
        assert call(agent.control, "GET", "/v1/status")[0] == 200
        held.pop().close()
        agent.until(lambda: _is_served(agent), "room for one more")


def _is_served(agent: RunningAgent) -> bool:
    with closing(connect(agent.socket)) as connection:
        connection.sendall(GET)
        return read_answer(connection)[0] == 200


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, who can be another user")
def test_another_user_is_refused(agent: RunningAgent) -> None:
    agent.start()
    # As if the modes of folder and socket let that user in.
    for path in (agent.folder.parent, agent.folder):
        path.chmod(0o711)
    for path in (agent.socket, agent.control):
        path.chmod(0o666)
        done = subprocess.run(
            [*AS_ANOTHER, *curl(path, "/v1/profiles")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.endswith("403")
        assert "acme" not in done.stdout
    assert "another user (uid 65534) was refused" in agent.stop()


def test_a_second_agent_says_which_one_is_there(agent: RunningAgent) -> None:
    agent.start()
    assert agent.process is not None
    done = run_agent(agent)
    assert done.returncode == 1
    assert f"an agent runs already (pid {agent.process.pid})" in done.stderr
    assert call(agent.socket, "GET", "/v1/profiles")[0] == 200


def test_what_a_killed_agent_left_is_taken_over(agent: RunningAgent) -> None:
    agent.start()
    forward = agent.forward("a.example")
    assert agent.process is not None
    agent.process.kill()
    agent.process.communicate()
    assert agent.socket.exists()
    assert forward.exists()
    agent.start()
    assert call(agent.socket, "GET", "/v1/profiles")[0] == 200
    assert not forward.exists()


def test_a_forward_ends_with_the_connection_that_asked_for_it(agent: RunningAgent) -> None:
    agent.start()
    with closing(connect(agent.control)) as asking:
        body = b'{"host": "node.example"}'
        asking.sendall(b"POST /v1/forwards HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        status, document = read_answer(asking)
        forward = Path(document["socket"])
        assert status == 200
        assert call(agent.control, "GET", "/v1/status")[1]["hosts"] == ["node.example"]
        using = connect(forward)
        using.sendall(GET)
        assert read_answer(using)[0] == 200
        # What it does on control.sock alone is not to be had over there.
        using.sendall(b"POST /v1/stop HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert read_answer(using)[0] == 404
    assert is_closed(using)
    using.close()
    agent.until(lambda: not forward.exists(), "the end of the forward")
    assert call(agent.control, "GET", "/v1/status")[1]["hosts"] == []


def test_with_all_forwards_open_the_person_still_reaches_it(agent: RunningAgent) -> None:
    agent.start()
    sockets = [agent.forward(f"node-{number}") for number in range(MAX_FORWARDS)]
    assert len(set(sockets)) == MAX_FORWARDS
    status, document = call(agent.control, "POST", "/v1/forwards", {"host": "one-more"})
    assert (status, document["error"]["code"]) == (503, "busy")
    assert [call(agent.control, "GET", f"/v1/{path}")[0] for path in ("status", "questions")] == [200, 200]
    assert call(agent.control, "POST", "/v1/stop")[0] == 200


@pytest.mark.parametrize("body", [b"", b"[]", b'{"host": ""}', b'{"host": "a\\u001b[2J"}', b'{"host": 1}', b"{"])
def test_a_forward_without_a_proper_host_is_refused(agent: RunningAgent, body: bytes) -> None:
    agent.start()
    with closing(connect(agent.control)) as asking:
        asking.sendall(b"POST /v1/forwards HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert read_answer(asking)[0] == 400


def test_a_socket_from_a_service_manager_is_taken_and_left(agent: RunningAgent) -> None:
    agent.folder.mkdir(mode=0o700)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(agent.socket))
        listening.listen()
        script = (
            "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
            "os.environ['LISTEN_PID'] = str(os.getpid()); "
            "os.execv(sys.executable, [sys.executable, '-P', '-m', 'togetherctl.agent'])"
        )
        agent.process = subprocess.Popen(
            [sys.executable, "-c", script, str(listening.fileno())],
            env={**agent.environ, "LISTEN_FDS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(listening.fileno(),),
        )
        # The first request may come before the agent does.
        assert call(agent.socket, "GET", "/v1/profiles")[0] == 200
        agent.stop()
        assert agent.socket.exists()
        assert not agent.control.exists()


def test_a_listener_that_is_no_agent_is_left_alone(agent: RunningAgent) -> None:
    agent.folder.mkdir(mode=0o700)
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(agent.socket))
        listening.listen()
        done = run_agent(agent)
        assert done.returncode == 1
        assert f"the agent cannot listen at {agent.socket}: another process listens there" in done.stderr
    agent.socket.unlink()
    agent.socket.write_text("a file")
    done = run_agent(agent)
    assert "which is no socket" in done.stderr
    assert agent.socket.read_text() == "a file"


def test_a_path_that_is_too_long_for_a_socket_is_said(agent: RunningAgent) -> None:
    agent.environ["XDG_RUNTIME_DIR"] = str(agent.folder / ("x" * 100))
    done = run_agent(agent)
    assert done.returncode == 1
    assert "too long for a Unix socket" in done.stderr
    assert "XDG_RUNTIME_DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(agent: RunningAgent, number: int, code: int) -> None:
    agent.start()
    assert agent.process is not None
    agent.process.send_signal(number)
    agent.process.communicate(timeout=60)
    assert agent.process.returncode == code
    assert not agent.socket.exists()
    agent.process = None


def test_an_agent_whose_socket_is_gone_ends(agent: RunningAgent) -> None:
    script = (
        "import os; from togetherctl.agent import service; service._LOOK_SECONDS = 0.2; "
        "service.Service(dict(os.environ), print, print).run()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], env=agent.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        agent.process = process
        agent.until(agent.control.exists, "the agent's sockets")
        agent.socket.unlink()
        said, _ = process.communicate(timeout=60)
        agent.process = None
    assert "its socket is gone" in said
    assert process.returncode == 0


_WATCHED = """
import os, sys
from togetherctl.agent.service import Service
before = []
def say(line):
    before.extend([] if before else sys.modules)
    print(line, flush=True)
Service(dict(os.environ), say, lambda line: print(line, flush=True)).run()
print("LOADED", sorted(set(sys.modules) - set(before)))
print("HEAVY", sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))
"""


def test_all_that_it_needs_is_loaded_at_the_start_and_that_is_little(agent: RunningAgent, asking: Path) -> None:
    """An upgrade of the package while it runs must not mix two versions in one process."""
    heavy = ["click", "pydantic", "pydantic_settings", "textual", "rich", "httpx2", "httpcore2", "authlib", "joserfc"]
    heavy += ["cryptography", "keyring", "tomlkit", "tomllib", "ruamel", "ssl"]
    agent.process = subprocess.Popen(
        [sys.executable, "-P", "-c", _WATCHED, *heavy],
        env={**agent.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    agent.until(agent.control.exists, "the agent's sockets")
    asked = [call(agent.socket, "GET", f"/v1/{path}")[0] for path in ("profiles", "credentials/none", "nothing")]
    assert asked == [200, 404, 404]
    forward = agent.forward("node.example")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(call, forward, "GET", "/v1/credentials/acme")
        agent.answer(agent.question(profile="acme"), "yes", 60)
        assert answer.result()[0] == 401
    assert call(forward, "GET", "/v1/credentials/acme")[0] == 401
    with closing(connect(agent.socket)) as connection:
        connection.sendall(b"\x16\x03\x01\r\n\r\n")
        assert read_answer(connection)[0] == 400
    assert call(agent.control, "GET", "/v1/status")[0] == 200
    asking.write_text("no configuration", encoding="utf-8")
    status, document = call(agent.socket, "GET", "/v1/profiles")
    assert (status, document["error"]["code"]) == (500, "config")
    assert str(asking) in str(document["error"])
    said = agent.stop().splitlines()
    assert "LOADED []" in said
    assert "HEAVY []" in said


def test_an_upgrade_of_the_package_while_it_runs_mixes_nothing(
    agent: RunningAgent, asking: Path, tmp_path: Path
) -> None:
    assert asking.exists()
    package = tmp_path / "installed" / "togetherctl"
    shutil.copytree(ROOT / "togetherctl", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "profiles", package.parent / "profiles")
    agent.environ["PYTHONPATH"] = str(package.parent)
    agent.start()
    # What came with the upgrade: children of another version, whose snapshot says more, and no module that fits.
    for module in (package / "agent").glob("*.py"):
        if module.stem not in ("__init__", "protocol", "snapshot", "take_snapshot"):
            module.write_text("raise RuntimeError('of another version')", encoding="utf-8")
    taking = package / "agent" / "take_snapshot.py"
    text = taking.read_text("utf-8")
    newer = text.replace("return json.dumps(asdict(", "return json.dumps({'new': 1} | asdict(")
    assert newer != text
    taking.write_text(newer, encoding="utf-8")
    os.utime(asking)
    forward = agent.forward("node.example")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(call, forward, "GET", "/v1/credentials/acme")
        agent.answer(agent.question(profile="acme"), "yes")
        assert answer.result()[0] == 401
    assert call(agent.socket, "GET", "/v1/nothing")[0] == 404
    assert call(agent.control, "GET", "/v1/status")[1]["problem"] is None
    said = agent.stop()
    assert "of another version" not in said
    assert "this is a bug" not in said
