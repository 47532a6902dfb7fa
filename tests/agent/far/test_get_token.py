"""`get-token` on the other side: what asks the agent, what is left ready, and how a socket that is gone ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.agent import TOKEN, Handler, Reply, ScriptedAgent, failure
from tests.support.installed import PROGRAM, V1
from tests.support.programs import need
from tests.support.terminal import terminal
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, Run
    from tests.support.issuer import ScriptedIssuer

Environ = dict[str, str]
SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "zsh": ("zsh", "--emulate", "sh"),
}
CALL = ("get-token", "--profile", "gpu")


def token_of(stdout: str) -> str:
    return str(json.loads(stdout)["status"]["token"])


def old(path: Path) -> None:
    """Ready files are left only where a configuration is older than some shells can tell apart."""
    then = time.time() - 100
    os.utime(path, (then, then))


def in_process(environ: Environ, *words: str) -> subprocess.CompletedProcess[str]:
    """The program as kubectl starts it, through its own `main`."""
    return subprocess.run(
        [sys.executable, "-m", "togetherctl", *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shim(environ: Environ) -> Path:
    made = shim_for(environ, str(PROGRAM))
    made.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made.path.write_bytes(made.text())
    made.path.chmod(0o700)
    return made.path


def by_shim(path: Path, environ: Environ, *shell: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, str(path), *CALL],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_any_configuration(far: Environ, home: Path) -> None:
    done = in_process(far, *CALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert token_of(done.stdout) == TOKEN
    assert not (home / "tctl" / "config.toml").exists()


def test_the_variable_wins_over_the_configuration(
    far: Environ, agent: ScriptedAgent, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config_at(issuer)
    agent.hands_out("acme", "of the agent".replace(" ", "-"))
    done = in_process(far, "get-token", "--profile", "acme")
    assert token_of(done.stdout) == "of-the-agent"
    assert issuer.asked == []


def test_the_variable_counts_though_the_configuration_is_wrong(far: Environ, home: Path) -> None:
    (home / "tctl").mkdir(mode=0o700)
    (home / "tctl" / "config.toml").write_text("version = [")
    assert token_of(in_process(far, *CALL).stdout) == TOKEN


@pytest.mark.usefixtures("configured")
def test_a_profile_with_this_grant_finds_the_socket(environ: Environ, agent: ScriptedAgent) -> None:
    done = in_process(environ, *CALL)
    assert token_of(done.stdout) == TOKEN, done.stderr
    assert agent.asked == ["GET /v1/credentials/gpu"]


def test_the_agent_is_asked_by_what_it_calls_the_profile(
    environ: Environ, agent: ScriptedAgent, configured: Path
) -> None:
    configured.write_text(configured.read_text().replace('session = "gpu"', 'session = "gpu-at-home"'))
    agent.hands_out("gpu-at-home", "another")
    assert token_of(in_process(environ, *CALL).stdout) == "another"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_the_version_that_is_asked_for(far: Environ, agent: ScriptedAgent, version: str) -> None:
    for _ in range(2):  # from the agent, then from the ready file
        done = in_process({**far, "KUBERNETES_EXEC_INFO": V1.replace("/v1", f"/{version}")}, *CALL)
        assert json.loads(done.stdout)["apiVersion"] == f"client.authentication.k8s.io/{version}"
    assert len(agent.asked) == 1


def test_the_second_call_asks_nothing(far: Environ, agent: ScriptedAgent, runtime: Path) -> None:
    first = in_process(far, *CALL)
    again = in_process(far, *CALL)
    assert (again.stdout, again.returncode) == (first.stdout, 0)
    assert len(agent.asked) == 1
    [ready] = (runtime / "togetherctl" / "ready").iterdir()
    assert ready.stat().st_mode & 0o777 == 0o600
    # No token is on disk anywhere else.
    assert ready.name == ".agent-gpu"


def test_without_a_runtime_folder_nothing_is_left(
    far: Environ, agent: ScriptedAgent, home: Path, runtime: Path
) -> None:
    del far["XDG_RUNTIME_DIR"]
    for _ in range(2):
        assert in_process(far, *CALL).returncode == 0
    assert len(agent.asked) == 2
    assert not (runtime / "togetherctl" / "ready").exists()
    assert not [path for path in home.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")]


def test_another_socket_is_another_agent(far: Environ, runtime: Path) -> None:
    in_process(far, *CALL)
    with ScriptedAgent(runtime / "togetherctl" / "agents" / "b.sock") as other:
        other.hands_out("gpu", "of-the-other")
        done = in_process({**far, "TOGETHERCTL_AGENT": str(other.path)}, *CALL)
        assert token_of(done.stdout) == "of-the-other"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("by", ["variable", "configuration"])
def test_the_shim_serves_while_the_socket_is_there(
    environ: Environ, runtime: Path, configured: Path, shell: str, by: str
) -> None:
    need(SHELLS[shell][0])
    old(configured)
    path, words = shim(environ), SHELLS[shell]
    with ScriptedAgent(runtime / "togetherctl" / "agents" / "a.sock") as agent:
        agent.hands_out("gpu")
        far = {**environ, **({"TOGETHERCTL_AGENT": str(agent.path)} if by == "variable" else {})}
        first = by_shim(path, far, *words)
        assert token_of(first.stdout) == TOKEN, first.stderr
        # Without anything that could start Python.
        text = path.read_text()
        served = path.with_name("served")
        served.write_text(text.replace(f"python={sys.executable}", "python=/nonexistent"))
        served.chmod(0o700)
        again = by_shim(served, {**far, "PATH": "/usr/bin:/bin"}, *words)
        assert (again.stdout, again.stderr) == (first.stdout, "")
        assert len(agent.asked) == 1
        # Another socket in the same place is another agent.
        then = agent.path.stat().st_mtime - 5
        os.utime(agent.path, (then, then))
        assert by_shim(path, far, *words).returncode == 0
        assert len(agent.asked) == 2
    agent.path.unlink()
    done = by_shim(path, far, *words)
    assert (done.returncode, done.stdout) == (4, "")
    assert "togetherctl ssh" in done.stderr
    assert not list((runtime / "togetherctl" / "ready").glob("*gpu")), "the token goes with its socket"


def test_an_expired_ready_file_is_not_served(far: Environ, agent: ScriptedAgent) -> None:
    agent.hands_out("gpu", "short", seconds=2)
    in_process(far, *CALL)
    agent.hands_out("gpu", "long")
    end = time.monotonic() + 60
    while token_of(in_process(far, *CALL).stdout) == "short":
        assert time.monotonic() < end
        time.sleep(0.2)


def test_what_gone_sockets_gave_is_removed(far: Environ, runtime: Path) -> None:
    with ScriptedAgent(runtime / "togetherctl" / "agents" / "b.sock") as other:
        other.hands_out("web", "of-the-other")
        in_process({**far, "TOGETHERCTL_AGENT": str(other.path)}, "get-token", "--profile", "web")
    other.path.unlink()
    ready = runtime / "togetherctl" / "ready"
    assert [path.name for path in ready.iterdir()] == [".agent-web"]
    in_process(far, *CALL)
    assert [path.name for path in ready.iterdir()] == [".agent-gpu"]


def test_a_refusal_ends_with_its_exit_code(far: Environ, agent: ScriptedAgent) -> None:
    hint = "where the agent runs, this lets it ask: togetherctl profile set gpu forward=ask"
    agent.answers["GET /v1/credentials/gpu"] = failure(403, "forbidden", "profile gpu may not go out", hint=hint)
    done = in_process(far, *CALL)
    assert (done.returncode, done.stdout) == (5, "")
    assert "profile gpu may not go out" in done.stderr
    assert hint in done.stderr


def test_no_login_is_asked_for_where_no_person_may_be(far: Environ, agent: ScriptedAgent, process: Run) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    for changes in ({"TOGETHERCTL_NO_INPUT": "1"}, {"CI": "1"}, {"TOGETHERCTL_LOGIN": "never"}):
        done = process(*CALL, **{**far, **changes})
        assert done.code == 3
        assert done.commands == ["togetherctl login gpu"]
    assert agent.asked == ["GET /v1/credentials/gpu"] * 3


def test_a_login_there_brings_the_credential(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    agent.offers({"name": "gpu"}, login_seconds=42)

    def log_in(_request: object) -> tuple[int, dict[str, object]]:
        agent.hands_out("gpu", "after-the-login")
        return 200, {"profile": "gpu", "logged_in": True}

    agent.answers["POST /v1/logins"] = log_in
    done = in_process(far, *CALL)
    assert token_of(done.stdout) == "after-the-login"
    assert "Waiting up to 42 s for the login there." in done.stderr
    assert agent.asked == [
        "GET /v1/credentials/gpu",
        # Once more before the person is asked, because the login of another call may have ended meanwhile.
        "GET /v1/credentials/gpu",
        "GET /v1/profiles",
        "POST /v1/logins",
        "GET /v1/credentials/gpu",
    ]


def test_a_person_there_may_say_no(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    agent.answers["POST /v1/logins"] = failure(403, "forbidden", "the person there said no")
    done = in_process(far, *CALL)
    assert (done.returncode, done.stdout) == (5, "")
    assert "the person there said no" in done.stderr


def test_a_client_that_asks_on_and_on_does_not_ask_the_person_each_time(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    agent.answers["POST /v1/logins"] = failure(403, "forbidden", "the person there said no")
    codes = [in_process(far, *CALL).returncode for _ in range(3)]
    assert codes == [5, 3, 3]
    assert agent.asked.count("POST /v1/logins") == 1
    done = in_process(far, *CALL)
    assert "the person there said no" in done.stderr
    assert "no other login opens by itself" in done.stderr


def test_many_calls_at_once_ask_for_one_login(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    there = threading.Event()

    def log_in(_request: object) -> tuple[int, dict[str, object]]:
        there.wait(60)
        agent.hands_out("gpu", "after-the-login")
        return 200, {"profile": "gpu", "logged_in": True}

    agent.answers["POST /v1/logins"] = log_in
    calls = [
        subprocess.Popen(
            [sys.executable, "-m", "togetherctl", *CALL],
            env=far,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    end = time.monotonic() + 60
    while agent.asked.count("GET /v1/credentials/gpu") < len(calls) or "POST /v1/logins" not in agent.asked:
        assert time.monotonic() < end
        time.sleep(0.05)
    there.set()
    for call in calls:
        stdout, stderr = call.communicate(timeout=60)
        assert token_of(stdout) == "after-the-login", stderr
    assert agent.asked.count("POST /v1/logins") == 1


def test_ctrl_c_ends_it_on_both_sides(far: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    began, closed = threading.Event(), threading.Event()

    def log_in(request: Handler) -> Reply:
        began.set()
        if request.wait_for_the_end(30):
            closed.set()
        return 200, {}

    agent.answers["POST /v1/logins"] = log_in
    call = subprocess.Popen([sys.executable, "-m", "togetherctl", *CALL], env=far, stderr=subprocess.PIPE, text=True)
    assert began.wait(60)
    call.send_signal(signal.SIGINT)
    _, stderr = call.communicate(timeout=60)
    assert call.returncode == 130, stderr
    assert closed.wait(60)
    # A person who called it off may ask again at once.
    agent.answers["POST /v1/logins"] = failure(403, "forbidden", "the person there said no")
    assert in_process(far, *CALL).returncode == 5


def test_at_a_terminal_one_line_counts_down(far: Environ, agent: ScriptedAgent, tmp_path: Path) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    agent.offers({"name": "gpu"}, login_seconds=90)
    closed = threading.Event()

    def log_in(request: Handler) -> Reply:
        if request.wait_for_the_end(60):
            closed.set()
        return 200, {}

    agent.answers["POST /v1/logins"] = log_in
    with terminal([sys.executable, "-m", "togetherctl", *CALL], {**far, "TERM": "screen"}, tmp_path) as window:
        window.until("gpu needs a login, which is asked for where the agent runs")
        first = re.findall(r"1:\d\d left, Ctrl-C cancels", window.until("left, Ctrl-C cancels"))
        assert len(first) == 1
        window.until("1:2")
        assert window.screen().count("left, Ctrl-C cancels") == 1, "the line is rewritten"
        window.press("C-c")
        assert closed.wait(60)
