"""A client that logs in as itself: nobody is asked, anywhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Outcome, Policy
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.errors import ConfigError, Refused, Unreachable, Untrusted

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from togetherctl.wiring import World

ACCESS = 'grant = "client-credentials"\ntoken = "access"\n'
NOBODY = Policy(ask=False)


@pytest.fixture
def secret(issuer: ScriptedIssuer, canary: Canary, tmp_path: Path) -> str:
    """The key of the configuration that names the secret."""
    issuer.client_secret = canary.watch("a client secret", "correct-horse-battery")
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "it").write_text(issuer.client_secret)
    return f'client_secret = {{ file = "{folder}/it" }}\n'


@pytest.mark.parametrize(
    ("configured", "supported", "by_header"),
    [
        ("auto", None, True),
        ("auto", ["client_secret_post"], False),
        ("auto", ["client_secret_basic", "client_secret_post"], True),
        ("post", ["client_secret_basic"], False),
        ("basic", ["client_secret_post"], True),
    ],
)
def test_the_secret_travels_as_the_issuer_says(
    configured: str, supported: object, by_header: object, secret: str, log_in: LogIn, issuer: ScriptedIssuer
) -> None:
    issuer.metadata_changes["token_endpoint_auth_methods_supported"] = supported
    session = log_in(
        ACCESS + secret + 'auth_params = { audience = "kube", resource = "https://10.0.0.1" }',
        issuer_keys=f'client_auth = "{configured}"',
    )
    assert (session.identity, session.subject, session.refreshable) == ("the-client", "the-client", False)
    [asked] = [asked for asked in issuer.asked if asked.path == "/token"]
    basic = base64.b64encode(f"the-client:{issuer.client_secret}".encode()).decode()
    assert (asked.headers.get("authorization") == f"Basic {basic}") is by_header
    assert ("client_secret" in asked.form) is not by_header
    assert (asked.form["audience"], asked.form["resource"]) == ("kube", "https://10.0.0.1")
    # A client needs no refresh token, and has no nonce and no verifier.
    assert asked.form["scope"] == "openid email"


def test_nobody_is_asked_and_nothing_opens_at_any_expiry(
    secret: str, world_with: Callable[..., World], issuer: ScriptedIssuer, clock: StoppedClock, conversation: Remembered
) -> None:
    world = world_with(ACCESS + secret + 'login = "never"')
    profile = world.config.profile("acme")
    first = world.engine.credential(profile, NOBODY)
    assert world.engine.credential(profile, NOBODY) == first
    clock.advance(299)
    second = world.engine.credential(profile, NOBODY)
    assert (second.token != first.token, issuer.counts["/token"]) == (True, 2)
    assert world.engine.login(profile, NOBODY)[1] is Outcome.STILL_VALID
    assert world.engine.login(profile, NOBODY, force=True)[1] is Outcome.LOGGED_IN
    assert world.engine.refresh(profile).access_token != second.token
    assert (issuer.counts["/token"], conversation.said) == (4, [])


def test_an_issuer_that_is_away_costs_no_token(
    secret: str, world_with: Callable[..., World], issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    world = world_with(ACCESS + secret)
    profile = world.config.profile("acme")
    first = world.engine.credential(profile, NOBODY)
    issuer.stop()
    clock.advance(280)
    assert world_with(ACCESS + secret).engine.credential(profile, NOBODY).token == first.token
    clock.advance(100)
    with pytest.raises(Unreachable):
        world_with(ACCESS + secret).engine.credential(profile, NOBODY)


def test_without_an_id_token_the_way_out_is_named(secret: str, log_in: LogIn) -> None:
    with pytest.raises(Untrusted, match="as is usual for a client") as refused:
        log_in('grant = "client-credentials"\n' + secret)
    assert 'token = "access"' in (str(refused.value.remedy or ""))


def test_an_id_token_is_verified_where_there_is_one(secret: str, log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.token_changes["id_token"] = issuer.id_token({"sub": "service-account", "preferred_username": "robot"})
    keys = 'grant = "client-credentials"\n' + secret
    session = log_in(keys)
    assert (session.subject, session.identity) == ("service-account", "robot")
    issuer.token_changes["id_token"] = issuer.id_token({"sub": "service-account", "aud": "somebody"})
    for kind in ("id", "access"):
        with pytest.raises(Untrusted, match="is for somebody"):
            log_in(f'{keys}token = "{kind}"')


def test_an_issuer_that_knows_openid_for_people_only(secret: str, log_in: LogIn, issuer: ScriptedIssuer) -> None:
    refusal = Reply(400, {"error": "invalid_scope"})
    issuer.replies["/token"].append(refusal)
    log_in(ACCESS + secret + 'scopes = ["api://kube/.default"]')
    issuer.replies["/token"].append(refusal)
    log_in(ACCESS + secret + "scopes = []")
    assert [asked.form.get("scope") for asked in issuer.asked if asked.path == "/token"] == [
        "openid api://kube/.default",
        "api://kube/.default",
        "openid",
        None,
    ]
    # With an ID token wanted there is no use in asking without.
    issuer.replies["/token"].append(refusal)
    with pytest.raises(Refused, match="invalid_scope"):
        log_in('grant = "client-credentials"\n' + secret)


def test_a_client_without_a_secret_is_told_so(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    with pytest.raises(ConfigError, match="needs the client secret") as failed:
        log_in(ACCESS)
    assert str(failed.value.remedy) == "togetherctl profile secret acme"
    assert issuer.counts["/token"] == 0


def test_a_pinned_account_is_the_client(secret: str, log_in: LogIn) -> None:
    assert log_in(ACCESS + secret + 'account = "the-client"').identity == "the-client"
    with pytest.raises(Untrusted, match=r"only me@acme\.com is accepted here"):
        log_in(ACCESS + secret + 'account = "me@acme.com"')


def test_the_place_does_not_matter(secret: str, log_in: LogIn) -> None:
    assert log_in(ACCESS + secret, place=LoginEnvironment()).identity == "the-client"
