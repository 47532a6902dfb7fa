"""The authorization code grant: requests that are pushed first, answers without a name, and what helps instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.support.browser import ScriptedBrowser, parameters
from tests.support.issuer import Asked, Reply, ScriptedIssuer
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Unreachable, Untrusted

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered

DESK = LoginEnvironment()
REQUEST_URI = "urn:ietf:params:oauth:request_uri:one"


@pytest.fixture
def pushing(issuer: ScriptedIssuer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The issuer takes only requests that were pushed to it (RFC 9126); gives the one that was, once there is one."""
    pushed: dict[str, str] = {}
    issuer.metadata_changes |= {
        "require_pushed_authorization_requests": True,
        "pushed_authorization_request_endpoint": f"{issuer.url}/par",
    }
    real = issuer.answer

    def answer(asked: Asked) -> Reply:
        if asked.path != "/par" or issuer.replies["/par"]:
            return real(asked)
        if not issuer._is_the_client(asked):
            return Reply(401, {"error": "invalid_client"})
        pushed.update(asked.form)
        return Reply(201, {"request_uri": REQUEST_URI, "expires_in": 60})

    monkeypatch.setattr(issuer, "answer", answer)
    return pushed


def test_a_request_is_pushed_where_the_issuer_takes_no_other(
    log_in: LogIn, issuer: ScriptedIssuer, pushing: dict[str, str]
) -> None:
    browser = ScriptedBrowser(issuer, answer=lambda _asked: issuer.log_in(pushing))
    session = log_in('auth_params = { audience = "kube" }', place=DESK, browser=browser)
    assert session.identity == "me@acme.com"
    # The browser carries nothing but the name of the request.
    assert parameters(browser.opened[0]) == {"client_id": "the-client", "request_uri": REQUEST_URI}
    assert (pushing["audience"], pushing["response_type"]) == ("kube", "code")
    assert pushing["code_challenge_method"] == "S256"
    assert "request_uri" not in pushing


def test_a_pushed_request_proves_the_client(
    log_in: LogIn, issuer: ScriptedIssuer, pushing: dict[str, str], canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.client_secret = canary.watch("a client secret", "correct-horse-battery")
    monkeypatch.setenv("ACME_SECRET", issuer.client_secret)
    browser = ScriptedBrowser(issuer, answer=lambda _asked: issuer.log_in(pushing))
    keys = 'client_secret = { env = "ACME_SECRET" }'
    session = log_in(keys, place=DESK, browser=browser, ACME_SECRET=issuer.client_secret)
    assert session.identity == "me@acme.com"


def test_a_pushed_request_is_pasted_too(
    log_in: LogIn, issuer: ScriptedIssuer, pushing: dict[str, str], conversation: Remembered
) -> None:
    conversation.answer = lambda _question: issuer.log_in(pushing)
    assert log_in('grant = "paste"').identity == "me@acme.com"
    assert parameters(conversation.pages[0][0])["request_uri"] == REQUEST_URI


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Reply(400, {"error": "invalid_redirect_uri"}), Refused, "invalid_redirect_uri"),
        (Reply(200, {"status": "error", "msg": "not you"}), Refused, "without a request: not you"),
        (Reply(201, {"request_uri": ["a", "b"]}), Untrusted, "request_uri that is not text"),
        (Reply(503, b""), Unreachable, "503"),
        (Reply(200, b"<html>"), Unreachable, "web page"),
    ],
    ids=["refused", "own words", "no text", "later", "page"],
)
@pytest.mark.usefixtures("pushing")
def test_a_request_that_cannot_be_pushed_opens_no_browser(
    answer: Reply, kind: type[TogetherctlError], said: str, log_in: LogIn, issuer: ScriptedIssuer
) -> None:
    issuer.replies["/par"].append(answer)
    browser = ScriptedBrowser(issuer)
    with pytest.raises(kind, match=said):
        log_in(place=DESK, browser=browser)
    assert browser.opened == []


def test_an_issuer_that_names_no_place_to_push_to_is_said(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes["require_pushed_authorization_requests"] = True
    with pytest.raises(Untrusted, match="names no pushed authorization request endpoint"):
        log_in(place=DESK)


# An answer that does not name its issuer, though the issuer promises it does (RFC 9207).


def answering(**answer: str) -> Callable[[dict[str, str]], str]:
    return lambda asked: f"{asked['redirect_uri']}/?{urlencode({'state': asked['state'], **answer})}"


def test_an_error_that_forgets_its_issuer_is_shown_and_marked(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.sends_issuer = True
    answer = answering(error="access_denied", error_description="not in the group gpu")
    with pytest.raises(Refused) as refused:
        log_in(place=DESK, browser=ScriptedBrowser(issuer, answer=answer))
    assert "access_denied (not in the group gpu)" in refused.value.message
    assert "this is not verified: the answer does not name its issuer" in refused.value.message
    assert "it was refused: by you" in (str(refused.value.remedy or ""))


def test_a_code_without_the_promised_issuer_is_still_refused(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.sends_issuer = True

    def without_issuer(asked: dict[str, str]) -> str:
        return issuer.log_in(asked).replace("&iss=", "&was=")

    with pytest.raises(Untrusted, match="does not name its issuer"):
        log_in(place=DESK, browser=ScriptedBrowser(issuer, answer=without_issuer))
    assert issuer.counts["/token"] == 0


def test_an_error_of_another_issuer_says_nothing(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    answer = answering(error="access_denied", iss="https://evil.example")
    with pytest.raises(Untrusted, match="comes from https://evil.example"):
        log_in(place=DESK, browser=ScriptedBrowser(issuer, answer=answer))


@pytest.mark.parametrize("error", ["temporarily_unavailable", "slow_down"])
def test_an_issuer_that_is_busy_has_refused_no_login(error: str, log_in: LogIn, issuer: ScriptedIssuer) -> None:
    with pytest.raises(Unreachable, match=error):
        log_in(place=DESK, browser=ScriptedBrowser(issuer, answer=answering(error=error)))


# What helps.


@pytest.mark.parametrize("device_codes", [True, False])
def test_after_the_time_is_over_other_ways_are_named(
    device_codes: bool,  # noqa: FBT001 # whether the issuer offers them
    log_in: LogIn,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
) -> None:
    if not device_codes:
        issuer.metadata_changes["device_authorization_endpoint"] = None

    def never_comes_back(_asked: dict[str, str]) -> str:
        """As a browser that opens no http address."""
        clock.advance(200)
        return ""

    with pytest.raises(LoginRequired) as over:
        log_in(place=DESK, browser=ScriptedBrowser(issuer, answer=never_comes_back))
    hint = over.value.hint or ""
    assert "if it cannot open its last page: togetherctl login --grant paste acme" in hint
    assert ("togetherctl login --grant device-code acme" in hint) is device_codes
    assert over.value.hint_command == "togetherctl issuer check acme --client-id the-client"


def no_offline_access(issuer: ScriptedIssuer, scope: Any = "openid email") -> None:
    issuer.token_changes = {"refresh_token": None, "scope": scope}


def test_a_dropped_scope_names_the_consent_that_it_may_want(
    log_in: LogIn, issuer: ScriptedIssuer, browser: ScriptedBrowser, conversation: Remembered
) -> None:
    no_offline_access(issuer)
    log_in(place=DESK, browser=browser)
    [warned] = conversation.warned
    assert "left out the scope offline_access" in warned
    assert 'auth_params = { prompt = "consent" } in the profile' in warned


@pytest.mark.parametrize(
    ("keys", "scope"),
    [
        ('offline_access = "never"', "openid email"),
        ('auth_params = { prompt = "consent" }', "openid email"),
        ("", "openid email offline_access"),
        ("", None),
    ],
    ids=["not asked for", "asked for with consent", "granted", "not said"],
)
def test_no_consent_is_named_where_it_would_not_help(
    keys: str,
    scope: str | None,
    log_in: LogIn,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    conversation: Remembered,
) -> None:
    no_offline_access(issuer, scope)
    log_in(keys, place=DESK, browser=browser)
    assert conversation.warned == []
