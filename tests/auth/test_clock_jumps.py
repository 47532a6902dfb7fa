"""A clock that jumps by hours, forward and back: no tab, no lost token, and no failure from a time that never was."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.login_record import LoginFile, LoginRecord
from togetherctl.auth.engine import Policy
from togetherctl.auth.login_cooldown import LoginCooldown
from togetherctl.auth.session import LastError
from togetherctl.errors import LoginRequired, TogetherctlError, Unreachable

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World

HOURS = 5 * 3600.0
NO_TAB = Policy(ask=False)


@pytest.fixture
def world(
    acme: Path, make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, issuer: ScriptedIssuer
) -> World:
    """Logged in, with a token of an hour."""
    os.utime(acme, (clock() - 2 * HOURS,) * 2)
    issuer.lifetime = 3600
    made = make_world(browser=browser)
    made.engine.login(made.config.profile("acme"), Policy())
    return made


@pytest.fixture
def profile(world: World) -> Profile:
    return world.config.profile("acme")


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_jump_costs_one_refresh_and_the_way_back_one_more(
    jump: float, world: World, profile: Profile, clock: StoppedClock, issuer: ScriptedIssuer
) -> None:
    for by in (jump, -jump):
        before = issuer.counts["/token"]
        clock.advance(by)
        assert not world.ready.is_good("acme", "file", now=clock())
        served = world.engine.credential(profile, NO_TAB)
        assert clock() < served.ask_again_at <= served.token.expires_at <= clock() + 3600
        assert world.engine.credential(profile, NO_TAB) == served
        assert issuer.counts["/token"] - before == 1
        assert world.ready.is_good("acme", "file", now=clock())


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_this_machine_alone_is_wrong(
    jump: float, world: World, profile: Profile, clock: StoppedClock, issuer: ScriptedIssuer
) -> None:
    """The issuer's time is another: its tokens seem to have ended, or not to have begun. The refresh token survives."""
    real = clock()
    issuer.clock = lambda: real + 10
    clock.advance(jump)
    for _ in range(3):
        try:
            world.engine.credential(profile, NO_TAB)
        except TogetherctlError as error:
            assert not isinstance(error, LoginRequired), error  # noqa: PT017 # where it fails, not for want of a login
    clock.advance(-jump + 10)
    session = world.engine.load(profile)
    assert session is not None
    assert session.refresh_token in issuer.refresh_tokens
    assert world.engine.credential(profile, NO_TAB).token.expires_at > clock()


@pytest.mark.parametrize("ahead", [HOURS, 61.0])
def test_a_failure_noted_in_the_future_is_nobodys(
    ahead: float, world: World, profile: Profile, clock: StoppedClock, issuer: ScriptedIssuer
) -> None:
    """It was noted before the clock was set back, so nobody who waits now waited for that."""
    sessions = world.sessions(profile)
    session = sessions.load(profile.key)
    assert session is not None
    clock.advance(4000)
    failed = replace(session, last_error=LastError(clock() + ahead, "unreachable", "no route"))
    world.engine._lifecycle.raise_failure_of_others(failed, since=clock() - 5)
    inherited = replace(session, last_error=LastError(clock() - 1, "unreachable", "no route"))
    with pytest.raises(Unreachable, match="no route"):
        world.engine._lifecycle.raise_failure_of_others(inherited, since=clock() - 5)
    sessions.save(profile.key, failed)
    before = issuer.counts["/token"]
    assert world.engine.credential(profile, NO_TAB).token.expires_at > clock()
    assert issuer.counts["/token"] - before == 1


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_cooldown_does_not_outlive_a_jump(jump: float, home: Path, profile: Profile, clock: StoppedClock) -> None:
    file = LoginFile(home / "some.login")
    login = LoginCooldown(file, profile.ways, clock=clock, process=os.getpid())
    now = clock()
    file.write(LoginRecord(os.getpid(), now, failures=1, failed_at=now, until=now + 30, code="login_required"))
    with pytest.raises(LoginRequired, match="for 30 s"):
        login.refuse_too_soon(waited_since=None)
    clock.advance(jump)
    login.refuse_too_soon(waited_since=None)


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_login_under_way_is_not_waited_for_longer_than_it_may_take(
    jump: float, world: World, profile: Profile, clock: StoppedClock
) -> None:
    """A record from a time that never was counts as no login: whoever holds the lock does something else."""
    logins = world.sessions(profile).login_file(profile.key)
    logins.write(LoginRecord(os.getpid(), clock(), "https://login.acme.com"))
    clock.advance(jump)
    taken: list[str] = []
    with world.sessions(profile).lock(profile.key):
        asked: list[float] = []

        def lock(_key: str, *, seconds: object, **_: object) -> object:
            asked.append(seconds())  # type: ignore[operator] # how long it would wait now
            raise RuntimeError

        sessions = world.sessions(profile)
        sessions.lock = lock  # type: ignore[method-assign, assignment] # looks at what it is asked for
        locks = world.engine._locks
        locks._sessions = lambda _profile: sessions
        with pytest.raises(RuntimeError), locks.hold(profile):
            taken.append("it")
    assert (asked, taken) == ([30.0], [])


def test_a_login_without_an_answer_is_tried_once_more(
    home: Path, profile: Profile, clock: StoppedClock, world: World
) -> None:
    """By one of those who waited; after the second, the rest end as it did."""
    assert world.environ
    file = LoginFile(home / "some.login")
    login = LoginCooldown(file, profile.ways, clock=clock, process=os.getpid())
    since = clock() - 5
    for expected in (True, False):
        with pytest.raises(Unreachable), login.under_way(asked_for=False):
            raise Unreachable("no answer in time")
        record = file.read()
        assert record is not None
        assert record.timed_out == expected
    with pytest.raises(Unreachable, match="no answer in time"):
        login.refuse_too_soon(waited_since=since)
    file.clear()
    with pytest.raises(Unreachable), login.under_way(asked_for=False):
        raise Unreachable("no answer in time")
    login.refuse_too_soon(waited_since=since)
    # One that certainly never arrived is everybody's at once, as before.
    file.clear()
    with pytest.raises(Unreachable), login.under_way(asked_for=False):
        raise Unreachable("refused the connection", sent=False)
    with pytest.raises(Unreachable, match="refused the connection"):
        login.refuse_too_soon(waited_since=since)
