"""A real keyring: gnome-keyring under a D-Bus of its own, unlocked, locked, restarted and gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from tests.support.secret_service import PASSWORD, SecretService, private_service
from togetherctl.auth.cache import record
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import Done, MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def service(home: Path, canary: Canary) -> Iterator[SecretService]:
    need("dbus-daemon")
    need("gnome-keyring-daemon")
    canary.watch("the keyring's password", PASSWORD)
    with private_service(home) as running:
        yield running


@pytest.fixture
def run(process: Run, service: SecretService) -> Callable[..., Done]:
    """A process that finds this keyring and no other."""
    return lambda *arguments, **changes: process(*arguments, **service.variables, **changes)


@pytest.fixture
def session_file(
    config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser, make_world: MakeWorld
) -> Path:
    """A session in a file."""
    config_at(issuer)
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    return world.paths.sessions / f"{profile.key}.json"


def state(run: Callable[..., Done]) -> tuple[str, str]:
    done = run("status", "-o", "json")
    assert done.code == 0
    [item] = json.loads(done.stdout)["items"]
    return item["state"], (item["last_error"] or {}).get("message", "")


def test_a_session_under_a_real_keyring(
    session_file: Path, run: Callable[..., Done], service: SecretService, canary: Canary, issuer: ScriptedIssuer
) -> None:
    before = record.decode(session_file.read_bytes())
    assert run("profile", "set", "acme", "storage=keyring").code == 0
    sealed = session_file.read_text()
    assert not [kind for secret, kind in canary.secrets.items() if secret in sealed]
    assert state(run) == ("valid", "")
    token = json.loads(run("get-token", "--profile", "acme").stdout)["status"]["token"]
    assert before.id_token is not None
    assert token == before.id_token.value

    service.lock()
    there, said = state(run)
    assert (there, "the keyring: it is locked" in said) == ("error", True), said
    done = run("get-token", "--profile", "acme")
    assert (done.code, done.stdout) == (6, "")
    assert (
        "unlock the keyring and try again; or do without the keyring\n  run: togetherctl profile set acme"
        in done.stderr
    )
    assert session_file.read_text() == sealed

    service.unlock()
    assert state(run) == ("valid", "")
    assert run("refresh").code == 0
    assert issuer.counts["/token"] == 2
    assert session_file.read_text() != sealed
    assert run("profile", "set", "acme", "storage=file").code == 0
    assert record.decode(session_file.read_bytes()).refresh_token != before.refresh_token
    assert run("logout").code == 0
    assert issuer.revoked


def test_a_keyring_that_is_gone(session_file: Path, run: Callable[..., Done], service: SecretService) -> None:
    assert run("profile", "set", "acme", "storage=keyring").code == 0
    for daemon in service.running:
        daemon.kill()
        daemon.wait(10)
    there, said = state(run)
    assert (there, "this machine has none that works here" in said) == ("error", True), said
    done = run("login", CI="1")
    assert (done.code, "togetherctl profile set acme storage=file" in done.commands) == (6, True), done.stderr
    assert session_file.exists()


def test_a_locked_keyring_is_said_before_a_login(
    config_at: MakeConfig, issuer: ScriptedIssuer, run: Callable[..., Done], service: SecretService
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    service.lock()
    done = run("login", TOGETHERCTL_BROWSER="false")
    assert (done.code, "the keyring: it is locked" in done.stderr) == (6, True), done.stderr
    assert issuer.counts["/authorize"] == 0


_MAKES_ONE = """
import sys, pathlib, hashlib
from togetherctl.auth.cache.sealing_key import SealingKey
print(hashlib.sha256(SealingKey(pathlib.Path(sys.argv[1]), seconds=30).make()).hexdigest())
"""


def test_processes_at_once_end_up_with_one_key(service: SecretService, environ: dict[str, str], home: Path) -> None:
    lock = str(home / "state" / "keyring.lock")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _MAKES_ONE, lock],
            env={**environ, **service.variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    keys = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0] * 6
    assert len(keys) == 1
