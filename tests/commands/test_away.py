"""Being offline is not being logged out: each way an issuer fails to answer, as a person sees it who asks kubectl."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.browser import NoBrowser, ScriptedBrowser
from tests.support.issuer import Gate, Reply, ScriptedIssuer
from togetherctl import transport
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token

if TYPE_CHECKING:
    from tests.conftest import CliIn, Done, MakeWorld
    from tests.support.clock import StoppedClock

Spoil = Callable[[ScriptedIssuer, pytest.MonkeyPatch], object]


def answers(status: int, body: Any = b"", **headers: str) -> Spoil:
    return lambda issuer, _: issuer.always.update(
        {"/token": Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})}
    )


def connecting_fails(error: OSError) -> Spoil:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise error

    return lambda _, patch: patch.setattr(socket, "create_connection", refuse)


def no_name(_issuer: ScriptedIssuer, patch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    patch.setattr(socket, "getaddrinfo", unknown)


def hangs(issuer: ScriptedIssuer, patch: pytest.MonkeyPatch) -> None:
    issuer.gates["/token"] = Gate(drops=True)
    patch.setattr(transport.HTTP.post_form, "__kwdefaults__", {"headers": None, "seconds": 0.3})


def another_certificate(_issuer: ScriptedIssuer, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(transport.Connection, "ca_files", ())
    real = transport.Connection.tls_context
    patch.setattr(transport.Connection, "tls_context", lambda self: real(replace(self, ca_files=())))
    patch.setattr(transport.Connection, "quick_tls_context", lambda _self: None)


AWAY: dict[str, tuple[Spoil, str]] = {
    "refused": (lambda issuer, _: issuer.stop(), "refused the connection"),
    "no route": (connecting_fails(OSError(errno.ENETUNREACH, "x")), "there is no route to"),
    "no name": (no_name, "cannot be looked up; is this machine offline?"),
    "timeout": (hangs, "did not answer in time"),
    "TLS": (another_certificate, "the TLS certificate of"),
    "500": (answers(500), "answered HTTP 500"),
    "502": (answers(502, b"<h1>bad gateway</h1>"), "answered HTTP 502"),
    "503": (answers(503), "answered HTTP 503"),
    "504": (answers(504), "answered HTTP 504"),
    "429": (answers(429, Retry_After="3600"), "answered HTTP 429 (too many requests; it asks to wait 3600 s)"),
    "a firewall": (answers(403, b"<h1>blocked</h1>"), "answered with a web page (HTTP 403)"),
    "a redirect": (answers(302, Location="https://elsewhere.example/"), "answered a POST with a redirect"),
    "a portal": (answers(200, b"<html>"), "answered with a web page (HTTP 200)"),
}
REFUSED: dict[str, tuple[Spoil, str]] = {
    "invalid_client": (answers(401, {"error": "invalid_client"}), "the issuer refused: invalid_client"),
    "404": (answers(404), "does not exist"),
    "no JSON": (answers(200, b"{"), "is not JSON"),
}


@pytest.fixture
def expired(
    tls_config: Path, tls_issuer: ScriptedIssuer, make_world: MakeWorld, clock: StoppedClock
) -> Callable[[], Session | None]:
    """A session whose tokens have expired; gives the session as it is now."""
    os.utime(tls_config, (time.time() - 100,) * 2)
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    clock.advance(1000)
    return lambda: world.engine.load(profile)


@pytest.fixture
def get_token(cli_in: CliIn, clock: StoppedClock) -> Callable[[], Done]:
    """As kubectl calls it, with a browser that must not open."""
    run = cli_in(clock=clock, sleep=clock.sleep, open_browser=NoBrowser())
    return lambda: run("get-token", "--profile", "acme")


@pytest.mark.parametrize("kind", AWAY)
def test_an_issuer_that_is_away(
    kind: str,
    expired: Callable[[], Session | None],
    tls_issuer: ScriptedIssuer,
    get_token: Callable[[], Done],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil, said = AWAY[kind]
    before = expired()
    with monkeypatch.context() as patch:
        spoil(tls_issuer, patch)
        done = get_token()
    assert (done.code, done.stdout) == (4, "")
    assert said in done.stderr
    assert "togetherctl: profile acme: " in done.stderr
    # What may be over in a moment leads nowhere yet; a certificate that was refused once is refused again.
    assert done.commands == (["togetherctl doctor acme"] if kind == "TLS" else [])
    after = expired()
    assert before is not None
    assert after is not None
    assert after.last_error is not None
    assert (after.last_error.code, after.refreshable) == ("unreachable", True)
    assert replace(after, last_error=None) == before
    # Back again, and nothing was lost.
    if kind == "refused":
        tls_issuer.start()
    tls_issuer.always.clear()
    tls_issuer.gates.clear()
    assert get_token().code == 0


@pytest.mark.parametrize("kind", REFUSED)
def test_an_issuer_that_says_no(
    kind: str,
    expired: Callable[[], Session | None],
    tls_issuer: ScriptedIssuer,
    get_token: Callable[[], Done],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil, said = REFUSED[kind]
    before = expired()
    with monkeypatch.context() as patch:
        spoil(tls_issuer, patch)
        done = get_token()
    assert (done.code, done.stdout) == (5, "")
    assert said in done.stderr
    after = expired()
    assert before is not None
    assert after is not None
    assert replace(after, last_error=None) == before
    tls_issuer.always.clear()
    assert get_token().code == 0


def test_while_a_token_is_valid_nobody_is_stopped(
    expired: Callable[[], Session | None],
    tls_issuer: ScriptedIssuer,
    make_world: MakeWorld,
    clock: StoppedClock,
    get_token: Callable[[], Done],
) -> None:
    session = expired()
    assert session is not None
    assert session.id_token is not None
    due = replace(session, id_token=Token(session.id_token.value, clock() - 270, clock() + 30))
    world = make_world()
    profile = world.config.profile("acme")
    world.sessions(profile).save(profile.key, due)
    tls_issuer.stop()
    done = get_token()
    assert (done.code, session.id_token.value in done.stdout) == (0, True)
    # Two pauses between three attempts.
    assert "refused the connection; the token in hand is good for another 28 s" in done.stderr
    tls_issuer.start()
