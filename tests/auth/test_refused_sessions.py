"""What a refusal leaves in a session: a mark of this one refresh token, and nothing that was sent in confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.auth.test_dialects import ask, expired_session, oauth, state
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import State
from togetherctl.errors import LoginRequired, TogetherctlError

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock

pytestmark = pytest.mark.usefixtures("acme")


def test_a_token_that_the_issuer_repeats_is_not_shown(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    [held] = issuer.refresh_tokens
    issuer.refresh_reply = oauth(400, "invalid_grant", f"unknown token {held} of client the-client")
    with pytest.raises(LoginRequired) as refused:
        ask(world, may_log_in=False)
    assert "unknown token ... of client the-client" in refused.value.message
    session = world.engine.load(world.config.profile("acme"))
    assert session is not None
    assert session.last_error is not None
    assert held not in session.last_error.message


def test_a_new_refresh_token_takes_the_mark_away(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    """However it came: here another machine put its session into a folder that both share."""
    from dataclasses import replace

    world = make_world(browser=browser)
    expired_session(world, clock)
    profile = world.config.profile("acme")
    session = world.engine.load(profile)
    assert session is not None
    issuer.refresh_reply = oauth(400, "invalid_request")
    with pytest.raises(LoginRequired):
        ask(world, may_log_in=False)
    issuer.refresh_reply = None
    good = issuer.tokens(issuer.claims, "openid email offline_access")["refresh_token"]
    world.sessions(profile).save(profile.key, replace(session, refresh_token=good))
    assert state(world) is State.EXPIRED
    ask(make_world(), may_log_in=False)
    assert state(world) is State.VALID


def test_a_refusal_marks_only_the_refresh_token_that_was_refused(
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another machine configurations a newer one while the refusal is on its way."""
    from dataclasses import replace

    from togetherctl.auth import refresh, session_lifecycle

    world = make_world(browser=browser)
    expired_session(world, clock)
    profile = world.config.profile("acme")
    session = world.engine.load(profile)
    assert session is not None
    newer = replace(session, refresh_token="another-refresh-token")  # made up
    real = refresh.refresh

    def slow(*arguments: object, **named: object) -> object:
        try:
            return real(*arguments, **named)  # type: ignore[arg-type] # what it was called with
        finally:
            if arguments[1] == session:
                issuer.refresh_reply = Reply(503, b"")
                world.sessions(profile).save(profile.key, newer)

    monkeypatch.setattr(session_lifecycle, "refresh", slow)
    issuer.refresh_reply = oauth(400, "invalid_request")
    with pytest.raises(TogetherctlError):
        ask(make_world(), may_log_in=False)
    stored = world.engine.load(profile)
    assert stored is not None
    assert (stored.refresh_token, stored.refused) == (newer.refresh_token, False)


def test_a_token_that_is_still_good_is_served_to_its_end_after_a_refusal(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    ask(world)
    issuer.refresh_reply = oauth(400, "invalid_request")
    clock.advance(280)  # due: its last tenth
    before = issuer.counts["/token"]
    first, second = ask(make_world(), may_log_in=False), ask(make_world(), may_log_in=False)
    assert first == second
    assert issuer.counts["/token"] - before == 1
    clock.advance(21)
    with pytest.raises(LoginRequired):
        ask(make_world(), may_log_in=False)


def test_a_process_that_waited_hears_what_the_first_one_heard(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = oauth(400, "invalid_request")
    began = clock.now
    with pytest.raises(LoginRequired):
        ask(world, may_log_in=False)
    profile = world.config.profile("acme")
    session = world.engine.load(profile)
    before = issuer.counts.copy()
    with pytest.raises(LoginRequired):
        world.engine._renew(profile, session, Policy(ask=False), waited_since=began)
    assert issuer.counts == before
