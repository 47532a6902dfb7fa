"""One session's whole life in one process: the clock is moved by hand, the issuer counts what it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Credential, Policy
from togetherctl.auth.session import State
from togetherctl.errors import LoginRequired, Refused, Unreachable

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


def ask(world: World, *, may_log_in: bool = True) -> Credential:
    return world.engine.credential(world.config.profile("acme"), Policy(ask=may_log_in))


def state(world: World) -> State:
    profile = world.config.profile("acme")
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
    # the last fifth of 300 s, or up to a twentieth of them earlier
    assert 60 <= first.token.expires_at - first.ask_again_at <= 75

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
    assert str(refused.value.remedy) == "togetherctl login acme"
    assert state(world) is State.LOGIN_REQUIRED

    # and it is not asked again what it refused
    before = issuer.counts.copy()
    with pytest.raises(LoginRequired):
        ask(quiet, may_log_in=False)
    assert issuer.counts == before

    # login again
    assert ask(world).token.expires_at == clock.now + 300
    assert (len(browser.opened), state(world)) == (2, State.VALID)


def test_an_issuer_that_is_down_never_costs_a_token_or_a_tab(
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    world, quiet = make_world(browser=browser), make_world()

    # none: the login itself cannot begin
    issuer.stop()
    with pytest.raises(Unreachable):
        ask(world)
    assert browser.opened == []
    issuer.start()
    first = ask(world)
    issuer.stop()

    # fresh and stale: nobody notices
    assert ask(quiet) == first
    clock.advance(250)
    assert ask(quiet).token == first.token
    assert conversation.warned == []

    # due: what is still valid is served, for half a minute at a time, and said
    clock.advance(30)
    late = ask(quiet)
    assert late.token == first.token
    assert late.ask_again_at == min(first.token.expires_at, clock.now + 30)
    assert "good for another" in conversation.warned[-1]

    # expired: the reason, no tab, the session kept
    clock.advance(100)
    with pytest.raises(Unreachable, match="refused the connection"):
        ask(quiet)
    session = world.engine.load(world.config.profile("acme"))
    assert session is not None
    assert (session.refreshable, state(world)) == (True, State.EXPIRED)
    assert session.last_error is not None
    assert session.last_error.code == "unreachable"

    # back again: refreshed without a login, and the error is forgotten
    issuer.start()
    assert ask(quiet).token.expires_at == clock.now + 300
    session = world.engine.load(world.config.profile("acme"))
    assert session is not None
    assert session.last_error is None


@pytest.mark.parametrize("status", [500, 503, 429])
def test_an_answer_that_means_later_is_asked_again(
    status: int, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    ask(make_world(browser=browser))
    clock.advance(1000)
    issuer.replies["/token"].append(Reply(status, b"<h1>later</h1>", {"Retry-After": "1"}))
    before = issuer.counts["/token"]
    assert ask(make_world()).token.expires_at == clock.now + 300
    assert issuer.counts["/token"] - before == 2


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        (Reply(503, b""), 3),
        (Reply(429, b"", {"Retry-After": "3600"}), 1),
        # A gateway that got no answer may stand before an issuer that spent the token.
        (Reply(504, b""), 1),
        (Reply(502, b""), 1),
    ],
    ids=["busy", "told to wait long", "gateway timeout", "bad gateway"],
)
def test_an_issuer_that_stays_away_is_left_alone(
    reply: Reply,
    asked: int,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    ask(world)
    clock.advance(1000)
    issuer.always["/token"] = reply
    before = issuer.counts["/token"]
    with pytest.raises(Unreachable, match=str(reply.status)):
        ask(make_world())
    assert issuer.counts["/token"] - before == asked
    assert state(world) is State.EXPIRED
    # kubectl asks again at once: one try then, and patience again a little later.
    clock.advance(9)
    with pytest.raises(Unreachable, match=str(reply.status)):
        ask(make_world())
    assert issuer.counts["/token"] - before == asked + 1
    clock.advance(10)
    with pytest.raises(Unreachable, match=str(reply.status)):
        ask(make_world())
    assert issuer.counts["/token"] - before == asked + 1 + asked


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant", "error_description": "Session not active"}),
        (400, {"error": "invalid_request", "error_description": "Refresh token expired."}),
        (
            400,
            {
                "error": "invalid_request",
                "error_description": "Refresh token is invalid or has already been claimed by another client.",
            },
        ),
    ],
    ids=["RFC 6749", "Dex, expired", "Dex, claimed"],
)
def test_a_dead_refresh_token_leads_to_a_login(
    status: int,
    body: dict[str, str],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    ask(world)
    clock.advance(1000)
    issuer.replies["/token"].append(Reply(status, body))
    assert ask(world).token.expires_at == clock.now + 300
    assert len(browser.opened) == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client"}),
        (404, {"error": "not_found"}),
        (404, b"no such service"),
        (413, b"too large"),
    ],
)
def test_what_says_nothing_of_the_session_keeps_it_and_opens_nothing(
    status: int,
    body: object,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    ask(world)
    clock.advance(1000)
    issuer.replies["/token"].append(Reply(status, body))
    with pytest.raises(Refused):
        ask(make_world())
    assert state(world) is State.EXPIRED
    assert ask(make_world()).token.expires_at == clock.now + 300


def test_a_token_endpoint_that_moved_is_found(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    ask(make_world(browser=browser))
    issuer.metadata_changes["token_endpoint"] = f"{issuer.url}/new/token"
    clock.advance(1000)
    before = issuer.counts.copy()
    assert ask(make_world()).token.expires_at == clock.now + 300
    assert issuer.counts - before == {"/token": 1, "/.well-known/openid-configuration": 1, "/new/token": 1, "/keys": 1}


def test_a_token_endpoint_that_is_gone_is_said(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    ask(world)
    issuer.always["/token"] = Reply(410, b"gone")
    clock.advance(1000)
    with pytest.raises(Refused, match="does not exist"):
        ask(make_world())
    assert state(world) is State.EXPIRED


def test_the_cached_metadata_has_an_age_limit(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    ask(make_world(browser=browser))
    discovery = "/.well-known/openid-configuration"
    before = issuer.counts[discovery]
    clock.advance(23 * 3600)
    ask(make_world())
    assert issuer.counts[discovery] == before
    clock.advance(2 * 3600)
    ask(make_world())
    assert issuer.counts[discovery] == before + 1


def test_a_session_without_a_refresh_token_lives_until_it_expires(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    issuer.token_changes["refresh_token"] = None
    world = make_world(browser=browser)
    first = ask(world)
    clock.advance(290)
    assert ask(make_world(), may_log_in=False) == type(first)(first.token, first.token.expires_at)
    clock.advance(20)
    assert state(world) is State.LOGIN_REQUIRED
    with pytest.raises(LoginRequired):
        ask(make_world(), may_log_in=False)


def test_a_refresh_without_an_id_token_is_said_and_leads_to_a_login(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    ask(world)
    clock.advance(1000)
    issuer.token_changes["id_token"] = None
    with pytest.raises(LoginRequired, match="without a new ID token"):
        ask(make_world(), may_log_in=False)
    issuer.token_changes.clear()
    # The refresh token the issuer gave instead is kept and works.
    assert ask(make_world()).token.expires_at == clock.now + 300


def test_a_clock_that_was_set_back_makes_a_token_due(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock
) -> None:
    first = ask(make_world(browser=browser))
    clock.advance(-3600)
    assert ask(make_world()).token != first.token


def test_a_full_disk_costs_the_next_login_and_not_this_token(
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    conversation: Remembered,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from togetherctl.auth.cache import files

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_whole", full)
    assert ask(make_world(browser=browser)).token.expires_at == clock.now + 300
    assert "No space left on device" in conversation.warned[-1]


def test_somebody_elses_refresh_is_served_instead_of_asking_again(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    """Two folders that are one, without a lock between them: the loser reads again before it gives up."""
    world = make_world(browser=browser)
    ask(world)
    profile = world.config.profile("acme")
    old = world.engine.load(profile)
    clock.advance(1000)
    served = ask(make_world())
    assert old is not None
    sessions = world.sessions(profile)
    newer = sessions.load(profile.key)

    class SharedFolder(type(sessions)):  # type: ignore[misc] # the class is what the world made
        """Gives the old session once, as if the other machine wrote between our reading and our asking."""

        reads = 0

        def load(self, key: str) -> object:
            SharedFolder.reads += 1
            return old if SharedFolder.reads <= 2 else super().load(key)

    from dataclasses import replace

    late = make_world()
    late.engine._deps = replace(late.engine._deps, sessions=lambda _profile: SharedFolder(world.paths.sessions))
    before = issuer.counts["/token"]
    assert ask(late) == served
    assert issuer.counts["/token"] - before == 1
    assert sessions.load(profile.key) == newer


@pytest.mark.parametrize("fails", [False, True])
def test_a_refresh_brings_no_session_back_that_was_logged_out_meanwhile(
    fails: bool,  # noqa: FBT001 # whether the refresh does
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody who did not wait for it, because it took too long."""
    from togetherctl.auth import refresh, session_lifecycle

    world = make_world(browser=browser)
    ask(world)
    clock.advance(1000)
    profile = world.config.profile("acme")
    real = refresh.refresh

    def slow(*arguments: object, **named: object) -> object:
        world.sessions(profile).delete(profile.key)
        if fails:
            issuer.always["/token"] = Reply(400, {"error": "invalid_request"})
        return real(*arguments, **named)  # type: ignore[arg-type] # what it was called with

    monkeypatch.setattr(session_lifecycle, "refresh", slow)
    with pytest.raises(LoginRequired):
        ask(make_world(), may_log_in=False)
    assert world.engine.load(profile) is None
