"""A laptop with an agent and a session, a head node behind a real sshd, and an API server that both reach."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT, Run
from tests.real.ssh.sshd import FarHost, far_host, need_sshd
from togetherctl.agent.client import AgentClient, NoAgent, runs
from togetherctl.agent.protocol import QUESTIONS
from togetherctl.agent.sockets import pid_in
from togetherctl.demo.playground import playground

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from togetherctl.demo.playground import Playground

SECONDS = 60
SCRIPTS = Path(sys.executable).parent


@dataclass
class Laptop:
    """The person's own machine: `environ` is what commands run with there."""

    environ: dict[str, str]
    runtime: Path
    demo: Playground
    canary: Canary
    cli: Run = field(repr=False)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str, stdin: str | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
        return self.end(self.start(*words, stdin=stdin is not None, **changes), stdin)

    def start(self, *words: str, stdin: bool = False, **changes: str) -> subprocess.Popen[str]:
        """Start togetherctl in a process group of its own, as a terminal has it."""
        process = subprocess.Popen(
            [sys.executable, "-m", "togetherctl", *words],
            env={**self.environ, **changes},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.started.append(process)
        return process

    def end(self, process: subprocess.Popen[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        stdout, stderr = process.communicate(stdin, timeout=SECONDS)
        self.canary.saw("stderr of a command", stderr)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def do(self, *words: str) -> str:
        """Run togetherctl, which has to succeed, in this process; what it prints."""
        done = self.cli(*words, **self.environ)
        assert done.code == 0, done.stderr
        return done.stdout

    def ssh(
        self, host: FarHost, *words: str, options: Sequence[str] = (), stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`togetherctl ssh`, to its end."""
        return self.end(self.start_ssh(host, *words, options=options, stdin=stdin is not None), stdin)

    def start_ssh(
        self, host: FarHost, *words: str, options: Sequence[str] = (), stdin: bool = False
    ) -> subprocess.Popen[str]:
        return self.start("ssh", "-F", str(host.config), *options, host.name, *words, stdin=stdin)

    def allow(self, forward: str) -> None:
        """Set what may leave for the profile `acme`."""
        self.do("profile", "set", "acme", f"forward={forward}", "--yes")

    def log(self) -> list[dict[str, object]]:
        """What the agent handed out and refused, oldest first."""
        path = Path(self.environ["TOGETHERCTL_HOME"]) / "state" / "agent" / "log.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def forget(self) -> None:
        """Begin the log and the ready files of other hosts afresh."""
        for path in (Path(self.environ["TOGETHERCTL_HOME"]) / "state" / "agent").glob("log.jsonl*"):
            path.unlink()

    def sessions(self) -> list[Path]:
        """The files of sessions."""
        return list((Path(self.environ["TOGETHERCTL_HOME"]) / "state" / "sessions").glob("*.json"))

    def questions(self) -> list[dict[str, Any]]:
        """What the agent wants to know; nothing where none runs yet."""
        try:
            with AgentClient(self.runtime / "togetherctl" / "control.sock") as client:
                return list(client.ask("GET", QUESTIONS)["questions"])
        except NoAgent:
            return []

    def answer(self, number: str, answer: str, seconds: int = 0) -> None:
        with AgentClient(self.runtime / "togetherctl" / "control.sock") as client:
            client.ask("POST", f"{QUESTIONS}/{number}", {"answer": answer, "seconds": seconds})

    def sockets(self) -> list[str]:
        """The sockets in the agent's folder."""
        return sorted(path.name for path in (self.runtime / "togetherctl").glob("*.sock"))

    @property
    def agent_pid(self) -> int:
        return int((self.runtime / "togetherctl" / "agent.lock").read_text())


def end_agent(laptop: Laptop) -> None:
    """End the agent, whatever state the test has left it in."""
    folder = laptop.runtime / "togetherctl"
    pid = pid_in(folder) if runs(folder) else None
    if pid:
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        with suppress(AssertionError):
            until(lambda: not runs(folder), 30)
        if runs(folder):
            os.kill(pid, signal.SIGKILL)
            pytest.fail("the agent did not end when it was asked to")


def until(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "it never came to that"
        time.sleep(0.05)


@pytest.fixture
def short(canary: Canary) -> Iterator[Path]:
    """A folder with a short path: the address of a Unix socket has 108 bytes."""
    with TemporaryDirectory(prefix="ssh-") as name:
        yield Path(name)
        canary.look_through(Path(name), but=frozenset())


@pytest.fixture
def laptop(environ: dict[str, str], home: Path, short: Path, canary: Canary, cli: Run) -> Iterator[Laptop]:
    """With the profile `acme`, which is logged in, and the cluster `gpu`; no agent runs yet."""
    need_sshd()
    runtime = short / "run"
    runtime.mkdir(mode=0o700)
    with playground({**environ, "PYTHONPATH": str(ROOT)}, by_hand=False) as demo:
        usual = {"XDG_RUNTIME_DIR": str(runtime), "SHELL": "/bin/sh", "KUBECONFIG": str(home / "kubeconfig")}
        found = Laptop(
            {**demo.environ, **usual, "TOGETHERCTL_HOME": environ["TOGETHERCTL_HOME"]}, runtime, demo, canary, cli
        )
        # The two ports of every installation serve two logins at once, and tests run beside each other.
        login = ["--issuer", demo.issuer, "--client-id", demo.client_id, "redirect_uris=http://localhost:0"]
        found.do("profile", "add", "acme", *login)
        server = ["--server", demo.server, "--ca-file", str(demo.ca_file)]
        found.do("cluster", "add", "gpu", "--profile", "acme", *server)
        found.do("login", "acme")
        try:
            yield found
        finally:
            end_agent(found)
            for process in found.started:
                process.kill()
                process.communicate()


@pytest.fixture
def head(short: Path, environ: dict[str, str]) -> Iterator[FarHost]:
    """A head node where togetherctl is installed."""
    with far_host(short / "head", "head1", with_togetherctl(environ)) as host:
        yield host


@pytest.fixture
def bare(short: Path, environ: dict[str, str]) -> Iterator[FarHost]:
    """A head node that has kubectl, curl and sh alone."""
    with far_host(short / "bare", "bare1", {"PATH": environ["PATH"]}) as host:
        yield host


def with_togetherctl(environ: dict[str, str]) -> dict[str, str]:
    return {"PATH": f"{SCRIPTS}:{environ['PATH']}", "PYTHONPATH": str(ROOT)}
