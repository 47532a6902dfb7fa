"""Many calls at once that find nothing ready: one goes on, the others wait for what it leaves, and nobody hangs."""

from __future__ import annotations

import os
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
    in_shell.ready.unlink()
    before = issuer.counts.copy()
    ended = call_at_once(in_shell)
    assert {one.returncode for one in ended} == {0}
    assert ((issuer.counts - before)["/token"], in_shell.started()) == (1, 1)


def test_what_one_cannot_get_each_is_told(in_shell: Installed, issuer: ScriptedIssuer) -> None:
    expire(in_shell)
    issuer.always["/token"] = Reply(503, b"{}", {})
    ended = call_at_once(in_shell, 4)
    assert {one.returncode for one in ended} == {4}
    assert all(b"HTTP 503" in one.stderr for one in ended)
    assert not claim(in_shell).exists()


def test_a_claim_of_a_process_that_was_killed_holds_nobody_up(in_shell: Installed) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    expire(in_shell)
    claim(in_shell).write_text(f"{dead.pid}\n", encoding="ascii")
    done = in_shell.call_shim()
    assert (done.returncode, in_shell.started()) == (0, 1)
    assert not claim(in_shell).exists()


@pytest.mark.parametrize("content", ["", "no number\n"])
def test_a_claim_that_says_nothing_holds_nobody_up_for_long(content: str, in_shell: Installed) -> None:
    expire(in_shell)
    claim(in_shell).write_text(content, encoding="ascii")
    assert in_shell.call_shim().returncode == 0


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
    claim(in_shell).write_text(f"{os.getpid()} login\n", encoding="ascii")
    waiting = subprocess.Popen(
        [*in_shell.shell, str(in_shell.shim), *in_shell.arguments],
        env=in_shell.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(4)  # longer than a wait for a refresh
    assert waiting.poll() is None
    in_shell.ready.write_bytes(body)
    ns = in_shell.config.stat().st_mtime_ns
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
