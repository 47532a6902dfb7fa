"""`python -m tests.bench.agent`: what the agent costs, and what the first call after a night waits for with it.

The agent is the real process. A night is told to it as it would find it: a token that has expired, the files as they
were left in the evening, and a process that was stopped and goes on. An hour of its time is sixty looks, which it is
made to take one after the other, with as many refreshes as tokens of an hour need; its CPU time is the kernel's account
of them, the children's included.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.cases import running_bench
from tests.bench.home import PROGRAM, Home
from tests.bench.states import V1
from tests.bench.timing import Case
from tests.support.canary import Canary
from togetherctl.environment import AGENT
from togetherctl.paths import Paths, locate

if TYPE_CHECKING:
    from tests.bench.cases import Bench
    from tests.bench.states import OurStates

LOOKS = 60
# Tokens of an hour turn stale after three quarters of it.
REFRESHES = 4 / 3
CURL = "over the agent's socket: `curl`"
CLIENT = "over the agent's socket: Python"
SHIM = "over the agent's socket before, ready file over there: shim"
_SERVED = b'"token":'
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Agent:
    """One that runs for a home, and the sockets it has."""

    states: OurStates
    process: subprocess.Popen[bytes]
    environ: dict[str, str]

    @property
    def paths(self) -> Paths:
        return locate(self.environ)

    @property
    def resident(self) -> int:
        """In KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def cpu(self) -> tuple[float, float]:
        """Seconds that it has worked, and that its children have that have ended."""
        own = int(Path(f"/proc/{self.process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return own, (int(fields[13]) + int(fields[14])) / _TICK

    def wake(self) -> None:
        """Have it look, as after it was stopped."""
        self.process.send_signal(signal.SIGCONT)

    def pass_night(self) -> None:
        """Let the token expire while it stands still, and wait until it has renewed that."""
        self.process.send_signal(signal.SIGSTOP)
        self.states.night()
        before = self.states.file.read_bytes()
        self.wake()
        wait_until(lambda: self.states.file.read_bytes() != before and self.states.is_ready)


@contextmanager
def running_agent(states: OurStates) -> Iterator[Agent]:
    """The agent of a home whose profile may be handed out."""
    # The path of a socket has at most some hundred characters.
    runtime = tempfile.mkdtemp(prefix="run-")
    states.home.togetherctl("profile", "set", "acme", "forward=always")
    config = states.home.base / "config.toml"
    # No ready file comes of a configuration that has just been changed.
    an_hour_ago = time.time() - 3600
    os.utime(config, (an_hour_ago, an_hour_ago))
    states.home.togetherctl("get-token", "--profile", "acme")
    states.take()
    environ = {**states.environ, "XDG_RUNTIME_DIR": runtime}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "togetherctl.agent"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    agent = Agent(states, process, environ)
    try:
        wait_until((agent.paths.agent_state / "used.json").exists)
        yield agent
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(runtime)


def socket_cases(agent: Agent) -> Iterator[Case]:
    """A credential over the socket, by two clients; the session is fresh, and its ready file there."""
    socket = str(agent.paths.agent_socket)
    served = partial(Case, prepare=agent.states.ready, expects=_SERVED)
    if curl := shutil.which("curl"):
        words = [curl, "--silent", "--fail", "--unix-socket", socket, "http://agent/v1/credentials/acme"]
        yield served(CURL, words, agent.environ)
    # Another home, as that of the other side: without a session, and with a folder for finished credentials.
    there = Home(agent.states.home.folder / "there", agent.states.home.ca_file)
    there.folder.mkdir(mode=0o700)
    runtime = there.folder / "run"
    runtime.mkdir(mode=0o700)
    environ = {**there.environ, "KUBERNETES_EXEC_INFO": V1, AGENT: socket}
    call = ["get-token", "--profile", "acme"]
    yield served(CLIENT, [sys.executable, str(PROGRAM), *call], environ)
    begun = {**environ, "XDG_RUNTIME_DIR": str(runtime)}
    begin = [sys.executable, str(PROGRAM), "init", "agent", "--yes", "--no-login"]
    subprocess.run(begin, env=begun, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60)
    an_hour_ago = time.time() - 3600
    os.utime(there.base / "config.toml", (an_hour_ago, an_hour_ago))
    yield served(SHIM, [str(locate(begun).shim), *call], begun)


def table(bench: Bench) -> str:
    """The figures of one agent, as Markdown."""
    with running_agent(bench.home("night")) as agent:
        shim = [str(agent.states.shim), "get-token", "--profile", "acme"]

        def call() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(shim, env=agent.environ, stdout=subprocess.PIPE, check=True, timeout=60)

        call()
        agent.pass_night()
        before = bench.issuer.counts.copy()
        began = time.perf_counter()
        served = call()
        first = time.perf_counter() - began
        assert _SERVED in served.stdout
        asked = sum((bench.issuer.counts - before).values())

        before_looks = agent.cpu
        for _ in range(LOOKS):
            agent.wake()
            time.sleep(0.05)
        after_looks = agent.cpu
        agent.pass_night()
        # Its child has ended when its time is in the account.
        wait_until(lambda: agent.cpu[1] > after_looks[1])
        after_refresh = agent.cpu
        looks = after_looks[0] - before_looks[0]
        own, children = (after - now for after, now in zip(after_refresh, after_looks, strict=True))
        return "\n".join(
            [
                "| the agent | measured | at most |",
                "|---|--:|--:|",
                f"| requests in the first `kubectl` after a night | {asked} | 0 |",
                f"| how long that call takes | {first * 1000:.1f} ms | |",
                f"| resident memory, after a night | {agent.resident / 1024:.1f} MiB | 40 MB |",
                f"| CPU time of {LOOKS} looks, which is an hour without a refresh | {looks:.3f} s | |",
                f"| CPU time of one refresh: the agent's, its child's | {own:.3f} s, {children:.2f} s | |",
                f"| CPU time of an hour with tokens of an hour | {looks + REFRESHES * (own + children):.2f} s | 1 s |",
            ]
        )


def wait_until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            raise RuntimeError("the agent did not do what it is measured for")
        time.sleep(0.02)


def main() -> int:
    """Measure, and print the table."""
    with (
        tempfile.TemporaryDirectory(prefix="togetherctl-bench-") as folder,
        running_bench(Path(folder).resolve(), clock=time.time, canary=Canary()) as bench,
    ):
        sys.stdout.write(f"{table(bench)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
