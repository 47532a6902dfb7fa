"""Processes that call the plugin, a browser that counts its tabs, and an issuer that counts its requests."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT, MakeWorld
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token

if TYPE_CHECKING:
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from togetherctl.config.profile import Profile


@dataclass
class Plugin:
    """`get-token` of one profile, as kubectl calls it, in processes of its own."""

    environ: dict[str, str]
    home: Path
    canary: Canary
    profile: Profile
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def sessions(self) -> FileSessions:
        return FileSessions(self.home / "state" / "sessions")

    @property
    def visits(self) -> int:
        log = self.home / "visits"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def browser(self, how: str) -> dict[str, str]:
        """The variable that makes `how` the browser: `log-in`, `deny` or `nothing`."""
        words = [sys.executable, "-m", "tests.support.visit", how, str(self.home / "visits"), "{url}"]
        return {"TOGETHERCTL_BROWSER": shlex.join(words)}

    def start(self, *arguments: str, how: str = "log-in", **changes: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "togetherctl", *(arguments or ("get-token", "--profile", "acme"))],
            env={**self.environ, **self.browser(how), **changes},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Wait for its end: exit code, the token or what else stood on stdout, and stderr."""
        stdout, stderr = process.communicate(timeout=90)
        self.canary.saw("stderr of a process", stderr)
        if stdout.startswith('{"apiVersion"'):
            stdout = self.canary.watch("a token", json.loads(stdout)["status"]["token"])
        return process.returncode, stdout, stderr

    def run(self, *arguments: str, how: str = "log-in", **changes: str) -> tuple[int, str, str]:
        return self.end(self.start(*arguments, how=how, **changes))

    def session(self) -> Session | None:
        return self.sessions.load(self.profile.key)

    def aged(self, *, life: float, age: float) -> Session:
        """Store the session as if its ID token had lived `age` of its `life` seconds."""
        session = self.session()
        assert session is not None
        assert session.id_token is not None
        now = time.time()
        aged = replace(session, id_token=Token(session.id_token.value, now - age, now - age + life))
        self.sessions.save(self.profile.key, aged)
        (self.home / "cache" / "ready" / "acme").unlink(missing_ok=True)
        return aged

    def wait_until(self, what: Callable[[], Any], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)

    def login_record(self) -> dict[str, Any] | None:
        path = self.home / "state" / "sessions" / f"{self.profile.key}.login"
        return dict(json.loads(path.read_text())) if path.exists() else None

    def children(self) -> list[int]:
        """The refreshing children of this home that run now."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if b"--behind" in (process / "cmdline").read_bytes().split(b"\0"):
                    environ = (process / "environ").read_bytes().split(b"\0")
                    if f"TOGETHERCTL_HOME={self.home}".encode() in environ:
                        found.append(int(process.name))
            except (OSError, ValueError):
                continue
        return found


@pytest.fixture
def plugin(environ: dict[str, str], acme: Path, make_world: MakeWorld, canary: Canary) -> Iterator[Plugin]:
    environ["PYTHONPATH"] = str(ROOT)
    os.utime(acme, (time.time() - 100,) * 2)
    running = Plugin(environ, acme.parent, canary, make_world().config.profile("acme"))
    yield running
    for process in running.started:
        if process.poll() is None:
            process.kill()
        if process.stdout and not process.stdout.closed:
            process.communicate()
    for child in running.children():
        os.kill(child, signal.SIGKILL)


@pytest.fixture
def logged_in(plugin: Plugin, make_world: MakeWorld, browser: ScriptedBrowser) -> Plugin:
    """With a session that is fresh."""
    make_world(browser=browser).engine.login(plugin.profile, Policy())
    return plugin
