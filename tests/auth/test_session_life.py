"""One session's whole life in one process: the clock is moved by hand, the issuer counts what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply
from togetherctl.auth.session import State
from togetherctl.errors import LoginRequired, Refused, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.auth.engine import Credential
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


def ask(world: World, *, may_log_in: bool = True) -> Credential:
    return world.engine.credential(world.store.profile("acme"), may_log_in=may_log_in)


def state(world: World) -> State:
    profile = world.store.profile("acme")
    return world.engine.state(profile, world.engine.load(profile))


def test_a_session_from_none_to_a_new_login(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world, quiet = make_world(browser=browser), make_world()
    assert state(world) is State.NONE

    # none -> login: one tab, one code, one token request
    first = ask(world)
    assert len(browser.opened) == 1
    assert (state(world), issuer.counts["/token"]) == (State.VALID, 1)
    assert first.ask_again_at == first.token.expires_at - 60  # the last fifth of 300 s

    # valid: served without a request
    clock.advance(100)
    before = issuer.counts.copy()
    assert ask(quiet) == first
    assert issuer.counts == before

    # stale: served at once, until the margin
    clock.advance(145)
    stale = ask(quiet)
    assert (stale.token, state(world)) == (first.token, State.STALE)
    assert stale.ask_again_at == first.token.expires_at - 30  # the margin, a tenth of the life at most
    assert issuer.counts == before

    # due: one request, to the token endpoint, because metadata and keys are kept
    clock.advance(30)
    second = ask(quiet)
    assert second.token != first.token
    assert issuer.counts - before == {"/token": 1}

    # expired: refreshed, with the rotated refresh token
    clock.advance(1000)
    assert state(world) is State.EXPIRED
    third = ask(quiet)
    assert third.token.expires_at == clock.now + 300
    assert issuer.counts - before == {"/token": 2}

    # refused: the issuer no longer knows the refresh token
    clock.advance(1000)
    issuer.refresh_tokens.clear()
    with pytest.raises(LoginRequired) as refused:
        ask(quiet, may_log_in=False)
    assert refused.value.hint == "togetherctl login acme"
    assert state(world) is State.LOGIN_REQUIRED

    # and it is not asked again what it refused
    before = issuer.counts.copy()
    with pytest.raises(LoginRequired):
        ask(quiet, may_log_in=False)
    assert issuer.counts == before

    # login again
    assert ask(world).token.expires_at == clock.now + 300
    assert (len(browser.opened), state(world)) == (2, State.VALID)
