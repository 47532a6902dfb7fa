"""Pasting what a browser anywhere ended at: the code, or the whole address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import parameters
from tests.support.issuer import Reply
from togetherctl.auth.engine import Policy
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Untrusted

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.conftest import MakeWorld, WriteConfig
    from tests.support.canary import Canary
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer

PASTE = 'grant = "paste"'


@pytest.fixture
def ended_at(issuer: ScriptedIssuer, conversation: Remembered) -> Callable[[], str]:
    """The address the person's browser ended at."""
    return lambda: issuer.log_in(parameters(conversation.pages[-1][0]))


@pytest.mark.parametrize(
    "pasted",
    [
        lambda url: url,
        lambda url: f"  {url}\r",
        lambda url: f"'{url}'",
        lambda url: f"{url}#_=_",
        lambda url: url.removeprefix("http://"),
        lambda url: url.partition("?")[2],
        lambda url: f"{url}&session_state=1",
        lambda url: parameters(url)["code"],
    ],
    ids=["address", "spaces", "quotes", "fragment", "no scheme", "query", "more", "code"],
)
def test_a_login_by_pasting(
    pasted: Callable[[str], str],
    log_in: LogIn,
    issuer: ScriptedIssuer,
    conversation: Remembered,
    ended_at: Callable[[], str],
) -> None:
    issuer.sends_issuer = True
    conversation.answer = lambda _question: pasted(ended_at())
    session = log_in(PASTE)
    assert (session.identity, session.refreshable) == ("me@acme.com", True)
    [(url, opened)] = conversation.pages
    # Nothing listens, so port 0 cannot be "any free port".
    assert (opened, parameters(url)["redirect_uri"]) == (False, "http://localhost:8000")
    assert parameters(url)["code_challenge_method"] == "S256"
    assert "It ends at http://localhost:8000, on a page it cannot show." in conversation.said[0]
    assert conversation.asked == ["Paste it (it stays hidden): "]


@pytest.mark.parametrize(
    ("uris", "sent"),
    [
        (["http://localhost:0/back"], "http://localhost:8000/back"),
        (["http://[::1]:0"], "http://[::1]:8000"),
        (["http://127.0.0.1", "http://localhost:0"], "http://127.0.0.1"),
        (["https://login.acme.com/show?a=b"], "https://login.acme.com/show?a=b"),
    ],
)
def test_the_redirect_uri_is_the_first_as_registered(
    uris: list[str],
    sent: str,
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    write_config: WriteConfig,
    conversation: Remembered,
    ended_at: Callable[[], str],
) -> None:
    write_config(
        f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n[profiles.acme]\nissuer = "acme"\ngrant = "paste"\n'
        f'client_id = "the-client"\nredirect_uris = {json.dumps(uris)}\nlisten_cert_file = "c"\nlisten_key_file = "k"\n'
    )
    conversation.answer = lambda _question: ended_at().rpartition("code=")[2].partition("&")[0]
    world = make_world()
    world.engine.login(world.config.profile("acme"), Policy())
    assert parameters(conversation.pages[-1][0])["redirect_uri"] == sent
    assert ("a page it cannot show" in conversation.said[0]) is sent.startswith("http:")


JUNK: dict[str, tuple[Callable[[str], str], str]] = {
    "nothing": (lambda _url: "", "holds no code"),
    "two words": (lambda _url: "not a code", "holds no code"),
    "another page": (lambda _url: "https://login.acme.com/", "holds no code"),
    "control characters": (lambda _url: "\x1b[2J", "holds no code"),
    "another state": (lambda url: url.replace("state=", "state=x"), "answers another login"),
    "no state": (lambda url: url.partition("&state=")[0], "answers another login"),
    "twice": (lambda url: url + url, "mixed up"),
    "the login page": (lambda _url: "https://login.acme.com/authorize?state=abc", "the address the login began at"),
    "an error of another login": (lambda _url: "http://localhost:8000/?error=access_denied&state=x", "another login"),
}


@pytest.mark.parametrize("junk", JUNK)
def test_what_is_no_answer_is_said_and_asked_for_again(
    junk: str,
    log_in: LogIn,
    issuer: ScriptedIssuer,
    conversation: Remembered,
    ended_at: Callable[[], str],
) -> None:
    change, said = JUNK[junk]

    def junk_first(_question: str) -> str:
        return change(ended_at()) if len(conversation.asked) == 1 else ended_at()

    conversation.answer = junk_first
    assert log_in(PASTE).identity == "me@acme.com"
    assert len(conversation.asked) == 2
    assert said in conversation.warned[0]
    assert conversation.warned[0].isprintable()
    assert issuer.counts["/token"] == 1


ENDS: dict[str, tuple[Callable[[str], str], type[TogetherctlError], str]] = {
    "a refusal": (
        lambda url: url.replace("code=", "error=access_denied&error_description=not+you&was="),
        Refused,
        "access_denied (not you)",
    ),
    "another issuer": (lambda url: url.replace("&iss=", "&iss=https://evil.example&was="), Untrusted, "evil.example"),
    "no issuer": (lambda url: url.replace("&iss=", "&was="), Untrusted, "does not name its issuer"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_answer_that_ends_the_login(
    end: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered, ended_at: Callable[[], str]
) -> None:
    change, kind, said = ENDS[end]
    issuer.sends_issuer = True
    conversation.answer = lambda _question: change(ended_at())
    with pytest.raises(kind) as failed:
        log_in(PASTE)
    assert said in failed.value.message
    assert len(conversation.asked) == 1


def test_a_code_that_is_refused_leads_to_another_request(
    log_in: LogIn, conversation: Remembered, ended_at: Callable[[], str]
) -> None:
    conversation.answer = lambda _question: "made-up" if len(conversation.asked) == 1 else ended_at()
    assert log_in(PASTE).identity == "me@acme.com"
    [warned] = conversation.warned
    assert "invalid_grant" in warned
    assert "here is a new address for another" in warned
    first, second = (parameters(url) for url, _ in conversation.pages)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


def test_codes_that_are_refused_end_with_what_to_run(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    conversation.answer = lambda _question: "made-up"
    with pytest.raises(Refused, match="invalid_grant") as failed:
        log_in(PASTE)
    assert (len(conversation.asked), issuer.counts["/token"]) == (5, 5)
    assert failed.value.hint_command == "togetherctl login acme"


def test_a_wrong_redirect_uri_is_no_spent_code(log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered) -> None:
    issuer.replies["/token"].append(
        Reply(400, {"error": "invalid_grant", "error_description": "redirect_uri did not match the original"})
    )
    conversation.answer = lambda _question: "a-code"
    with pytest.raises(Refused, match="invalid_grant") as failed:
        log_in(PASTE)
    assert len(conversation.asked) == 1
    assert failed.value.hint_command == "togetherctl issuer check acme --client-id the-client"
    assert "must be registered there with the redirect URI http://localhost:8000" in (failed.value.hint or "")


def test_a_code_of_another_login_does_not_pass(log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered) -> None:
    """A bare code bears no state, so PKCE and the nonce have to hold."""
    other: dict[str, str] = {}

    def somebody_elses(_question: str) -> str:
        request = parameters(conversation.pages[-1][0])
        return parameters(issuer.log_in({**request, **other}))["code"]

    conversation.answer = somebody_elses
    other["code_challenge"] = "another"
    with pytest.raises(Refused, match="PKCE"):
        log_in(PASTE)
    del other["code_challenge"]
    other["nonce"] = "another"
    with pytest.raises(Untrusted, match="answers another login"):
        log_in(PASTE)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (TimeoutError, "nothing was pasted within 180 s"),
        (EOFError, "nothing was pasted"),
        (None, "nothing that was pasted answers this login, in 5 tries"),
    ],
)
def test_nobody_pastes(
    answer: type[Exception] | None, said: str, log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    def say(_question: str) -> str:
        if answer is not None:
            raise answer
        return "not this"

    conversation.answer = say
    with pytest.raises(LoginRequired, match=said) as failed:
        log_in(PASTE)
    assert str(failed.value.remedy) == "togetherctl login acme"
    assert issuer.counts["/token"] == 0


def test_where_nobody_can_be_asked_nothing_is(log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered) -> None:
    with pytest.raises(LoginRequired, match="no terminal to paste it into") as failed:
        log_in(PASTE)
    assert str(failed.value.remedy) == "togetherctl login acme"
    assert issuer.counts == {}
    # auto comes to the same where nothing else is left, and has said why.
    issuer.metadata_changes["device_authorization_endpoint"] = None
    with pytest.raises(LoginRequired, match="no terminal to paste it into"):
        log_in()
    assert conversation.said == [
        "Logging in by pasting, because this is an SSH session and the issuer offers no device codes."
    ]
    assert conversation.pages == []


def test_a_long_code_is_whole(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered, ended_at: Callable[[], str], canary: Canary
) -> None:
    long = canary.watch("an authorization code", "x" * 6000)

    def paste(_question: str) -> str:
        url = ended_at()
        code = parameters(url)["code"]
        issuer.codes[long] = issuer.codes.pop(code)
        return url.replace(code, long)

    conversation.answer = paste
    assert log_in(PASTE).identity == "me@acme.com"
