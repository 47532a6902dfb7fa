"""When tokens turn stale: for each person at another moment, in every process at the same one."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Freshness, Session, State, Token
from togetherctl.auth.time_limits import STALE_SHARE, STALE_SPREAD
from togetherctl.config.profile import Issuer, Profile
from togetherctl.connection_settings import Connection
from togetherctl.usecases.session_snapshot import read_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

ISSUER = Issuer("acme", "https://id.example", Connection())
BEGAN, LIFE = 1_800_000_000.0, 3600.0
KEY = hashlib.sha256(b"one configuration").hexdigest()


def profile_of(key: str = KEY, margin: float = 60.0) -> Profile:
    return Profile("acme", key, ISSUER, "the-client", ("openid",), margin=margin)


def session_of(subject: str, life: float = LIFE) -> Session:
    return Session(ISSUER.url, "the-client", subject, subject, Token("token", BEGAN, BEGAN + life))


def turns_stale(subject: str, key: str = KEY, life: float = LIFE, margin: float = 60.0) -> float:
    """After how many seconds a session's state changes from valid to stale, by asking for its state alone."""
    session, profile = session_of(subject, life), profile_of(key, margin)
    early, late = 0.0, life
    while late - early > 1e-3:
        middle = (early + late) / 2
        if session.state(profile, BEGAN + middle) is State.VALID:
            early = middle
        else:
            late = middle
    return late


@pytest.mark.parametrize("life", [30.0, 300.0, 3600.0, 86400.0])
@pytest.mark.parametrize("margin", [0.0, 60.0, 3600.0])
def test_it_is_earlier_only_and_never_past_due(life: float, margin: float) -> None:
    for number in range(100):
        moment = turns_stale(f"person-{number}", life=life, margin=margin)
        latest = (1 - STALE_SHARE) * life
        assert latest - STALE_SPREAD * life - 0.01 <= moment <= latest + 0.01
        before_due = session_of("", life).freshness(profile_of(margin=margin), BEGAN + 0.89 * life)
        assert before_due is Freshness.STALE


def test_the_same_session_turns_stale_at_the_same_moment_whatever_process_asks() -> None:
    # A text's hash() differs from process to process: the moments themselves are pinned.
    assert [round(turns_stale(f"person-{number}")) for number in range(4)] == [2738, 2806, 2875, 2764]
    assert [round(turns_stale(subject)) for subject in ("", "é", "\udc80")] == [2719, 2874, 2763]


@pytest.mark.parametrize(
    "people",
    [
        [(f"{number}", KEY) for number in range(10_000)],
        [(f"user-{number:08}", KEY) for number in range(10_000)],
        [(hashlib.md5(b"%d" % number, usedforsecurity=False).hexdigest(), KEY) for number in range(10_000)],
        [("me@acme.com", hashlib.sha256(b"%d" % number).hexdigest()) for number in range(10_000)],
    ],
    ids=["numbers", "names with numbers", "random subjects", "one person, many keys"],
)
def test_ten_thousand_people_are_spread_evenly(people: list[tuple[str, str]]) -> None:
    tenths = Counter(int(session_of(subject).early(key) / STALE_SPREAD * 10) for subject, key in people)
    assert sorted(tenths) == list(range(10))
    # Even dice give 1000 each, and 30 more or less.
    assert 850 < min(tenths.values()) <= max(tenths.values()) < 1150


def test_everything_that_tells_the_moment_tells_the_same_one(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, cli: Run, home: Path, acme: Path
) -> None:
    """The engine, the exec credential, the ready file, and `status` and the terminal interface around it."""
    os.utime(acme, (clock() - 100,) * 2)
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    moment = make_world().engine.credential(profile, Policy(ask=False)).ask_again_at
    assert session.id_token is not None
    assert moment == session.id_token.stale_at(session.early(profile.key))
    said = json.loads(cli("get-token", "--profile", "acme").stdout)["status"]["expirationTimestamp"]
    assert datetime.fromisoformat(said).timestamp() == int(moment)
    header = (home / "tctl" / "cache" / "ready" / "acme").read_bytes().split(b"\n")[0]
    assert str(int(moment)).encode() in header.split()
    for seconds, state in ((-1, State.VALID), (0, State.STALE)):
        clock.now = moment + seconds
        assert read_snapshot(make_world(), profile).state(clock.now) is state
