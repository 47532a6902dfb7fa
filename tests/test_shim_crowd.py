"""Many calls at once that find nothing ready: one goes on, the others wait for what it leaves, and nobody hangs."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.installed import Installed
from tests.support.issuer import Reply
from tests.test_shim import at, in_shell, installed
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.issuer import ScriptedIssuer

__all__ = ["at", "in_shell", "installed"]

CROWD = 12
pytestmark = pytest.mark.parametrize("at", ["plain"], indirect=True, ids=["plain home"])


def claim(here: Installed) -> Path:
    return here.ready.parent / ".claim-acme"


def expire(here: Installed) -> None:
    """The token is too old to be served, and so is what lies ready of it."""
    sessions, key = FileSessions(here.session.parent), here.session.stem
    session = sessions.load(key)
    assert session is not None
    sessions.save(key, replace(session, id_token=Token("expired-token", 1.0, 2.0)))
    here.rewrite_ready({4: str(int(time.time()) - 1)})


def call_at_once(here: Installed, times: int = CROWD, **changes: str) -> list[subprocess.CompletedProcess[bytes]]:
    words = [*here.shell, str(here.shim), *here.arguments]
    started = [
        subprocess.Popen(
            words,
            env={**here.environ, **changes},
            cwd=here.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(times)
    ]
    ended = []
    for one in started:
        out, err = one.communicate(timeout=60)
        ended.append(subprocess.CompletedProcess(words, one.returncode, out, err))
    return ended


def test_one_python_serves_a_crowd(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    expire(in_shell)
    before = issuer.counts.copy()
    ended = call_at_once(in_shell)
    assert {(one.returncode, one.stderr) for one in ended} == {(0, b"")}
    assert len({one.stdout for one in ended}) == 1
    assert b"expired-token" not in ended[0].stdout
    assert (issuer.counts - before)["/token"] == 1
    assert in_shell.started() == 1
    assert not claim(in_shell).exists()


def test_nor_does_it_matter_that_nothing_was_ready_before(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    expire(in_shell)
    # As in a new container, which has a session and no cache.
    shutil.rmtree(in_shell.ready.parent.parent)
    before = issuer.counts.copy()
    ended = call_at_once(in_shell)
    assert {one.returncode for one in ended} == {0}
    assert ((issuer.counts - before)["/token"], in_shell.started()) == (1, 1)
    assert stat.S_IMODE(in_shell.ready.parent.stat().st_mode) == 0o700


def test_what_one_cannot_get_each_is_told(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    expire(in_shell)
    issuer.always["/token"] = Reply(503, b"{}", {})
    ended = call_at_once(in_shell, 4)
    assert {one.returncode for one in ended} == {4}
    assert all(b"HTTP 503" in one.stderr for one in ended)
    assert not claim(in_shell).exists()


BOOT = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def began(pid: int) -> str:
    """When a process began, in ticks since the machine did."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]


def count_pauses(here: Installed) -> Callable[[], list[str]]:
    """Let `sleep` take no time, and give what it was asked for since."""
    told, tools = here.home.parent / "pauses", here.home.parent / "tools"
    tools.mkdir()
    (tools / "sleep").write_text(f"#!/bin/sh\necho \"$1\" >>'{told}'\n")
    (tools / "sleep").chmod(0o700)
    here.environ["PATH"] = f"{tools}:{os.environ['PATH']}"

    def pauses() -> list[str]:
        said = told.read_text().split() if told.exists() else []
        told.unlink(missing_ok=True)
        return said

    return pauses


def gone() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    since = began(process.pid)
    process.wait()
    return f"{process.pid} login {BOOT} {since}"


OTHERS = {
    "a process that was killed": gone,
    "a process that has another's number": lambda: f"{os.getpid()} login {BOOT} 1",
    "a process of another machine": lambda: f"{os.getpid()} login {BOOT[::-1]} {began(os.getpid())}",
    "a process of an older togetherctl": lambda: f"{os.getpid()} login",
    "every process of a group": lambda: f"0 login {BOOT} {began(os.getpid())}",
    "no number": lambda: "no number",
}


@pytest.mark.parametrize("owner", OTHERS.values(), ids=OTHERS)
def test_a_claim_that_is_nobodys_is_not_waited_for(owner: Callable[[], str], in_shell: Installed) -> None:
    pauses = count_pauses(in_shell)
    expire(in_shell)
    claim(in_shell).write_text(f"{owner()}\n", encoding="ascii")
    done = in_shell.call_shim()
    assert (done.returncode, done.stderr, in_shell.started()) == (0, b"", 1)
    assert pauses() == []
    assert not claim(in_shell).exists()


def test_nor_is_one_that_has_ended_and_that_its_parent_has_not_asked_for(in_shell: Installed) -> None:
    pauses = count_pauses(in_shell)
    expire(in_shell)
    with subprocess.Popen(["sleep", "60"]) as process:  # noqa: S607
        since = began(process.pid)
        process.kill()
        while Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
        claim(in_shell).write_text(f"{process.pid} login {BOOT} {since}\n", encoding="ascii")
        assert in_shell.call_shim().returncode == 0
    assert pauses() == []


def test_a_claim_of_one_that_was_killed_before_it_said_who_it_is_is_taken_over(in_shell: Installed) -> None:
    pauses = count_pauses(in_shell)
    expire(in_shell)
    claim(in_shell).write_text("", encoding="ascii")
    assert in_shell.call_shim().returncode == 0
    assert pauses() == ["0.05"] * 4
    assert not claim(in_shell).exists()


def test_waiting_has_an_end_and_takes_its_time(in_shell: Installed) -> None:
    """Who is not in a login is waited for for eight seconds; a login for as long as it may take, with longer pauses."""
    pauses = count_pauses(in_shell)
    expire(in_shell)
    me = f"{BOOT} {began(os.getpid())}"
    claim(in_shell).write_text(f"{os.getpid()} works {me}\n", encoding="ascii")
    assert (in_shell.call_shim().returncode, in_shell.started()) == (0, 1)
    assert pauses() == ["0.05"] * 20 + ["0.1"] * 70
    expire(in_shell)
    text = in_shell.shim.read_text()
    assert '"$looks" -lt 1000' in text
    in_shell.shim.write_text(text.replace('"$looks" -lt 1000', '"$looks" -lt 50'))
    claim(in_shell).write_text(f"{os.getpid()} login {me}\n", encoding="ascii")
    done = in_shell.call_shim()
    assert (done.returncode, in_shell.started()) == (0, 2)
    assert done.stderr == b"togetherctl: waiting for the login that process %d has begun\n" % os.getpid()
    assert pauses() == ["0.1"] * 9 + ["0.25"] * 30 + ["1"] * 10


def test_without_a_list_of_processes_it_asks_ps(in_shell: Installed) -> None:
    """As on macOS."""
    text = in_shell.shim.read_text()
    in_shell.shim.write_text(text.replace("/proc/", "/nowhere/"))
    pauses = count_pauses(in_shell)
    expire(in_shell)
    asked = {**os.environ, "LC_ALL": "C"}
    since = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(os.getpid())],  # noqa: S607
        env=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    claim(in_shell).write_text(f"{os.getpid()} works - {since}\n", encoding="ascii")
    assert in_shell.call_shim().returncode == 0
    assert len(pauses()) == 90
    expire(in_shell)
    claim(in_shell).write_text(f"{os.getpid()} works - {since}0\n", encoding="ascii")
    assert in_shell.call_shim().returncode == 0
    assert pauses() == []


def test_one_that_is_killed_leaves_the_work_to_the_others(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    """The first Python dies with its claim in hand, while the others wait."""
    expire(in_shell)
    python = Path(in_shell.counting_python())
    text = python.read_text()
    python.write_text(text.replace("exec", f"[ \"$(wc -l <'{in_shell.counted}')\" -gt 1 ] || kill -9 $$; exec"))
    before = issuer.counts.copy()
    ended = call_at_once(in_shell)
    assert sorted(one.returncode for one in ended) == [-9] + [0] * (CROWD - 1)
    assert (issuer.counts - before)["/token"] == 1
    assert in_shell.call_shim().returncode == 0


def test_one_login_serves_a_crowd(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    in_shell.session.unlink()
    in_shell.ready.unlink()
    visitor = in_shell.home / "visitor.py"
    visitor.write_text(
        "import sys, time, urllib.request\ntime.sleep(1)\n"
        "urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()\n"
    )
    before = issuer.counts.copy()
    ended = call_at_once(in_shell, TOGETHERCTL_BROWSER=f"{sys.executable} {visitor}")
    assert {one.returncode for one in ended} == {0}, ended[0].stderr
    assert len({one.stdout for one in ended}) == 1
    assert (issuer.counts - before)["/token"] == 1
    assert in_shell.started() == 1
    said = [one.stderr for one in ended if not one.stderr.startswith(b"togetherctl: waiting for the login")]
    assert len(said) == 1, "the one that logs in says what it does"


def test_another_users_or_linked_claim_is_not_followed(in_shell: Installed, tmp_path: Path) -> None:
    expire(in_shell)
    claim(in_shell).symlink_to(tmp_path / "elsewhere")
    done = in_shell.call_shim()
    assert (done.returncode, in_shell.started()) == (0, 1)
    assert not (tmp_path / "elsewhere").exists()


def test_who_waits_for_a_login_says_so_once(in_shell: Installed) -> None:
    """The process that is in a login marks its claim; here it is this test."""
    expire(in_shell)
    body = in_shell.ready.read_bytes()
    in_shell.ready.unlink()
    claim(in_shell).write_text(f"{os.getpid()} login {BOOT} {began(os.getpid())}\n", encoding="ascii")
    waiting = subprocess.Popen(
        [*in_shell.shell, str(in_shell.shim), *in_shell.arguments],
        env=in_shell.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1)
    assert waiting.poll() is None
    in_shell.ready.write_bytes(body)
    ns = in_shell.session.stat().st_mtime_ns
    os.utime(in_shell.ready, ns=(ns, ns))
    in_shell.rewrite_ready({4: str(int(time.time()) + 1000)})
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, in_shell.started()) == (0, 0)
    assert out == body.partition(b"\n")[2]
    assert err == b"togetherctl: waiting for the login that process %d has begun\n" % os.getpid()


def test_a_claim_is_private(installed: Installed) -> None:
    expire(installed)
    slow = Path(installed.counting_python())
    slow.write_text(slow.read_text().replace("exec", f"cp -p '{claim(installed)}' '{installed.home}/seen'; exec"))
    assert installed.call_shim().returncode == 0
    assert stat.S_IMODE((installed.home / "seen").stat().st_mode) == 0o600
