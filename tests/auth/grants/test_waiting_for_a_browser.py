"""While a browser is waited for: what a person is told, may paste instead, and hears where no port is free."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import ScriptedBrowser, parameters
from togetherctl.auth.callback import PortsTaken
from togetherctl.auth.engine import Policy
from togetherctl.auth.login_environment import LoginEnvironment
from togetherctl.errors import LoginRequired, Refused, TogetherctlError, Untrusted

if TYPE_CHECKING:
    from tests.auth.grants.conftest import LogIn
    from tests.conftest import MakeWorld, WriteConfig
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer

DESK = LoginEnvironment()
DEVICE = "togetherctl login --grant device-code acme"


class Away:
    """A browser that comes back after so many seconds, and not before `told` is so."""

    def __init__(self, seconds: float, clock: StoppedClock, told: Callable[[], object] = lambda: True) -> None:
        self._seconds = seconds
        self._clock = clock
        self._told = told

    def until(self, then: Callable[[dict[str, str]], str]) -> Callable[[dict[str, str]], str]:
        def answer(asked: dict[str, str]) -> str:
            self._clock.advance(self._seconds)
            ends = monotonic() + 30
            while not self._told():
                assert monotonic() < ends
                sleep(0.01)
            return then(asked)

        return answer


REGISTERED = "client the-client must be registered there with the redirect URI"


@pytest.mark.parametrize(("seconds", "told"), [(10.0, 0), (20.0, 1)])
def test_a_browser_that_stays_away_is_explained_once(
    seconds: float,
    told: int,
    log_in: LogIn,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    away = Away(seconds, clock, told=lambda: len(conversation.advice) >= told)
    browser = ScriptedBrowser(issuer, answer=away.until(issuer.log_in))
    assert log_in(place=DESK, browser=browser).identity == "me@acme.com"
    assert len(conversation.advice) == told
    for sentence, command in conversation.advice:
        assert "If it cannot open its last page: begin again with " in sentence
        assert f"togetherctl login --grant paste acme or {DEVICE}" in sentence
        assert f"if the browser shows an error of the issuer: {REGISTERED} http://localhost:" in sentence
        assert sentence.endswith(", whatever the port")
        assert command == "togetherctl issuer check acme --client-id the-client"


def test_a_redirect_uri_with_a_port_is_named_to_the_letter(
    issuer: ScriptedIssuer, make_world: MakeWorld, write_config: WriteConfig, clock: StoppedClock
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}/back"
    write_config(
        f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n[profiles.me]\nissuer = "acme"\n'
        f'client_id = "the-client"\nredirect_uris = ["{uri}"]\n'
    )
    world = make_world(place=DESK, browser=ScriptedBrowser(issuer, answer=Away(200, clock).until(lambda _asked: "")))
    with pytest.raises(LoginRequired) as over:
        world.engine.login(world.config.profile("me"), Policy())
    assert f"{REGISTERED} {uri}, to the letter" in (over.value.hint or "")
    assert over.value.hint_command == "togetherctl issuer check acme --client-id the-client"


@pytest.mark.parametrize("device_codes", [True, False])
def test_without_a_browser_other_ways_are_named_at_once(
    device_codes: bool,  # noqa: FBT001 # whether the issuer offers them
    log_in: LogIn,
    issuer: ScriptedIssuer,
    clock: StoppedClock,
    conversation: Remembered,
) -> None:
    if not device_codes:
        issuer.metadata_changes["device_authorization_endpoint"] = None

    def none_here(_url: str, _profile: object) -> None:
        clock.advance(200)

    with pytest.raises(LoginRequired):
        log_in(place=DESK, browser=none_here)
    [(sentence, _)] = conversation.advice
    assert "If no browser here can open its last page: begin again with togetherctl login --grant paste" in sentence
    assert (DEVICE in sentence) is device_codes


def test_safari_is_named_where_it_is_the_browser(
    log_in: LogIn, issuer: ScriptedIssuer, clock: StoppedClock, conversation: Remembered
) -> None:
    browser = ScriptedBrowser(issuer, answer=Away(20, clock, told=lambda: conversation.advice).until(issuer.log_in))
    log_in(place=LoginEnvironment(safari=True), browser=browser)
    [(sentence, _)] = conversation.advice
    assert "as Safari may refuse http://localhost:" in sentence


# An address that is pasted while the browser is waited for.


@pytest.fixture
def pasting(issuer: ScriptedIssuer, conversation: Remembered) -> Callable[..., None]:
    """A person whose browser cannot open its last page; pastes, one after the other, what is made of its address."""

    def prepare(*pastes: Callable[[str], str]) -> None:
        left = list(pastes)

        def paste() -> str | None:
            return left.pop(0)(issuer.log_in(parameters(conversation.pages[-1][0]))) if left else None

        conversation.pastes = paste

    return prepare


def nowhere(issuer: ScriptedIssuer) -> ScriptedBrowser:
    return ScriptedBrowser(issuer, answer=lambda _asked: "")


def test_a_pasted_address_logs_in(log_in: LogIn, issuer: ScriptedIssuer, pasting: Callable[..., None]) -> None:
    issuer.sends_issuer = True
    pasting(lambda url: f" {url}\r")
    assert log_in(place=DESK, browser=nowhere(issuer)).identity == "me@acme.com"


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda _url: "", "holds no code"),
        # A code alone has no state.
        (lambda url: parameters(url)["code"], "holds no code"),
        (lambda url: url.replace("state=", "state=x"), "answers another login"),
        (lambda url: url.partition("&state=")[0], "answers another login"),
        (lambda url: url + url, "mixed up"),
        (lambda _url: "https://login.acme.com/authorize?state=abc", "the address the login began at"),
    ],
    ids=["nothing", "code", "another state", "no state", "twice", "the login page"],
)
def test_a_slip_is_said_and_the_wait_goes_on(
    slip: Callable[[str], str],
    said: str,
    log_in: LogIn,
    issuer: ScriptedIssuer,
    conversation: Remembered,
    pasting: Callable[..., None],
) -> None:
    pasting(slip, lambda url: url)
    assert log_in(place=DESK, browser=nowhere(issuer)).identity == "me@acme.com"
    [warned] = conversation.warned
    assert said in warned
    assert issuer.counts["/token"] == 1


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda url: url.replace("code=", "error=access_denied&was="), Refused, "access_denied"),
        (lambda url: url.replace("&iss=", "&iss=https://evil.example&was="), Untrusted, "evil.example"),
        (lambda url: url.replace("&iss=", "&was="), Untrusted, "does not name its issuer"),
    ],
    ids=["a refusal", "another issuer", "no issuer"],
)
def test_what_is_pasted_is_checked_as_what_a_browser_brings(
    change: Callable[[str], str],
    kind: type[TogetherctlError],
    said: str,
    log_in: LogIn,
    issuer: ScriptedIssuer,
    pasting: Callable[..., None],
) -> None:
    issuer.sends_issuer = True
    pasting(change)
    with pytest.raises(kind, match=said):
        log_in(place=DESK, browser=nowhere(issuer))
    assert issuer.counts["/token"] == 0


def test_a_nonce_of_another_login_does_not_pass(
    log_in: LogIn, issuer: ScriptedIssuer, conversation: Remembered
) -> None:
    conversation.pastes = lambda: issuer.log_in({**parameters(conversation.pages[-1][0]), "nonce": "another"})
    with pytest.raises(Untrusted, match="answers another login"):
        log_in(place=DESK, browser=nowhere(issuer))


# Ports.


@pytest.mark.parametrize("device_codes", [True, False])
def test_held_ports_name_their_program_and_the_ways_without(
    device_codes: bool,  # noqa: FBT001 # whether the issuer offers them
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    write_config: WriteConfig,
) -> None:
    if not device_codes:
        issuer.metadata_changes["device_authorization_endpoint"] = None
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        write_config(
            f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n[profiles.me]\nissuer = "acme"\n'
            f'client_id = "the-client"\nredirect_uris = ["http://localhost:{port}"]\n'
        )
        world = make_world(place=DESK)
        with pytest.raises(PortsTaken) as taken:
            world.engine.login(world.config.profile("me"), Policy())
    by = f" by {Path('/proc/self/comm').read_text().strip()} (process {os.getpid()})"
    assert f"port {port}: in use{by if sys.platform == 'linux' else ''}" in taken.value.message
    assert taken.value.hint_command == "togetherctl login --grant paste me"
    assert ("togetherctl login --grant device-code me" in (taken.value.hint or "")) is device_codes
