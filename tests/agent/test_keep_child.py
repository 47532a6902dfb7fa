"""The child that refreshes for the agent: what it does to a session, and what it says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token
from togetherctl.lock import hold_lock
from togetherctl.wiring import World

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer


class Rig:
    """A profile that is logged in, and the child as the agent starts it."""

    def __init__(self, environ: dict[str, str], world: World) -> None:
        self.environ = {**environ, "PYTHONPATH": str(ROOT)}
        self.world = world
        self.profile = world.config.profile("acme")
        self.ready = world.paths.ready / "acme"

    @property
    def session(self) -> Session | None:
        return self.world.sessions(self.profile).load(self.profile.key)

    def age(self, *, life: float, age: float) -> None:
        session = self.session
        assert session is not None
        now = time.time()
        aged = {
            kind: Token(token.value, now - age, now - age + life)
            for kind in ("id_token", "access_token")
            if (token := getattr(session, kind)) is not None
        }
        self.world.sessions(self.profile).save(self.profile.key, replace(session, **aged))  # type: ignore[arg-type] # tokens alone
        self.ready.unlink(missing_ok=True)

    def keep(self, *words: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "togetherctl.cli.keep_ahead", *(words or ("ready", "acme"))],
            env={**self.environ, "TOGETHERCTL_NO_INPUT": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def rig(environ: dict[str, str], acme: Path, make_world: MakeWorld, browser: ScriptedBrowser) -> Rig:
    os.utime(acme, (time.time() - 100,) * 2)
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    return Rig(environ, world)


def test_a_fresh_session_is_only_made_ready(rig: Rig, issuer: ScriptedIssuer) -> None:
    rig.ready.unlink()
    before = issuer.counts.copy()
    [said] = rig.keep()
    assert (said["profile"], said["outcome"]) == ("acme", "kept")
    session = rig.session
    assert session is not None
    assert session.id_token is not None
    assert said["stale_at"] == session.id_token.stale_at(session.early(rig.profile.key))
    assert rig.ready.exists()
    assert issuer.counts == before


@pytest.mark.parametrize(("words", "leaves"), [("ready", True), ("none", False)])
@pytest.mark.parametrize("age", [850, 2000], ids=["stale", "expired"])
def test_another_one_is_refreshed(rig: Rig, issuer: ScriptedIssuer, words: str, age: float, *, leaves: bool) -> None:
    rig.age(life=1000, age=age)
    before = issuer.counts["/token"]
    [said] = rig.keep(words, "acme")
    assert said["outcome"] == "kept"
    assert said["stale_at"] > time.time()
    assert rig.ready.exists() is leaves
    assert issuer.counts["/token"] == before + 1


def test_a_lock_is_not_waited_for(rig: Rig, issuer: ScriptedIssuer) -> None:
    rig.age(life=1000, age=2000)
    before = issuer.counts.copy()
    with hold_lock(rig.world.paths.sessions / f"{rig.profile.key}.lock", seconds=0):
        assert rig.keep() == [{"profile": "acme", "outcome": "busy"}]
    assert issuer.counts == before


def test_each_profile_gets_its_line_whatever_became_of_the_others(rig: Rig, issuer: ScriptedIssuer) -> None:
    issuer.stop()
    rig.age(life=1000, age=2000)
    said = rig.keep("ready", "nothing", "acme")
    assert [(line["profile"], line["outcome"]) for line in said] == [("nothing", "usage"), ("acme", "unreachable")]
    assert all(line["message"] for line in said)


def test_no_login_is_opened(rig: Rig, issuer: ScriptedIssuer) -> None:
    rig.age(life=1000, age=2000)
    issuer.refresh_tokens.clear()
    [said] = rig.keep()
    assert said["outcome"] == "login_required"
    assert issuer.counts["/authorize"] == 0


def test_a_client_that_needs_no_person_asks_for_new_tokens_until_it_is_logged_out(
    environ: dict[str, str], config_at: MakeConfig, make_world: MakeWorld, issuer: ScriptedIssuer
) -> None:
    issuer.client_secret = "client-secret-1"
    keys = 'grant = "client-credentials"\ntoken = "access"\nclient_secret = { env = "ACME_SECRET" }\n'
    path = config_at(issuer, profile_keys=keys)
    os.utime(path, (time.time() - 100,) * 2)
    world = make_world(ACME_SECRET=issuer.client_secret)
    world.engine.login(world.config.profile("acme"), Policy())
    rig = Rig({**environ, "ACME_SECRET": issuer.client_secret}, world)
    rig.age(life=1000, age=850)
    before = issuer.counts["/token"]
    [said] = rig.keep()
    assert (said["outcome"], issuer.counts["/token"]) == ("kept", before + 1)
    assert rig.ready.exists()
    rig.world.engine.logout(rig.profile, local=True)
    [said] = rig.keep()
    assert (said["outcome"], issuer.counts["/token"]) == ("login_required", before + 1)
    assert rig.session is None
