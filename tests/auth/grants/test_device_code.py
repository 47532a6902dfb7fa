"""The device grant against answers a certified provider never gives (RFC 8628)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Asked, Reply, ScriptedIssuer
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.auth.prompter import DeviceCode
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Unreachable, Untrusted

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered

PENDING = {"error": "authorization_pending"}


def polls(issuer: ScriptedIssuer) -> list[float]:
    """Seconds between the device authorization and each poll, one after the other."""
    moments = [asked.at for asked in issuer.asked if asked.path in ("/device", "/token")]
    return [later - earlier for earlier, later in pairwise(moments)]


def test_a_login_on_another_device(log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered) -> None:
    session = log_in(keys='account = "me@acme.com"\nauth_params = { audience = "kube" }')
    assert (session.identity, session.refreshable) == ("me@acme.com", True)
    assert conversation.said[0] == "Logging in by device code, because this is an SSH session."
    page = f"{issuer.url}/activate"
    # The code is shown whatever else helps, and no browser is started where nobody would see it.
    assert conversation.devices == [(DeviceCode(page, "WDJB-MJHT", f"{page}?user_code=WDJB-MJHT"), False)]
    assert "waiting for the login on your device, 180 s" in conversation.said
    [asked] = [asked for asked in issuer.asked if asked.path == "/device"]
    assert asked.form["client_id"] == "the-client"
    assert asked.form["scope"] == "openid email offline_access"
    assert asked.form["code_challenge_method"] == "S256"
    assert (asked.form["login_hint"], asked.form["audience"]) == ("me@acme.com", "kube")
    assert polls(issuer) == [5]


def test_pkce_no_sends_none(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    log_in('pkce = "no"')
    forms = [asked.form for asked in issuer.asked if asked.path in ("/device", "/token")]
    assert not [name for form in forms for name in form if name.startswith("code_")]


def test_where_a_browser_comes_up_it_is_opened_with_the_code_filled_in(
    log_in: LogIn, issuer: ScriptedIssuer, browser: ScriptedBrowser, conversation: Remembered
) -> None:
    log_in('grant = "device-code"', place=LoginEnvironment(), browser=browser)
    assert browser.opened == [f"{issuer.url}/activate?user_code=WDJB-MJHT"]
    [(device, opened)] = conversation.devices
    assert (device.code, opened) == ("WDJB-MJHT", True)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Reply(400, PENDING)] * 3, [5, 5, 5, 5]),
        ([Reply(400, {"error": "slow_down"})], [5, 10]),
        ([Reply(400, PENDING), Reply(400, {"error": "slow_down"}), Reply(400, PENDING)], [5, 5, 10, 10]),
        # The statuses Auth0, Google and GitHub say it with.
        ([Reply(403, PENDING), Reply(428, PENDING), Reply(200, PENDING)], [5, 5, 5, 5]),
        ([Reply(429, {"error": "slow_down"})], [5, 10]),
        # An issuer that is away is asked ever more rarely, and as before once it is back (3.5).
        ([Reply(503, b""), Reply(502, b""), Reply(400, PENDING)], [5, 10, 20, 5]),
        ([Reply(429, b"", {"Retry-After": "30"})], [5, 30]),
    ],
)
def test_polling_is_patient(answers: list[Reply], expected: list[float], log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.replies["/token"].extend(answers)
    assert log_in().identity == "me@acme.com"
    assert polls(issuer) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"interval": None}, [5]),
        ({"interval": 2}, [2]),
        ({"interval": 0}, [5]),
        ({"interval": -1}, [5]),
        ({"interval": "soon"}, [5]),
        ({"interval": 0.001}, [1]),
        ({"expires_in": None, "verification_uri_complete": None}, [5]),
    ],
)
def test_what_an_issuer_leaves_out_has_a_default(
    changes: dict[str, Any], expected: list[float], log_in: LogIn, issuer: ScriptedIssuer
) -> None:
    issuer.device_changes = changes
    log_in()
    assert polls(issuer) == expected


def test_googles_name_for_the_page(log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered) -> None:
    issuer.device_changes = {
        "verification_uri": None,
        "verification_url": "https://www.google.com/device",
        "verification_uri_complete": None,
    }
    log_in()
    assert conversation.devices[0][0] == DeviceCode("https://www.google.com/device", "WDJB-MJHT")


@pytest.mark.parametrize(
    ("answer", "kind", "said", "hint"),
    [
        (Reply(400, {"error": "expired_token"}), LoginRequired, "the code expired", "togetherctl login acme"),
        (Reply(400, {"error": "access_denied"}), Refused, "access_denied", "it was refused: by you"),
        (Reply(400, {"error": "invalid_grant"}), Refused, "invalid_grant", ""),
        (Reply(400, {"error": "x\x1b[2Jy"}), Refused, r"x\x1b[2Jy", ""),
        (Reply(200, {"error": "access_denied"}), Refused, "access_denied", "it was refused: by you"),
        (Reply(400, {"error": "Invalid device code"}), Refused, "refused: Invalid device code", ""),
        (Reply(200, {"status": "error", "msg": "no"}), Refused, "answered without a token: no", ""),
        (Reply(200, b"{"), Untrusted, "not JSON", ""),
        (Reply(418, b"teapot"), Refused, "HTTP 418", ""),
    ],
)
def test_an_end_without_tokens(
    answer: Reply, kind: type[TogetherctlError], said: str, hint: str, log_in: LogIn, issuer: ScriptedIssuer
) -> None:
    issuer.replies["/token"].extend([Reply(400, PENDING), answer])
    with pytest.raises(kind) as failed:
        log_in()
    assert said in failed.value.message
    assert hint in (str(failed.value.remedy or ""))
    assert issuer.counts["/token"] == 2


def test_the_deadline_is_the_logins_or_the_codes(log_in: LogIn, issuer: ScriptedIssuer, clock: StoppedClock) -> None:
    issuer.always["/token"] = Reply(400, PENDING)
    began = clock.now
    with pytest.raises(LoginRequired, match="the login was not finished within 60 s"):
        log_in("login_timeout = 60")
    assert clock.now - began == 60
    issuer.device_changes = {"expires_in": 30}
    began = clock.now
    with pytest.raises(LoginRequired, match="the code expired before it was entered"):
        log_in("login_timeout = 60")
    assert clock.now - began == 30
    issuer.device_changes = {"interval": 3600}
    with pytest.raises(Untrusted, match="every 3600 s only"):
        log_in("login_timeout = 60")


def test_an_issuer_that_never_comes_back_is_said_once_and_at_the_end(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    issuer.always["/token"] = Reply(503, b"")
    with pytest.raises(Unreachable, match="503"):
        log_in()
    assert len([line for line in conversation.warned if "trying again" in line]) == 1
    assert polls(issuer) == [5, 10, 20, 40, 60]


HOSTILE = [
    "http://evil.example/device",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://",
    "https://issuer.test@evil.example/",
    "https://issuer.test/\x1b[2J",
    "https://issuer.test/ --new-window",
    "https://[::1",
    "https://issuer.test/\u202e",
    "https://issuer.test\\@evil.example/",
    "https://issuer.test\\.evil.example/",
    "https://issuer.test%40evil.example/",
    "https://issuer.test%2fevil.example/",
    "https://\u0456ssuer.test/",
    "https://issuer.test/\u200b",
    "https://issuer.test/\nhttps://evil.example/",
    "https://issuer.test/'; calc '",
    "https://issuer.test/" + "a" * 3000,
    "HTTPS://user:word@issuer.test/",
    "data:text/html,x",
    "file:///etc/passwd",
    "ms-settings:",
    7,
    ["https://issuer.test"],
]


@pytest.mark.parametrize("name", ["verification_uri", "verification_uri_complete"])
@pytest.mark.parametrize("uri", HOSTILE, ids=str)
def test_a_hostile_page_is_neither_opened_nor_shown(
    name: str, uri: object, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    issuer.device_changes = {name: uri}
    with pytest.raises(Untrusted, match="wants a page opened") as failed:
        log_in('grant = "device-code"', place=LoginEnvironment())
    assert failed.value.message.isprintable()
    assert conversation.devices == []
    assert issuer.counts["/token"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"device_code": 7},
        {"user_code": "  "},
        {"user_code": "x" * 65},
        {"user_code": "\x1b[2J"},
        {"user_code": "ABCD\nEFGH"},
        {"user_code": "AB\u200bCD"},
        {"user_code": "AB\u202eCD"},
        {"user_code": "AB\u3164CD"},
        {"user_code": "AB\ufe0fCD"},
        {"user_code": "A" + "\u0301" * 9},
        {"user_code": "\u0410\u0412\u0421\u0415"},
    ],
    ids=str,
)
def test_an_answer_nobody_could_use(changes: dict[str, Any], log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.device_changes = changes
    with pytest.raises(Untrusted):
        log_in()
    assert issuer.counts["/token"] == 0


@pytest.mark.parametrize("other", ["https://evil.example/activate?user_code=WDJB-MJHT", "http://localhost:1/activate"])
def test_a_page_with_the_code_filled_in_leads_where_the_page_leads(
    other: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered, browser: ScriptedBrowser
) -> None:
    """A person reads the one address, and scans or is sent to the other."""
    issuer.device_changes = {"verification_uri_complete": other}
    log_in('grant = "device-code"', place=LoginEnvironment(), browser=browser)
    page = f"{issuer.url}/activate"
    assert conversation.devices == [(DeviceCode(page, "WDJB-MJHT", None), True)]
    assert browser.opened == [page]


def test_spaces_around_a_code_are_nothing_to_type(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    issuer.device_changes = {"user_code": " WDJB MJHT "}
    log_in()
    assert conversation.devices[0][0].code == "WDJB MJHT"


def test_the_configs_endpoint_wins_over_the_metadata(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.metadata_changes["device_authorization_endpoint"] = f"{issuer.url}/old"
    log_in(issuer_keys=f'device_authorization_endpoint = "{issuer.url}/device"')
    issuer.metadata_changes["device_authorization_endpoint"] = None
    log_in(issuer_keys=f'device_authorization_endpoint = "{issuer.url}/device"')
    assert (issuer.counts["/device"], issuer.counts["/old"]) == (2, 0)
    with pytest.raises(Refused, match="offers no device codes"):
        log_in('grant = "device-code"')


def test_an_endpoint_that_only_the_metadata_of_oauth_itself_names(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    """RFC 8414; it is asked for only where a device code is wanted and nothing else names the endpoint."""
    other = "/.well-known/oauth-authorization-server"
    issuer.always[other] = Reply(200, {"issuer": issuer.url, "device_authorization_endpoint": f"{issuer.url}/device"})
    log_in()
    assert issuer.counts[other] == 0
    issuer.metadata_changes["device_authorization_endpoint"] = None
    log_in()
    assert (issuer.counts["/device"], issuer.counts[other]) == (2, 1)


def test_the_catalogues_endpoint_is_asked_where_nothing_else_names_one(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    form = {"client_id": issuer.client_id, "scope": "openid"}
    issuer.always["/oauth/authorize_device"] = issuer.answer(Asked("POST", "/device", {}, {}, form, 0.0))
    log_in(issuer_keys='preset = "gitlab"')
    assert (issuer.counts["/device"], issuer.counts["/oauth/authorize_device"]) == (1, 0)
    issuer.metadata_changes["device_authorization_endpoint"] = None
    log_in('grant = "device-code"', issuer_keys='preset = "gitlab"')
    assert (issuer.counts["/device"], issuer.counts["/oauth/authorize_device"]) == (1, 1)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/device", Reply(401, {"error": "invalid_client"})),
        ("/device", Reply(400, {"error": "unauthorized_client"})),
        ("/device", Reply(404, b"")),
        ("/device", Reply(302, b"", {"Location": "/login"})),
        # Casdoor 3.158.0 refuses with HTTP 200, with an error of OAuth or with words of its own.
        (
            "/device",
            Reply(
                200,
                {
                    "error": "unauthorized_client",
                    "error_description": "device login is not enabled for this application",
                },
            ),
        ),
        ("/device", Reply(200, {"status": "error", "msg": "not enabled"})),
        ("/device", Reply(200, {})),
        # django-oauth-toolkit 3.4.1, as long as its operator has named no page.
        ("/device", Reply(200, {"device_code": "XYZZY", "user_code": "ON15LVOJ", "verification_uri": None})),
        ("/device", Reply(200, {"device_code": "XYZZY", "verification_uri": "https://acme.com/device"})),
        # A web page answers at that path.
        ("/device", Reply(404, b"<h1>Not Found</h1>", {"Content-Type": "text/html"})),
        ("/device", Reply(200, b"<h1>Welcome</h1>", {"Content-Type": "text/html"})),
        ("/token", Reply(400, {"error": "unsupported_grant_type"})),
        ("/token", Reply(400, {"error": "unauthorized_client"})),
    ],
)
def test_a_client_that_may_not_goes_on_with_pasting_where_auto_chose(
    path: str, answer: Reply, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    conversation.answer = lambda _question: issuer.log_in(_asked(conversation))
    issuer.replies[path].append(answer)
    assert log_in().identity == "me@acme.com"
    assert "going on with pasting" in conversation.warned[0]
    assert conversation.pages[-1][1] is False
    # Whoever asked for this grant gets this grant, or its refusal.
    issuer.replies[path].append(answer)
    with pytest.raises(Refused) as refused:
        log_in('grant = "device-code"')
    # A client that is not known at all is another matter.
    unknown = refused.value.error == "invalid_client"
    helps = "togetherctl profile secret acme" if unknown else "togetherctl login --grant paste acme"
    assert refused.value.hint_command == helps


def _asked(conversation: Remembered) -> dict[str, str]:
    from tests.support.browser import parameters

    return parameters(conversation.pages[-1][0])


@pytest.mark.parametrize("status", [400, 403, 428, 429, 200])
def test_not_yet_is_heard_whatever_its_status(status: int, log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.replies["/token"].extend([Reply(status, PENDING), Reply(status, {"error": "slow_down"})])
    log_in()
    assert polls(issuer) == [5, 5, 10]


def test_a_page_instead_of_an_answer_is_waited_out(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    issuer.replies["/token"].append(Reply(200, b"<html>"))
    assert log_in().identity == "me@acme.com"
    assert "answered with a web page" in conversation.warned[0]


def test_an_issuer_that_is_away_is_no_reason_to_paste(log_in: LogIn, issuer: ScriptedIssuer) -> None:
    issuer.replies["/device"].append(Reply(503, b""))
    with pytest.raises(Unreachable):
        log_in()


def test_offline_access_that_nobody_typed_is_left_out_where_it_is_unknown(
    log_in: LogIn, issuer: ScriptedIssuer
) -> None:
    refusal = Reply(400, {"error": "invalid_scope"})
    issuer.replies["/device"].append(refusal)
    assert log_in().identity == "me@acme.com"
    scopes = [asked.form["scope"] for asked in issuer.asked if asked.path == "/device"]
    assert scopes == ["openid email offline_access", "openid email"]
    issuer.replies["/device"].append(refusal)
    with pytest.raises(Refused, match="invalid_scope"):
        log_in('offline_access = "always"')


def test_a_secret_is_read_once_however_often_is_polled(
    log_in: LogIn, issuer: ScriptedIssuer, tmp_path: Any, canary: Any
) -> None:
    issuer.client_secret = canary.watch("a client secret", "correct-horse-battery")
    count = tmp_path / "secrets"
    count.mkdir()
    (count / "it").write_text("correct-horse-battery")
    script = f"echo x >> {count}/n; cat {count}/it"
    issuer.replies["/token"].extend([Reply(400, PENDING)] * 3)
    log_in(f'client_secret = {{ command = ["sh", "-c", "{script}"] }}')
    assert (count / "n").read_text() == "x\n"
    assert {asked.headers.get("authorization", "")[:6] for asked in issuer.asked if asked.path == "/device"} == {
        "Basic "
    }
