"""The password grant: asked for without echo, advised against, refused in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.auth.engine import Policy
from togetherctl.errors import LoginRequired, Refused

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.support.canary import Canary
    from tests.support.conversation import Remembered
    from togetherctl.wiring import World


@pytest.fixture
def password(canary: Canary, issuer: ScriptedIssuer) -> str:
    return canary.watch("a password", issuer.passwords["me"])


@pytest.mark.parametrize(
    ("keys", "asks"),
    [
        ('grant = "password"', ["User name: ", "Password of me at {issuer}: "]),
        ('grant = "password"\nusername = "me"', ["Password of me at {issuer}: "]),
        ('username = "me"', ["Password of me at {issuer}: "]),
    ],
)
def test_a_login_by_password(
    keys: str, asks: list[str], password: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    conversation.answer = lambda question: "me" if question.startswith("User") else password
    session = log_in(keys + '\nauth_params = { audience = "kube" }')
    assert (session.identity, session.refreshable) == ("me@acme.com", True)
    assert conversation.asked == [question.format(issuer=issuer.url) for question in asks]
    [asked] = [asked for asked in issuer.asked if asked.path == "/token"]
    assert (asked.form["username"], asked.form["password"] == password) == ("me", True)
    assert (asked.form["scope"], asked.form["audience"]) == ("openid email offline_access", "kube")
    [warning] = conversation.warned
    assert "the standard advises against it (RFC 9700, 2.4)" in warning
    assert conversation.pages == []


def test_auto_without_a_user_name_never_asks_for_a_password(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    log_in()
    assert {asked.form["grant_type"] for asked in issuer.asked if asked.path == "/token"} == {
        "urn:ietf:params:oauth:grant-type:device_code"
    }


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "the user name or the password is wrong"),
        # Dex says it so.
        (Reply(401, {"error": "access_denied", "error_description": "Invalid username or password"}), "is wrong"),
        (Reply(400, {"error": "unauthorized_client"}), "togetherctl login --grant authcode acme"),
        (Reply(400, {"error": "unsupported_grant_type"}), "togetherctl login --grant authcode acme"),
    ],
)
def test_a_refusal_says_what_it_means(
    answer: Reply | None, hint: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered, canary: Canary
) -> None:
    wrong = canary.watch("a password", "close sesame, please")
    conversation.answer = lambda _question: wrong
    if answer:
        issuer.replies["/token"].append(answer)
    with pytest.raises(Refused) as refused:
        log_in('username = "me"')
    assert hint in (str(refused.value.remedy or ""))


def test_offline_access_is_left_out_where_it_is_unknown(
    password: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    conversation.answer = lambda _question: password
    issuer.replies["/token"].append(Reply(400, {"error": "invalid_scope"}))
    log_in('username = "me"')
    assert [asked.form["scope"] for asked in issuer.asked if asked.path == "/token"] == [
        "openid email offline_access",
        "openid email",
    ]
    assert len(conversation.asked) == 1


@pytest.mark.parametrize(("answer", "said"), [(None, "no terminal to type it at"), (EOFError, "no password was typed")])
def test_nobody_types(
    answer: type[Exception] | None, said: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    def nobody(_question: str) -> str:
        raise answer or AssertionError

    conversation.answer = nobody if answer else None
    with pytest.raises(LoginRequired, match=said) as failed:
        log_in('username = "me"')
    assert str(failed.value.remedy) == "togetherctl login acme"
    assert issuer.counts["/token"] == 0


def test_a_given_password_needs_nobody(
    password: str, world_with: Callable[..., World], issuer: ScriptedIssuer, clock: Any
) -> None:
    world = world_with('username = "me"\nlogin = "never"')
    profile = replace(world.config.profile("acme"), password=lambda: password)
    first = world.engine.credential(profile, Policy(ask=False))
    clock.advance(1000)
    issuer.refresh_tokens.clear()
    second = world.engine.credential(profile, Policy(ask=False))
    assert second.token != first.token
    assert password not in repr(profile)
