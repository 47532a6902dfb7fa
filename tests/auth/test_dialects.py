"""Each issuer's own way to refuse a refresh, and what every command makes of it: one row a provider, with its version.

The rows were seen at these providers, or are reported by people who use them. A refusal is heard by what it says; the
HTTP status alone decides only where nothing is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Outcome, Policy
from togetherctl.auth.session import State
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Unreachable

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


def oauth(status: int, error: str, description: str = "") -> Reply:
    """An error as RFC 6749, 5.2 has it, whatever the status and the word."""
    return Reply(status, {"error": error} | ({"error_description": description} if description else {}))


@dataclass(frozen=True)
class Row:
    """A provider with its version, what it answers to a refresh it refuses, and words of it that people must see."""

    provider: str
    reply: Reply
    said: str


REFUSED = [
    Row("Keycloak 26.7.3", oauth(400, "invalid_grant", "Session not active"), "Session not active"),
    Row(
        "Keycloak 26.7.3, offline",
        oauth(400, "invalid_grant", "Offline user session not found"),
        "Offline user session not found",
    ),
    Row(
        "Ory Hydra 26.2.0",
        oauth(400, "invalid_grant", "The refresh token was already used."),
        "The refresh token was already used",
    ),
    Row("Authelia 4.39.20", oauth(400, "invalid_grant", "The refresh token is expired"), "invalid_grant"),
    Row(
        "Casdoor 3.158.0",
        oauth(400, "invalid_grant", "refresh token is invalid or revoked"),
        "refresh token is invalid or revoked",
    ),
    Row("Casdoor, HTTP 200", oauth(200, "invalid_grant", "refresh token is expired"), "refresh token is expired"),
    Row(
        "Casdoor, words of its own",
        Reply(200, {"status": "error", "msg": "token revoked", "data": None}),
        "answered without a token: token revoked",
    ),
    Row(
        "Pocket ID 2.9.0",
        Reply(400, {"error": "Refresh token is invalid or expired"}),
        "Refresh token is invalid or expired",
    ),
    Row("django-oauth-toolkit 3.4.1", oauth(400, "invalid_grant"), "invalid_grant"),
    Row("Spring Authorization Server 7.1.2", oauth(400, "invalid_grant"), "invalid_grant"),
    Row("Spring Authorization Server 7.1.2, public client", Reply(401, b"", {"Content-Type": ""}), "HTTP 401"),
    Row("oidc-provider 9.13.3", oauth(400, "invalid_grant", "grant request is invalid"), "grant request is invalid"),
    Row("LemonLDAP::NG 2.16.1", oauth(400, "invalid_request"), "invalid_request"),
    Row("Dex 2.45.1", oauth(400, "invalid_request", "Refresh token expired."), "Refresh token expired"),
    Row(
        "Dex 2.45.1, claimed",
        oauth(400, "invalid_request", "Refresh token is invalid or has already been claimed by another client."),
        "already been claimed",
    ),
    Row(
        "Auth0, November 2026",
        oauth(403, "invalid_grant", "Unknown or invalid refresh token."),
        "Unknown or invalid refresh token",
    ),
    Row("better-auth, reported", oauth(400, "invalid_request", "session not found"), "session not found"),
    Row("FlowFuse, reported", oauth(401, "invalid_grant", "Invalid refresh token"), "Invalid refresh token"),
    Row("Rancher, reported", oauth(400, "server_error", "refresh token has expired"), "refresh token has expired"),
    Row("Authlib's report", oauth(400, "expired_token"), "expired_token"),
    Row("Entra ID, a person is wanted", oauth(400, "interaction_required", "AADSTS50076"), "AADSTS50076"),
    Row("a person is wanted, HTTP 500", oauth(500, "interaction_required"), "interaction_required"),
    Row("invalid_grant with HTTP 500", oauth(500, "invalid_grant"), "invalid_grant"),
    Row("invalid_grant with HTTP 404", oauth(404, "invalid_grant"), "invalid_grant"),
    Row("invalid_grant with HTTP 429", oauth(429, "invalid_grant"), "invalid_grant"),
    Row("a client that may not refresh", oauth(400, "unauthorized_client"), "unauthorized_client"),
    Row("a grant that is switched off", oauth(400, "unsupported_grant_type"), "unsupported_grant_type"),
    Row("a scope that is gone", oauth(400, "invalid_scope"), "invalid_scope"),
    Row("Okta's own words", Reply(403, {"errorCode": "E0000006", "errorSummary": "Not allowed"}), "Not allowed"),
    Row("Google's APIs", Reply(403, {"error": {"code": 403, "message": "Account is gone"}}), "Account is gone"),
    Row("an error that is no text", Reply(400, {"error": True, "message": "the session ended"}), "the session ended"),
    Row("JSON called a page", Reply(400, {"error": "invalid_grant"}, {"Content-Type": "text/html"}), "invalid_grant"),
    Row("words alone", Reply(401, {"message": "Unauthenticated."}), "the issuer refused: Unauthenticated."),
    Row("a problem of RFC 9457", Reply(422, {"title": "Session ended", "status": 422}), "Session ended"),
    Row("an empty object", Reply(400, {}), "HTTP 400"),
    Row("nothing but the status", Reply(400, b"", {"Content-Type": ""}), "HTTP 400"),
    Row(
        "an empty body that is called a page", Reply(401, b"", {"Content-Type": "text/html; charset=utf-8"}), "HTTP 401"
    ),
    Row("one word of plain text", Reply(403, b"forbidden", {"Content-Type": "text/plain"}), "HTTP 403"),
    Row("tokens that were left out", Reply(200, {}), "answered without a token"),
]

_PAGE = {"Content-Type": "text/html; charset=utf-8"}
NO_ANSWER = [
    Row("a captive portal", Reply(200, b"<!DOCTYPE html><title>Hotel</title>", _PAGE), "web page"),
    Row("a page that is called JSON", Reply(200, b"\n <html></html>"), "web page"),
    Row("a page with 400", Reply(400, b"<h1>Bad Request</h1>", _PAGE), "HTTP 400"),
    Row("a page with 401", Reply(401, b"<h1>Log in</h1>", _PAGE), "HTTP 401"),
    Row("a firewall's page", Reply(403, b"<h1>blocked</h1>", _PAGE), "HTTP 403"),
    Row("a page of another site", Reply(404, b"<h1>Not Found</h1>", _PAGE), "HTTP 404"),
    Row("nothing at all", Reply(200, b"", {"Content-Type": "text/plain"}), "nothing"),
    Row("a word that is no JSON", Reply(200, b"OK", {"Content-Type": "text/plain"}), "no issuer's answer"),
    Row("a redirect", Reply(302, b"", {"Location": "https://portal.example/login"}), "redirect"),
    Row("a redirect with words", Reply(307, {"message": "moved"}, {"Location": "https://portal.example"}), "redirect"),
    Row("a proxy that wants a login", Reply(407, b"", {"Content-Type": ""}), "HTTP 407"),
    Row("a proxy that says so", Reply(407, {"error": "proxy_auth_required"}), "HTTP 407"),
    Row("too slow", Reply(408, b""), "HTTP 408"),
    Row("too early", Reply(425, b""), "HTTP 425"),
    Row("too many requests", Reply(429, b"", {"Retry-After": "3600"}), "HTTP 429"),
    Row("an error of the server", Reply(500, {"error": "server_error"}), "HTTP 500"),
    Row("Spring Boot's error page", Reply(503, {"status": 503, "error": "Service Unavailable"}), "HTTP 503"),
    Row("not now", oauth(400, "temporarily_unavailable", "try later"), "temporarily_unavailable"),
    Row("not now, HTTP 200", oauth(200, "temporarily_unavailable"), "temporarily_unavailable"),
    Row("slower", oauth(400, "slow_down"), "slow_down"),
]


def by_name(row: Row) -> str:
    return row.provider


def expired_session(world: World, clock: StoppedClock) -> None:
    world.engine.login(world.config.profile("acme"), Policy())
    clock.advance(1000)


def state(world: World) -> State:
    profile = world.config.profile("acme")
    return world.engine.state(profile, world.engine.load(profile))


def ask(world: World, *, may_log_in: bool = True) -> object:
    return world.engine.credential(world.config.profile("acme"), Policy(ask=may_log_in))


@pytest.mark.parametrize("row", REFUSED, ids=by_name)
def test_get_token_logs_in_once(
    row: Row, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = row.reply
    before = issuer.counts["/token"]
    ask(world)
    assert len(browser.opened) == 2
    assert issuer.counts["/token"] - before == 2  # the refresh, and the code of the login
    assert state(world) is State.VALID


@pytest.mark.parametrize("row", REFUSED, ids=by_name)
def test_where_no_login_may_open_the_command_is_named_and_the_request_never_repeated(
    row: Row,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    cli_in: CliIn,
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = row.reply
    before = issuer.counts.copy()
    for _ in range(8):  # as often as kubectl asks for one command
        with pytest.raises(LoginRequired) as refused:
            ask(make_world(), may_log_in=False)
        assert str(refused.value.remedy) == "togetherctl login acme"
        assert row.said in refused.value.message
    with pytest.raises(LoginRequired):
        make_world().engine.refresh(world.config.profile("acme"))
    assert issuer.counts - before == {"/token": 1}

    # the session is marked, durably, and says so to everybody who looks
    assert state(make_world()) is State.LOGIN_REQUIRED
    items = json.loads(cli_in(clock=clock)("status", "-o", "json").stdout)["items"]
    assert (items[0]["state"], items[0]["refreshable"]) == ("login-required", False)
    assert row.said in items[0]["last_error"]["message"]

    # only --force tries it once more
    with pytest.raises(LoginRequired):
        make_world().engine.refresh(world.config.profile("acme"), force=True)
    assert issuer.counts - before == {"/token": 2}


@pytest.mark.parametrize("row", [*REFUSED, *NO_ANSWER], ids=by_name)
def test_a_login_that_a_person_asks_for_always_goes_on_to_a_login(
    row: Row, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = row.reply
    _, outcome = world.engine.login(world.config.profile("acme"), Policy())
    assert outcome is Outcome.LOGGED_IN
    assert len(browser.opened) == 2
    assert state(world) is State.VALID


@pytest.mark.parametrize("row", NO_ANSWER, ids=by_name)
def test_what_is_no_answer_of_an_issuer_opens_nothing_and_costs_nothing(
    row: Row, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = row.reply
    held = set(issuer.refresh_tokens)
    with pytest.raises(Unreachable) as unreachable:
        ask(world)
    assert row.said in unreachable.value.message
    with pytest.raises(Unreachable):
        world.engine.refresh(world.config.profile("acme"))
    assert (len(browser.opened), state(world)) == (1, State.EXPIRED)
    assert set(issuer.refresh_tokens) == held
    # as soon as the issuer is there again, the session goes on by itself
    issuer.refresh_reply = None
    ask(make_world())
    assert state(world) is State.VALID


@pytest.mark.parametrize("status", [400, 401, 403, 200])
def test_a_client_that_is_unknown_is_no_reason_for_a_login(
    status: int,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = oauth(status, "invalid_client", "client authentication failed")
    with pytest.raises(Refused, match="client authentication failed") as refused:
        ask(world)
    assert not isinstance(refused.value, LoginRequired)
    assert "client_id" in (str(refused.value.remedy or ""))
    assert refused.value.hint_command == "togetherctl profile secret acme"
    assert (len(browser.opened), state(world)) == (1, State.EXPIRED)
    # it was never the session's fault
    issuer.refresh_reply = None
    ask(make_world())
    assert state(world) is State.VALID


def test_a_login_goes_on_where_the_client_was_not_known_at_the_refresh(
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = oauth(401, "invalid_client")
    _, outcome = world.engine.login(world.config.profile("acme"), Policy())
    assert outcome is Outcome.LOGGED_IN
    assert any("invalid_client" in line for line in [*conversation.said, *conversation.warned])


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (oauth(400, "invalid_request"), LoginRequired),
        (oauth(401, "invalid_client"), Refused),
        (Reply(503, b""), Unreachable),
    ],
    ids=["refused", "client", "later"],
)
def test_where_no_person_can_be_asked_a_login_ends_as_the_refresh_did(
    reply: Reply,
    kind: type[TogetherctlError],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    world = make_world(browser=browser)
    expired_session(world, clock)
    issuer.refresh_reply = reply
    with pytest.raises(kind):
        world.engine.login(world.config.profile("acme"), Policy(ask=False))
    assert len(browser.opened) == 1


def test_an_account_that_may_have_no_offline_tokens_is_told_what_leaves_them_out(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    """Keycloak 26.7.3 lists the scope for all, and refuses the code of a person without the role offline_access."""
    issuer.always["/token"] = oauth(400, "not_allowed", "Offline tokens not allowed for the user or client")
    world = make_world(browser=browser)
    with pytest.raises(Refused, match="not_allowed") as refused:
        world.engine.login(world.config.profile("acme"), Policy())
    assert refused.value.hint_command == "togetherctl profile set acme offline_access=never"
