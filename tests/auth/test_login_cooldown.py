"""The cooldown after a login that failed, and what ends it: in one process, with a stopped clock."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import ScriptedBrowser
from togetherctl.auth.cache.login_record import LoginRecord
from togetherctl.auth.engine import Policy
from togetherctl.errors import LoginRequired, Refused, Unreachable

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


@pytest.fixture
def denying(issuer: ScriptedIssuer) -> ScriptedBrowser:
    """Somebody who says no."""
    return ScriptedBrowser(
        issuer, lambda request: f"{request['redirect_uri']}?error=access_denied&state={request['state']}"
    )


def ask(world: World) -> object:
    return world.engine.credential(world.config.profile("acme"), Policy())


def record(home: Path) -> Path | None:
    return next(iter((home / "tctl" / "state" / "sessions").glob("*.login")), None)


def test_each_failure_makes_the_next_pause_longer(
    make_world: MakeWorld, denying: ScriptedBrowser, clock: StoppedClock
) -> None:
    world = make_world(browser=denying)
    for tabs, pause in enumerate((30, 60, 120, 240, 480, 600, 600), start=1):
        with pytest.raises(Refused, match="access_denied"):
            ask(world)
        clock.advance(pause - 1)
        with pytest.raises(LoginRequired, match=r"access_denied.*; no other login opens by itself for 1 s") as refused:
            ask(world)
        assert str(refused.value.remedy) == "togetherctl login acme"
        assert len(denying.opened) == tabs
        clock.advance(1)


def test_a_login_somebody_asks_for_comes_at_once_and_ends_it(
    make_world: MakeWorld, denying: ScriptedBrowser, browser: ScriptedBrowser, home: Path, issuer: ScriptedIssuer
) -> None:
    world = make_world(browser=denying)
    with pytest.raises(Refused):
        ask(world)
    assert record(home) is not None
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    assert record(home) is None
    assert issuer.counts["/token"] == 1


def test_one_that_was_asked_for_and_failed_counts_as_the_first(
    make_world: MakeWorld, denying: ScriptedBrowser, clock: StoppedClock
) -> None:
    world = make_world(browser=denying)
    for _ in range(4):
        with pytest.raises(Refused):
            world.engine.login(world.config.profile("acme"), Policy())
    with pytest.raises(LoginRequired, match="for 30 s"):
        ask(world)
    clock.advance(30)
    with pytest.raises(Refused):
        ask(world)


def test_ctrl_c_leaves_no_cooldown(make_world: MakeWorld, browser: ScriptedBrowser, home: Path) -> None:
    def cancelled(_request: dict[str, str]) -> str:
        raise AssertionError("not reached")

    class Cancels(ScriptedBrowser):
        def __call__(self, url: str, profile: object) -> object:  # type: ignore[override] # it never returns
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(make_world(browser=Cancels(browser.issuer, cancelled)))
    assert record(home) is None
    ask(make_world(browser=browser))


def test_a_failure_before_any_tab_leaves_no_cooldown(
    make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    issuer.stop()
    for _ in range(2):
        with pytest.raises(Unreachable):
            ask(make_world(browser=browser))
    issuer.start()
    ask(make_world(browser=browser))
    assert len(browser.opened) == 1


def test_logging_out_forgets_it(make_world: MakeWorld, denying: ScriptedBrowser, home: Path) -> None:
    world = make_world(browser=denying)
    with pytest.raises(Refused):
        ask(world)
    world.engine.logout(world.config.profile("acme"), local=True)
    assert record(home) is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1}',
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"version": 1, "owner": "x", "opened_at": 1, "address": "", "second_chance": false, "failures": 1}',
        (
            b'{"version": 1, "owner": 1, "opened_at": 1, "address": "", "second_chance": false, "failures": 1, '
            b'"failed_at": 1, "until": 1e999, "code": "", "message": ""}'
        ),
    ],
)
def test_a_record_that_cannot_be_understood_counts_as_none(
    text: bytes, make_world: MakeWorld, denying: ScriptedBrowser, browser: ScriptedBrowser, home: Path
) -> None:
    with pytest.raises(Refused):
        ask(make_world(browser=denying))
    path = record(home)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(text)
    ask(make_world(browser=browser))


@pytest.mark.parametrize("change", [{"until": 9e12}, {"failed_at": None, "opened_at": 9e12, "second_chance": True}])
def test_a_record_from_the_future_stops_nobody(
    change: dict[str, object], make_world: MakeWorld, denying: ScriptedBrowser, browser: ScriptedBrowser, home: Path
) -> None:
    """The clock was set back since."""
    with pytest.raises(Refused):
        ask(make_world(browser=denying))
    path = record(home)
    assert path is not None
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    ask(make_world(browser=browser))


def test_the_record_holds_no_secret(make_world: MakeWorld, browser: ScriptedBrowser, home: Path) -> None:
    """While the login is under way: who, since when, and the address, which bears neither code nor verifier."""
    seen: list[dict[str, object]] = []

    def look(request: dict[str, str]) -> str:
        path = record(home)
        assert path is not None
        seen.append(json.loads(path.read_text()))
        return browser.issuer.log_in(request)

    watching = ScriptedBrowser(browser.issuer, look)
    ask(make_world(browser=watching))
    assert watching.last_page.status == 200
    [shown] = seen
    assert set(shown) == {"version", *(field.name for field in fields(LoginRecord))}
    assert shown["address"] == watching.opened[0]
    assert record(home) is None


def test_a_laptop_that_slept_ends_the_login_with_its_time(
    make_world: MakeWorld, issuer: ScriptedIssuer, clock: StoppedClock
) -> None:
    def sleep(_request: dict[str, str]) -> str:
        clock.advance(181)
        return ""

    with pytest.raises(LoginRequired, match="the login was not finished within 180 s"):
        ask(make_world(browser=ScriptedBrowser(issuer, sleep)))
