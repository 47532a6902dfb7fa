"""Entries that need only `sh` and `curl`: each shell, each answer of the agent, and a real kubectl."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.agent import TOKEN, Handler, Reply, ScriptedAgent, failure
from tests.support.cluster import ScriptedCluster
from tests.support.programs import need
from togetherctl.kube.agent_stanza import SCRIPT

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run, WriteConfig

Environ = dict[str, str]
SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
    "zsh": ("zsh", "--emulate", "sh"),
}
# What a head node has at least: no Python and nothing of ours.
FEW = ("sh", "curl", "tr", "sed", "uname", "find", "rm", "cat", "head")


@pytest.fixture
def bare(environ: Environ, runtime: Path, tmp_path: Path) -> Environ:
    """A machine with `sh`, `curl` and a few tools beside them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in FEW:
        (folder / name).symlink_to(need(name))
    return {"HOME": environ["HOME"], "PATH": str(folder), "XDG_RUNTIME_DIR": str(runtime)}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = SHELLS[request.param]
    return [need(words[0]), *words[1:]]


def ask(
    shell: list[str], environ: Environ, name: str = "gpu", *, script: str = SCRIPT
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-c", script, "togetherctl-agent", name],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def asleep(path: Path) -> Iterator[Path]:
    """A socket as one whose agent was stopped: it takes connections, and says nothing."""
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(path))
        stopped.listen()
        yield path


@pytest.mark.usefixtures("runtime")
def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "stanza.sh"
    path.write_text(f"#!/bin/sh\n{SCRIPT}")
    done = subprocess.run([need("shellcheck"), "-s", "dash", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_newest_socket_that_answers_is_found(shell: list[str], bare: Environ, agent: ScriptedAgent) -> None:
    done = ask(shell, bare)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["status"]["token"] == TOKEN
    assert agent.asked == ["GET /v1/profiles", "GET /v1/credentials/gpu"]


def test_dead_sockets_go_and_older_ones_are_asked(shell: list[str], bare: Environ, agent: ScriptedAgent) -> None:
    dead = agent.path.with_name(f"{os.uname().nodename}-dead.sock")
    of_another_host = agent.path.with_name("other-host-dead.sock")
    for path in (dead, of_another_host):
        with ScriptedAgent(path):
            pass
        os.utime(path, (1_000_000_000, 1_000_000_000))
    os.utime(agent.path, (1, 1))
    young = agent.path.with_name(f"{os.uname().nodename}-young.sock")
    with ScriptedAgent(young):
        pass
    assert ask(shell, bare).returncode == 0
    assert not dead.exists()
    assert young.exists(), "it may be about to listen"
    assert of_another_host.exists(), "homes are shared, and it may be alive there"


def test_an_older_socket_is_asked_where_the_newest_sleeps_or_does_not_know_the_profile(
    shell: list[str], bare: Environ, agent: ScriptedAgent
) -> None:
    os.utime(agent.path, (1, 1))
    with ScriptedAgent(agent.path.with_name("b.sock")) as newer:
        assert ask(shell, bare).returncode == 0
        assert "GET /v1/credentials/gpu" in newer.asked
        unknown = ask(shell, bare, "other")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    assert "there is no" in unknown.stderr
    with asleep(agent.path.with_name("c.sock")) as path:
        # As after a call that waited the full five seconds.
        path.with_name("c.sock.silent").touch()
        assert ask(shell, bare).returncode == 0
        done = ask(shell, bare, "other")
    assert done.returncode == 4
    assert f"{path} does not answer" in done.stderr


@pytest.mark.parametrize("shell", ["dash"], indirect=True)
def test_a_silence_is_remembered_until_an_answer(shell: list[str], bare: Environ, agent: ScriptedAgent) -> None:
    environ = {**bare, "TOGETHERCTL_AGENT": str(agent.path.with_name("c.sock"))}
    mark = agent.path.with_name("c.sock.silent")
    impatient = SCRIPT.replace("wait=5", "wait=2").replace("285", "282")
    with asleep(agent.path.with_name("c.sock")) as path:
        assert ask(shell, environ, script=impatient).returncode == 4
        assert mark.is_file()
        made = mark.stat().st_ino
        assert ask(shell, environ, script=impatient).returncode == 4
        assert mark.stat().st_ino == made
    path.unlink()
    with ScriptedAgent(path) as awake:
        awake.hands_out("gpu")
        assert ask(shell, environ).returncode == 0
    assert not mark.exists()


def test_the_variable_names_the_socket(shell: list[str], bare: Environ, short: Path, agent: ScriptedAgent) -> None:
    with ScriptedAgent(short / "else where" / "b.sock") as other:
        other.hands_out("gpu", "of-the-other")
        done = ask(shell, {**bare, "TOGETHERCTL_AGENT": str(other.path)})
    assert json.loads(done.stdout)["status"]["token"] == "of-the-other", done.stderr
    assert agent.asked == []


@pytest.mark.usefixtures("runtime")
def test_without_a_socket_one_sentence_says_how_to_connect(shell: list[str], bare: Environ, tmp_path: Path) -> None:
    for changes in ({}, {"TOGETHERCTL_AGENT": str(tmp_path / "none.sock")}):
        done = ask(shell, {**bare, **changes})
        assert (done.returncode, done.stdout) == (4, "")
        [line] = done.stderr.splitlines()
        assert line.startswith("togetherctl: ")
        assert "togetherctl ssh HOST" in line


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (
            failure(
                403, "forbidden", 'profile gpu: "never" \\ goes out', exit_code=5, hint="togetherctl profile set …"
            ),
            5,
            'profile gpu: "never" \\ goes out (where the agent runs: togetherctl profile set \\u2026)',
        ),
        (failure(503, "unreachable", "the issuer does not answer", exit_code=4), 4, "the issuer does not answer"),
        (failure(404, "usage", "there is no profile gpu", exit_code=2), 2, "there is no profile gpu"),
        ((200, b"\x1b[2J"), 1, "is no agent of togetherctl"),
        ((200, b"[1]"), 1, "is no agent of togetherctl"),
        ((200, b""), 1, "is no agent of togetherctl"),
        ((200, failure(403, "forbidden", "no")[1]), 1, "is no agent of togetherctl"),
        ((200, b'"ExecCredential" "token" '.ljust(3 * 1024 * 1024)), 1, "is no agent of togetherctl"),
        (
            (403, '{"error": {"exit": 5, "message": "a\x9b2J\u202eb"}}'.encode()),
            5,
            "togetherctl: a2Jb\n",
        ),
        ((403, b'{"error": {"exit": 5, "message": "' + b"a" * 100_000 + b'"}}'), 5, "aaa"),
        ((500, b"<html>"), 1, "is no agent of togetherctl"),
    ],
    ids=["refused", "unreachable", "unknown", "anything", "list", "empty", "error", "huge", "bidi", "long", "not ours"],
)
def test_what_the_agent_answers(
    shell: list[str], bare: Environ, agent: ScriptedAgent, reply: Reply, code: int, said: str
) -> None:
    agent.answers["GET /v1/credentials/gpu"] = reply
    done = ask(shell, bare)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""
    assert len(done.stderr) < 3000
    assert len(done.stderr.splitlines()) == 1


def test_a_login_there(shell: list[str], bare: Environ, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required", exit_code=3)
    for changes in ({"CI": "true"}, {"TOGETHERCTL_NO_INPUT": "1"}, {"TOGETHERCTL_LOGIN": "never"}):
        assert ask(shell, {**bare, **changes}).returncode == 3
    bodies = []

    def log_in(request: Handler) -> Reply:
        bodies.append(json.loads(request.body))
        agent.hands_out("gpu", "after-the-login")
        return 200, {"profile": "gpu", "logged_in": True}

    agent.answers["POST /v1/logins"] = log_in
    done = ask(shell, {**bare, "CI": "false"})
    assert json.loads(done.stdout)["status"]["token"] == "after-the-login"
    assert bodies == [{"profile": "gpu"}]
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required", exit_code=3)
    agent.answers["POST /v1/logins"] = failure(403, "forbidden", "the person there said no", exit_code=5)
    done = ask(shell, bare)
    assert done.returncode == 5
    assert "the person there said no" in done.stderr


@pytest.fixture
def cluster(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def near(write_config: WriteConfig, cluster: ScriptedCluster, ca_file: Path) -> Path:
    """The configuration of the machine that the agent runs on."""
    return write_config(
        f"""version = 1

[issuers.acme]
url = "https://login.acme.com"

[profiles.gpu]
issuer = "acme"
client_id = "kubernetes"
forward = "always"

[clusters.gpu]
profile = "gpu"
server = "{cluster.url}"
ca_file = "{ca_file}"
"""
    )


@pytest.mark.usefixtures("near")
def test_kubectl_with_the_text_of_show(
    bare: Environ, agent: ScriptedAgent, cluster: ScriptedCluster, cli: Run, tmp_path: Path
) -> None:
    done = cli("kubeconfig", "show", "gpu", "--for-agent")
    assert (done.code, done.stderr) == (0, "")
    # Nothing of the machine that it was made on: no path, no issuer.
    assert str(tmp_path) not in done.stdout
    assert "login.acme.com" not in done.stdout
    (tmp_path / "far.yaml").write_text(done.stdout)
    kubectl = subprocess.run(
        [need("kubectl"), "--kubeconfig", tmp_path / "far.yaml", "auth", "whoami", "-o", "json"],
        env=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert kubectl.returncode == 0, kubectl.stderr
    assert json.loads(kubectl.stdout)["status"]["userInfo"]["username"] == "me@acme.com"
    assert set(cluster.bearers) == {f"Bearer {TOKEN}"}
    assert "GET /v1/credentials/gpu" in agent.asked


@pytest.mark.usefixtures("near")
def test_kubectl_says_the_sentence_of_a_dead_socket(bare: Environ, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "far.yaml").write_text(cli("kubeconfig", "show", "gpu", "--for-agent").stdout)
    kubectl = subprocess.run(
        [need("kubectl"), "--kubeconfig", tmp_path / "far.yaml", "get", "pods"],
        env=bare,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "connect again from where the agent runs: togetherctl ssh HOST" in kubectl.stderr


@pytest.mark.usefixtures("near")
def test_write_prints_where_no_file_is_named_and_writes_one_that_is(cli: Run, home: Path, tmp_path: Path) -> None:
    shown = cli("kubeconfig", "show", "--for-agent")
    assert cli("kubeconfig", "write", "--for-agent").stdout == shown.stdout
    assert not (home / ".kube").exists()
    file = tmp_path / "far.yaml"
    done = cli("kubeconfig", "write", "--for-agent", "--kubeconfig", str(file), "--yes")
    assert done.code == 0, done.stderr
    written, printed = yaml.safe_load(file.read_text()), yaml.safe_load(shown.stdout)
    assert {key: written[key] for key in ("clusters", "contexts", "users")} == {
        key: printed[key] for key in ("clusters", "contexts", "users")
    }
    again = cli("kubeconfig", "write", "--for-agent", "--kubeconfig", str(file), "--yes")
    assert again.code == 0, again.stderr
    assert yaml.safe_load(file.read_text()) == written


@pytest.mark.usefixtures("near")
def test_a_profile_that_does_not_go_out_is_named(cli: Run, near: Path) -> None:
    near.write_text(near.read_text().replace('forward = "always"\n', ""))
    done = cli("kubeconfig", "show", "gpu", "--for-agent")
    assert done.code == 0
    assert "togetherctl profile set gpu forward=ask" in done.stderr


@pytest.mark.usefixtures("near")
@pytest.mark.parametrize("other", [["--portable"], ["--no-shim"], ["--api-version", "v1beta1"]])
def test_options_that_choose_another_command_are_refused(cli: Run, other: list[str]) -> None:
    for verb in ("show", "write"):
        done = cli("kubeconfig", verb, "gpu", "--for-agent", *other)
        assert done.code == 2
        assert f"--for-agent and {other[0]} exclude each other" in done.stderr
