"""What docs/containers.md says of mounts: a namespace with a home of its own, one bound socket and one variable."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.agent import TOKEN, ScriptedAgent
from tests.support.programs import need
from togetherctl.kube.agent_stanza import SCRIPT

Environ = dict[str, str]
SOCKET = "/run/togetherctl/agent.sock"


def contain(environ: Environ, path: Path, tmp_path: Path) -> list[str]:
    """The words that run a program in a container: `/run` and the home are others, and the socket alone is mounted."""
    between = shlex.quote(str(tmp_path / "mounted"))
    setup = [
        # Bound before its own place is covered, as a runtime binds from the host.
        f"touch {between}",
        f"mount --bind {shlex.quote(str(path))} {between}",
        f"mount -t tmpfs none {shlex.quote(environ['HOME'])}",
        "mount -t tmpfs none /run",
        f"mkdir {Path(SOCKET).parent}",
        f"touch {SOCKET}",
        f"mount --bind {between} {SOCKET}",
    ]
    words = [need("unshare"), "--user", "--map-root-user", "--mount", "sh", "-ec"]
    script = "\n".join([*setup, 'exec "$@"'])
    tried = subprocess.run([*words, script, "sh", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"this system lets no user make namespaces with mounts: {tried.stderr.strip()}")
    return [*words, script, "sh"]


@pytest.fixture
def contained(environ: Environ, agent: ScriptedAgent, tmp_path: Path) -> list[str]:
    """A container with the socket of an agent."""
    return contain(environ, agent.path, tmp_path)


def run(words: list[str], environ: Environ, *program: str) -> subprocess.CompletedProcess[str]:
    inside = {name: value for name, value in environ.items() if name not in ("XDG_RUNTIME_DIR", "TOGETHERCTL_HOME")}
    return subprocess.run(
        [*words, *program],
        env={**inside, "TOGETHERCTL_AGENT": SOCKET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_get_token_in_a_container(contained: list[str], environ: Environ, agent: ScriptedAgent) -> None:
    done = run(contained, environ, sys.executable, "-m", "togetherctl", "get-token", "--profile", "gpu")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"]["token"] == TOKEN
    assert agent.asked == ["GET /v1/credentials/gpu"]


def test_nothing_but_sh_and_curl_in_a_container(contained: list[str], environ: Environ) -> None:
    done = run(contained, environ, "sh", "-c", SCRIPT, "togetherctl-agent", "gpu")
    assert json.loads(done.stdout)["status"]["token"] == TOKEN, done.stderr


def test_init_agent_in_a_container(contained: list[str], environ: Environ, agent: ScriptedAgent) -> None:
    cluster = {"name": "east", "context": "east", "server": "https://127.0.0.1:6443"}
    agent.offers(
        {"name": "gpu", "forward": "ask", "issuer": "https://login.acme.com", "client_id": "k", "clusters": [cluster]}
    )
    python = shlex.quote(sys.executable)
    script = f"{python} -m togetherctl init agent --yes --no-login && {python} -m togetherctl profile list -o name"
    done = run(contained, environ, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["gpu"]


def test_the_mount_of_an_agent_that_has_ended(environ: Environ, short: Path, tmp_path: Path) -> None:
    """A new agent has a new file, and the mount is of the old one."""
    with ScriptedAgent(short / "a.sock") as ended:
        pass
    words = contain(environ, ended.path, tmp_path)
    done = run(words, environ, sys.executable, "-m", "togetherctl", "get-token", "--profile", "gpu")
    assert done.returncode == 4
    assert f"TOGETHERCTL_AGENT names {SOCKET}, and nothing listens there any more" in done.stderr


def test_a_container_whose_user_is_another(contained: list[str], environ: Environ, agent: ScriptedAgent) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give the socket to another user")
    os.chown(agent.path, 65534, -1)
    done = run(contained, environ, sys.executable, "-m", "togetherctl", "get-token", "--profile", "gpu")
    assert done.returncode == 5
    assert "may be another user's" in done.stderr
    assert agent.asked == []
