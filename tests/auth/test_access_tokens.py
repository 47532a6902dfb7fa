"""Access tokens for clusters, opaque ones too, and a refresh that brings no ID token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.engine import Credential, Policy
from togetherctl.errors import LoginRequired, Untrusted

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World


@pytest.fixture
def world(config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser) -> World:
    config_at(issuer, "", 'token = "access"')
    return make_world(browser=browser)


def ask(world: World, *, may_log_in: bool = True) -> Credential:
    return world.engine.credential(world.config.profile("acme"), Policy(ask=may_log_in))


def test_the_cluster_gets_the_access_token_though_it_is_opaque(
    world: World, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    first = ask(world)
    assert first.token.value.startswith("access-")
    clock.advance(1000)
    second = ask(world, may_log_in=False)
    assert second.token.value.startswith("access-")
    assert second.token != first.token
    assert issuer.counts["/authorize"] == 0


def test_an_id_token_may_be_missing_at_the_login_and_come_later(
    world: World, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    issuer.token_changes["id_token"] = None
    ask(world)
    profile = world.config.profile("acme")
    session = world.engine.load(profile)
    assert session is not None
    assert (session.identity, session.subject, session.id_token) == ("unknown", "", None)
    clock.advance(1000)
    ask(world, may_log_in=False)
    # The first ID token names the person; from then on it has to be the same one.
    issuer.token_changes.clear()
    clock.advance(1000)
    ask(world, may_log_in=False)
    session = world.engine.load(profile)
    assert session is not None
    assert (session.identity, session.subject) == ("me@acme.com", "user-1")
    clock.advance(1000)
    issuer.claim_changes["sub"] = "user-2"
    with pytest.raises(Untrusted, match="another person"):
        ask(world, may_log_in=False)


def test_an_id_token_that_is_there_has_to_hold(world: World, issuer: ScriptedIssuer) -> None:
    issuer.claim_changes["nonce"] = "another"
    with pytest.raises(Untrusted, match="answers another login"):
        ask(world)


def test_what_is_missing_is_said(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    cases = [
        ('token = "access"', {"access_token": None}, "gave no access token", None),
        ('token = "id"', {"id_token": None}, "gave no ID token", 'token = "access"'),
        ('token = "access"\naccount = "me@acme.com"', {"id_token": None}, "no ID token that says who", "openid"),
    ]
    for keys, changes, said, hint in cases:
        config_at(issuer, "", keys)
        issuer.token_changes = dict(changes)
        world = make_world(browser=browser)
        with pytest.raises(Untrusted, match=said) as failed:
            world.engine.login(world.config.profile("acme"), Policy())
        assert hint is None or hint in (str(failed.value.remedy or ""))


@pytest.mark.parametrize("said", [None, "300", "soon", -1, True])
def test_a_life_that_is_not_said_is_taken_for_short(
    said: object, world: World, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    issuer.token_changes["expires_in"] = said
    assert ask(world).token.expires_at == clock.now + 300


def test_a_refresh_without_an_id_token_is_said_every_time_before_a_login_opens(
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    def with_an_id_token(asked: dict[str, str]) -> str:
        issuer.token_changes.clear()
        return issuer.log_in(asked)

    config_at(issuer)
    world = make_world(browser=browser)
    ask(world)
    for tabs in (2, 3):
        clock.advance(1000)
        issuer.token_changes["id_token"] = None
        with pytest.raises(LoginRequired) as failed:
            ask(world, may_log_in=False)
        assert str(failed.value.remedy) == "togetherctl login acme"
        for part in ("without a new ID token", "the refresh token is kept", 'token = "access"', "ID tokens on refresh"):
            assert part in failed.value.message
        assert len(browser.opened) == tabs - 1
        browser.answer = with_an_id_token
        ask(world)
        assert len(browser.opened) == tabs
        assert len(conversation.warned) == tabs - 1
        assert conversation.warned[-1] == failed.value.message


def test_while_the_old_token_lasts_it_serves_and_the_reason_is_in_status(
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    cli_in: CliIn,
) -> None:
    config_at(issuer)
    world = make_world(browser=browser)
    first = ask(world)
    issuer.token_changes["id_token"] = None
    clock.advance(280)
    assert ask(world, may_log_in=False).token == first.token
    done = cli_in(clock=clock)("status")
    assert "without a new ID token" in done.stdout + done.stderr
    done = cli_in(clock=clock)("refresh")
    assert (done.code, "togetherctl login acme" in done.commands) == (3, True)
    # A profile that takes the access token of the same session goes on without a login.
    config_at(issuer, "", 'token = "access"')
    clock.advance(1000)
    assert ask(make_world(), may_log_in=False).token.value.startswith("access-")
