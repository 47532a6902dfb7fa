"""The agent keeps used sessions ahead: real agent, real children, an issuer that rotates and counts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.installed import V1, Installed
from tests.support.issuer import Gate, Reply, ScriptedIssuer
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token
from togetherctl.lock import LockTimeout, hold_lock
from togetherctl.paths import locate
from togetherctl.shim import shim_for

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from togetherctl.config.profile import Profile

PROGRAM = Path(sys.executable).parent / "togetherctl"
DAY = 86_400


@dataclass
class Laptop:
    """A person's machine: logged in, with a shim in its kubeconfig, and an agent."""

    installed: Installed
    profile: Profile
    issuer: ScriptedIssuer
    canary: Canary
    agents: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def agent(self) -> subprocess.Popen[bytes]:
        return self.agents[-1]

    @property
    def sessions(self) -> FileSessions:
        return FileSessions(self.installed.home / "state" / "sessions")

    @property
    def used(self) -> Path:
        return self.installed.home / "state" / "agent" / "used.json"

    def start_agent(self) -> None:
        """Start it, and wait until it has looked around."""
        self.used.unlink(missing_ok=True)
        self.resume_agent()

    def resume_agent(self) -> None:
        self.agents.append(
            subprocess.Popen(
                [sys.executable, "-P", "-m", "togetherctl.agent"],
                env=self.installed.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        )
        wait_until(lambda: self.used.exists() and self.used.stat().st_mtime > 0)

    def session(self) -> Session:
        session = self.sessions.load(self.profile.key)
        assert session is not None
        return session

    def pass_hours(self, hours: float) -> Session:
        """As if the token had been got `hours` ago, and the ready file written then: the other side of a sleep."""
        session, path, ready = self.session(), self.installed.session, self.installed.ready
        assert session.id_token is not None
        life = session.id_token.expires_at - session.id_token.obtained_at
        began = time.time() - hours * 3600
        before = path.stat()
        aged = replace(session, id_token=Token(session.id_token.value, began, began + life))
        self.sessions.save(self.profile.key, aged)
        # Nothing is written while a machine sleeps.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if ready.exists():
            self.installed.rewrite_ready({3: str(int(began)), 4: str(int(began + life * 0.75))})
        return aged

    def sleep(self, hours: float) -> None:
        """Stop the agent, let time pass, and wake it."""
        self.agent.send_signal(signal.SIGSTOP)
        self.pass_hours(hours)
        self.agent.send_signal(signal.SIGCONT)

    def kubectl(self) -> str:
        """What kubectl gets from its plugin."""
        done = self.installed.call_shim()
        assert done.returncode == 0, done.stderr
        return self.canary.watch("a token", json.loads(done.stdout)["status"]["token"])

    def children(self) -> list[int]:
        return [pid for pid in processes_of(self.installed.home) if b"togetherctl.cli.keep_ahead" in command_of(pid)]

    def is_kept_since(self, session: Session) -> bool:
        now, before = self.session().id_token, session.id_token
        return now is not None and before is not None and now.value != before.value and not self.children()


def wait_until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def processes_of(home: Path) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        try:
            if f"TOGETHERCTL_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
        except (OSError, ValueError):
            continue


def command_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def laptop(
    environ: dict[str, str],
    acme: Path,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    canary: Canary,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Laptop]:
    # The path of a socket has at most some hundred characters.
    runtime = Path(tempfile.mkdtemp(prefix="run-"))
    environ |= {"PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(runtime)}
    os.utime(acme, (time.time() - 100,) * 2)
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    installed = Installed(locate(environ).config.parent, {**environ, "KUBERNETES_EXEC_INFO": V1})
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", installed.counting_python())
        shim = shim_for(environ, str(PROGRAM))
    shim.path.parent.mkdir(mode=0o700, parents=True)
    shim.path.write_bytes(shim.text())
    shim.path.chmod(0o700)
    running = Laptop(installed, profile, issuer, canary)
    yield running
    for agent in running.agents:
        agent.kill()
        agent.wait()
    for child in running.children():
        os.kill(child, signal.SIGKILL)
    shutil.rmtree(runtime)


def test_the_first_kubectl_of_the_morning_waits_for_nobody(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    laptop.start_agent()
    laptop.kubectl()
    evening = laptop.session()
    before = issuer.counts.copy()
    laptop.sleep(hours=9)
    wait_until(lambda: laptop.is_kept_since(evening))
    assert issuer.counts - before == {"/token": 1}
    before, pythons = issuer.counts.copy(), laptop.installed.started()
    token = laptop.kubectl()
    # No request in the call, and no Python: the shim had it ready.
    assert issuer.counts - before == Counter()
    assert laptop.installed.started() == pythons
    session = laptop.session()
    assert session.id_token is not None
    assert token == session.id_token.value


def test_a_stale_token_is_refreshed_though_no_call_comes(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    issuer.lifetime = 3600
    laptop.start_agent()
    laptop.kubectl()
    before = laptop.session()
    laptop.sleep(hours=0.99)
    wait_until(lambda: laptop.is_kept_since(before))
    # A whole one, not one for half a minute.
    words = laptop.installed.ready.read_bytes().split(b" ", 8)
    assert int(words[4]) - int(words[3]) > 2000


def test_no_refresh_token_is_used_twice(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    """The agent and many calls, all at the same moment, at an issuer that takes each refresh token once."""
    laptop.start_agent()
    for _ in range(6):
        laptop.agent.send_signal(signal.SIGSTOP)
        aged = laptop.pass_hours(2)
        laptop.installed.ready.unlink(missing_ok=True)
        calls = [
            subprocess.Popen(
                [sys.executable, "-m", "togetherctl", *laptop.installed.arguments],
                env=laptop.installed.environ,
                stdout=subprocess.PIPE,
            )
            for _ in range(4)
        ]
        laptop.agent.send_signal(signal.SIGCONT)
        answers = [call.communicate(timeout=60)[0] for call in calls]
        for answer in answers:
            laptop.canary.watch("a token", json.loads(answer)["status"]["token"])
        assert [call.returncode for call in calls] == [0] * 4
        wait_until(lambda old=aged: laptop.is_kept_since(old))  # type: ignore[misc] # mypy sees no default of a lambda
    used = Counter(asked.form["refresh_token"] for asked in issuer.asked if "refresh_token" in asked.form)
    assert set(used.values()) == {1}
    assert len(used) == 6


def test_an_agent_killed_in_a_refresh_costs_nothing(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    laptop.start_agent()
    gate = issuer.gates["/token"] = Gate()
    laptop.sleep(hours=9)
    evening = laptop.session()
    gate.wait_for_somebody()
    laptop.agent.kill()
    laptop.agent.wait()
    gate.open()
    # What it has begun with the issuer reaches the disk.
    wait_until(lambda: laptop.is_kept_since(evening))
    before = issuer.counts.copy()
    laptop.kubectl()
    assert issuer.counts - before == Counter()
    # The next agent is there at once, and the lock is free.
    laptop.resume_agent()
    with hold_lock(laptop.installed.session.with_suffix(".lock"), seconds=0):
        pass


def test_an_agent_and_its_child_killed_in_a_refresh_leave_no_lock(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    laptop.start_agent()
    gate = issuer.gates["/token"] = Gate(drops=True)
    laptop.sleep(hours=9)
    gate.wait_for_somebody()
    [child] = laptop.children()
    with pytest.raises(LockTimeout), hold_lock(laptop.installed.session.with_suffix(".lock"), seconds=0):
        pass
    laptop.agent.kill()
    os.kill(child, signal.SIGKILL)
    del issuer.gates["/token"]
    gate.open()
    # The issuer has not taken the refresh token, so it is still good.
    laptop.kubectl()
    assert laptop.session().refresh_token in issuer.refresh_tokens


def test_what_nobody_uses_ends(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    laptop.start_agent()
    laptop.sleep(hours=9)
    evening = laptop.session()
    wait_until(lambda: laptop.is_kept_since(evening))
    # From here on only the agent has written; two days later the session is left to its end.
    laptop.agent.terminate()
    laptop.agent.wait()
    noted = json.loads(laptop.used.read_text())
    assert abs(noted["profiles"]["acme"]["used_at"] - time.time()) < 600
    noted["profiles"]["acme"]["used_at"] -= 2 * DAY
    laptop.used.write_text(json.dumps(noted))
    laptop.pass_hours(40)
    before = issuer.counts.copy()
    laptop.resume_agent()
    for _ in range(3):
        laptop.agent.send_signal(signal.SIGCONT)
        time.sleep(0.3)
    assert (laptop.children(), issuer.counts - before) == ([], Counter())
    # One call makes it used again.
    kept = laptop.session()
    laptop.kubectl()
    assert laptop.is_kept_since(kept)
    kept = laptop.session()
    laptop.sleep(hours=9)
    wait_until(lambda: laptop.is_kept_since(kept))


def test_a_refused_session_is_asked_for_once_until_it_is_another(
    laptop: Laptop, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    laptop.start_agent()
    issuer.refresh_reply = Reply(400, {"error": "invalid_grant", "error_description": "too long ago"})
    before = issuer.counts.copy()
    laptop.sleep(hours=9)
    wait_until(lambda: laptop.session().refused and not laptop.children())
    for _ in range(4):
        laptop.agent.send_signal(signal.SIGCONT)
        time.sleep(0.3)
    assert (laptop.children(), issuer.counts - before) == ([], {"/token": 1})
    issuer.refresh_reply = None
    make_world(browser=browser).engine.login(laptop.profile, Policy(), force=True)
    logged_in = laptop.session()
    laptop.sleep(hours=9)
    wait_until(lambda: laptop.is_kept_since(logged_in))


def test_an_issuer_that_is_away_is_not_asked_again_and_again(laptop: Laptop, issuer: ScriptedIssuer) -> None:
    laptop.start_agent()
    issuer.stop()
    laptop.sleep(hours=9)
    evening = laptop.session()
    wait_until(lambda: laptop.session().last_error is not None and not laptop.children())
    noted = laptop.session().last_error
    time.sleep(1)
    assert laptop.session().last_error == noted
    # After the machine woke it is tried at once.
    issuer.start()
    laptop.agent.send_signal(signal.SIGCONT)
    wait_until(lambda: laptop.is_kept_since(evening))


def test_after_a_logout_nothing_comes_back(laptop: Laptop, issuer: ScriptedIssuer, make_world: MakeWorld) -> None:
    laptop.start_agent()
    make_world().engine.logout(laptop.profile)
    before = issuer.counts.copy()
    for _ in range(3):
        laptop.agent.send_signal(signal.SIGCONT)
        time.sleep(0.3)
    assert (laptop.children(), issuer.counts - before) == ([], Counter())
    assert laptop.sessions.load(laptop.profile.key) is None
