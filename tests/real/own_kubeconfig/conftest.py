"""An issuer, an API server and three clusters of two sessions."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.programs import need
from tests.support.terminal import Terminal, terminal
from togetherctl.demo.playground import playground

if TYPE_CHECKING:
    from tests.support.canary import Canary

_SECONDS = 60


@dataclass(frozen=True)
class Place:
    """A machine with three clusters: `environ` is what commands run with."""

    environ: dict[str, str]
    runtime: Path
    kubeconfig: Path
    program: tuple[str, ...] = (sys.executable, "-m", "togetherctl")
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(
        self, *words: str, stdin: str | None = None, program: Sequence[str] = (), **changes: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*(program or self.program), *words],
            env={**self.environ, **changes},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def start(self, *words: str, **changes: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own, as a terminal has it."""
        process = subprocess.Popen(
            [*self.program, *words],
            env={**self.environ, **changes},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.started.append(process)
        return process

    def left(self) -> list[Path]:
        """What is in the folder of own kubeconfigs."""
        folder = self.runtime / "togetherctl" / "kubeconfigs"
        return sorted(folder.iterdir()) if folder.is_dir() else []


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + _SECONDS
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.fixture
def place(environ: dict[str, str], home: Path, tmp_path: Path) -> Iterator[Place]:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    with playground({**environ, "PYTHONPATH": str(ROOT)}, by_hand=False) as demo:
        usual = {"XDG_RUNTIME_DIR": str(runtime), "SHELL": "/bin/sh", "KUBECONFIG": str(home / "kubeconfig")}
        found = Place(
            {**demo.environ, **usual, "TOGETHERCTL_HOME": environ["TOGETHERCTL_HOME"]}, runtime, home / "kubeconfig"
        )
        client = ["--issuer", demo.issuer, "--client-id", demo.client_id]
        server = ["--server", demo.server, "--ca-file", str(demo.ca_file)]
        for words in (
            ["profile", "add", "one", *client],
            ["profile", "add", "two", *client, "session=two"],
            ["cluster", "add", "east", "--profile", "one", *server],
            ["cluster", "add", "west", "--profile", "one", *server, "context=west-context"],
            ["cluster", "add", "north", "--profile", "two", *server],
            ["kubeconfig", "write", "east", "--set-current"],
        ):
            done = found.run(*words)
            assert done.returncode == 0, done.stderr
        try:
            yield found
        finally:
            for process in found.started:
                process.kill()
                process.communicate()


@pytest.fixture
def window(place: Place, tmp_path: Path, canary: Canary) -> Iterator[Callable[..., Terminal]]:
    """Open terminals that run togetherctl."""
    with ExitStack() as stack:

        def start(*words: str, program: Sequence[str] = place.program, columns: int = 100, **changes: str) -> Terminal:
            environ = {**place.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **changes}
            # tmux has its own idea of these two.
            own = [f"{name}={environ[name]}" for name in ("PATH", "SHELL")]
            opened = stack.enter_context(
                terminal([need("env"), *own, *program, *words], environ, tmp_path, columns=columns)
            )
            stack.callback(lambda: canary.saw("the terminal", opened.everything()))
            return opened

        yield start


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
