"""The whole way with the real agent: laptop and head node in two homes, a real issuer's tokens and a real kubectl."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import RunningAgent, running_agent
from tests.support.cluster import ScriptedCluster
from tests.support.installed import PROGRAM
from tests.support.programs import need
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    import trustme

    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

Environ = dict[str, str]


@pytest.fixture
def cluster(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def laptop(
    environ: Environ,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    make_world: MakeWorld,
    cluster: ScriptedCluster,
    ca_file: Path,
) -> Iterator[RunningAgent]:
    """A machine where a person is logged in and the agent runs."""
    path = config_at(issuer, profile_keys='forward = "always"')
    text = path.read_text().replace("https://127.0.0.1:6443", cluster.url)
    path.write_text(f'{text}ca_file = "{ca_file}"\n')
    os.utime(path, (time.time() - 100,) * 2)
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    with running_agent(environ) as running:
        running.start()
        yield running


@pytest.fixture
def head() -> Iterator[Environ]:
    """Another machine: its home is empty, and nothing of the laptop is in its environment."""
    with TemporaryDirectory(prefix="head-") as name:
        folder = Path(name)
        (folder / "home").mkdir(mode=0o700)
        (folder / "run").mkdir(mode=0o700)
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "NO_COLOR": "1",
        }


def over_there(environ: Environ, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def who(environ: Environ, *kubectl: str) -> str:
    done = over_there(environ, need("kubectl"), *kubectl, "auth", "whoami", "-o", "json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["status"]["userInfo"]["username"])


def test_init_agent_and_kubectl(
    laptop: RunningAgent, head: Environ, cluster: ScriptedCluster, issuer: ScriptedIssuer, canary: Canary
) -> None:
    there = laptop.forward("head1")
    far = {**head, "TOGETHERCTL_AGENT": str(there)}
    done = over_there(far, str(PROGRAM), "init", "agent", "--yes", "--set-current")
    assert done.returncode == 0, done.stderr
    canary.saw("what init said", done.stdout + done.stderr)
    before = len(issuer.asked)
    for _ in range(2):
        assert who(far) == "me@acme.com"
    assert len(issuer.asked) == before, "the far side asks no issuer"
    assert all(bearer and bearer.startswith("Bearer ") for bearer in cluster.bearers)
    # Nothing of the laptop's session went over: neither on disk, nor in what was said.
    home = Path(head["HOME"]).parent
    written = [path for path in home.rglob("*") if path.is_file() and "ready" not in path.parts]
    for path in written:
        canary.saw(str(path), path.read_text(errors="replace"))
    assert written


def test_sh_and_curl_alone(laptop: RunningAgent, head: Environ, process: Run) -> None:
    there = laptop.forward("head2")
    shown = process("kubeconfig", "show", "east", "--for-agent")
    assert shown.code == 0, shown.stderr
    file = Path(head["HOME"]) / "agent.yaml"
    file.write_text(shown.stdout)
    assert who({**head, "TOGETHERCTL_AGENT": str(there)}, "--kubeconfig", str(file)) == "me@acme.com"
    [log] = laptop.state.glob("log.jsonl")
    last = json.loads(log.read_text().splitlines()[-1])
    assert (last["profile"], last["host"]) == ("acme", "head2")


def test_a_refusal_reaches_the_person_who_asks(
    laptop: RunningAgent, head: Environ, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config_at(issuer)
    far = {**head, "TOGETHERCTL_AGENT": str(laptop.forward("head1"))}
    done = over_there(far, sys.executable, "-m", "togetherctl", "get-token", "--profile", "acme")
    assert done.returncode == 5
    assert "togetherctl profile set acme forward=ask" in done.stderr


def test_an_agent_that_is_stopped_is_one_sentence(laptop: RunningAgent, head: Environ) -> None:
    far = {**head, "TOGETHERCTL_AGENT": str(laptop.forward("head1"))}
    call = (sys.executable, "-m", "togetherctl", "get-token", "--profile", "acme")
    assert over_there(far, *call).returncode == 0
    laptop.stop()
    done = over_there(far, *call)
    assert (done.returncode, done.stdout) == (4, "")
    assert "togetherctl ssh HOST" in done.stderr
