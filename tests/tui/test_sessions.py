"""Refreshing and logging out from the table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Gate, Reply, ScriptedIssuer
from tests.tui.person import Person, at_the_app, at_the_table
from togetherctl.auth.engine import Policy
from togetherctl.errors import TogetherctlError, run
from togetherctl.tui.app import TogetherApp
from togetherctl.tui.job import failed
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.job import JobScreen

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from togetherctl.wiring import World

pytestmark = pytest.mark.usefixtures("acme")


@pytest.fixture
def world(make_world: MakeWorld, browser: ScriptedBrowser, acme: Path) -> World:
    """Somebody is logged in."""
    assert acme.exists()
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    return world


async def log_out(person: Person, answer: str) -> None:
    await person.press("o")
    await person.sees("Log out of acme?", "me@acme.com", "deleted here in any case")
    await person.press(answer)


def test_new_tokens_are_had_with_one_key(world: World, issuer: ScriptedIssuer, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("r")
            await person.sees("Refreshed me@acme.com with profile acme; the token is valid for 5m 00s")
            await person.idle()

    asyncio.run(flow())
    assert [asked.form["grant_type"] for asked in issuer.asked if asked.path == "/token"][-1] == "refresh_token"


def test_what_takes_a_while_is_shown_and_may_go_on_in_the_background(
    world: World, issuer: ScriptedIssuer, canary: Canary
) -> None:
    issuer.gates["/token"] = gate = Gate()

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("r")
            await person.sees("Refresh now: acme", "Refreshing …", "To the background")
            await person.press("b")
            await person.until(lambda: not isinstance(person.app.screen, JobScreen))
            gate.open()
            await person.sees("Refreshed me@acme.com")
            await person.idle()

    asyncio.run(flow())


def test_a_refused_refresh_is_told_as_it_is(world: World, issuer: ScriptedIssuer, canary: Canary) -> None:
    """The session is good for a while, and does not renew by itself; what helps is a login that is forced."""
    issuer.refresh_reply = Reply(400, {"error": "Refresh token is invalid or expired"})

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("r")
            await person.sees("Refresh token is invalid or expired; the token in hand is still good")
            assert "togetherctl login" not in await person.sees("L in the table logs in again")
            await person.press("escape")
            await person.sees("does not renew by itself")
            await person.press("l")
            await person.sees("Already logged in as me@acme.com", "The issuer refused to refresh it")
            await person.press("escape")

    asyncio.run(flow())
    assert issuer.counts["/token"] == 2


def test_a_refresh_without_a_session_says_how_to_get_one(acme: Path, make_world: MakeWorld, canary: Canary) -> None:
    assert acme.exists()

    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await person.press("r")
            await person.sees("× acme: login required: there is no session", "L in the table logs in again")
            # Here it is a key, so there is no command to copy.
            assert "togetherctl login" not in await person.press("c")
            assert person.copied == []
            await person.press("enter")
            await person.until(lambda: not isinstance(person.app.screen, JobScreen))

    asyncio.run(flow())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("login", "acme"), "L in the table logs in again"),
        (("login", "--force", "acme"), "L in the table logs in again"),
        (("login", "--grant", "paste", "acme"), "L in the table logs in again by paste"),
        (("kubeconfig", "write", "east"), "w in the table writes it"),
        (("login", "--account", "me@acme.com", "acme"), None),
        (("kubeconfig", "write", "--kubeconfig", "FILE"), None),
        (("profile", "secret", "acme"), None),
    ],
)
def test_a_remedy_names_the_key_where_there_is_one(command: tuple[str, ...], said: str | None) -> None:
    step = failed("acme", TogetherctlError("no", hint=run("togetherctl", *command)))
    if said is None:
        assert (step.more, step.command) == ((), f"togetherctl {' '.join(command)}")
    else:
        assert (step.more, step.command) == ((said,), None)


def test_logging_out_goes_by_the_order_of_the_table(demo: Callable[..., World], canary: Canary) -> None:
    async def flow() -> None:
        app = TogetherApp(demo)
        async with at_the_app(app, canary, size=(100, 30)) as person:
            # acme-admin gets the session of training, and stands above it.
            app.rows["acme-admin"] = replace(app.rows["acme-admin"], profile=app.rows["training"].profile)
            await person.press("s", "s", "s", "asterisk", "o")
            shown = await person.sees("Log out of")
            order = [word for word in re.findall(r"│ ([a-z-]+): me@", shown) if word != "shared"]
            assert order == [row.name for row in app.home.selection.rows(app) if row.session]
            assert order[0] == "training"
            await person.press("n")

    asyncio.run(flow())


def test_a_refresh_that_cannot_reach_the_issuer_keeps_the_session(
    world: World, issuer: ScriptedIssuer, canary: Canary
) -> None:
    issuer.stop()

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("r")
            await person.sees("× acme:", "Try again")
            await person.press("escape")
            await person.sees("● valid")
            issuer.start()

    asyncio.run(flow())


def test_logging_out_asks_and_says_that_the_issuer_revoked(
    world: World, issuer: ScriptedIssuer, canary: Canary
) -> None:
    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await log_out(person, "n")
            await person.until(lambda: not isinstance(person.app.screen, Question))
            assert not issuer.revoked
            await log_out(person, "escape")
            await person.until(lambda: not isinstance(person.app.screen, Question))
            assert not issuer.revoked
            await log_out(person, "y")
            await person.sees(
                "Logged me@acme.com out of profile acme; the issuer revoked the tokens.", "stays valid at the cluster"
            )
            await person.sees("· none")
            await person.press("o")
            await person.sees("There is no session of acme.")

    asyncio.run(flow())
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]


def test_logging_out_says_that_the_issuer_cannot_revoke(world: World, issuer: ScriptedIssuer, canary: Canary) -> None:
    issuer.metadata_changes["revocation_endpoint"] = None
    for path in (world.paths.discovery).iterdir():
        path.unlink()

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await log_out(person, "y")
            await person.sees("The issuer cannot revoke tokens; they were deleted here, and end by themselves.")
            assert isinstance(person.app.screen, JobScreen)
            await person.press("enter")
            await person.sees("· none")

    asyncio.run(flow())


@pytest.mark.parametrize("refuses", [False, True])
def test_logging_out_deletes_though_the_issuer_is_not_reached_or_refuses(
    world: World, issuer: ScriptedIssuer, canary: Canary, *, refuses: bool
) -> None:
    if refuses:
        issuer.always["/revoke"] = Reply(400, {"error": "invalid_request"})
    else:
        issuer.stop()

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await log_out(person, "y")
            await person.sees("× acme:", "the tokens are deleted here, but the issuer may still accept them")
            await person.press("escape")
            await person.sees("· none")
            if not refuses:
                issuer.start()

    asyncio.run(flow())


def test_logging_out_of_unsafe_storage_ends_the_session_and_says_why(
    world: World, issuer: ScriptedIssuer, canary: Canary
) -> None:
    world.paths.sessions.chmod(0o777)

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await log_out(person, "y")
            await person.sees(
                "Logged me@acme.com out of profile acme; the issuer revoked the tokens.", "can be written by others"
            )
            await person.press("escape")
            await person.sees("· none")

    asyncio.run(flow())
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
    assert list(world.paths.sessions.glob("*.json")) == []


def test_what_waits_for_another_process_is_called_off(world: World, issuer: ScriptedIssuer, canary: Canary) -> None:
    profile = world.config.profile("acme")

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            with world.sessions(profile).lock(profile.key):
                await person.press("r")
                await person.sees("Waiting for another togetherctl that is busy with profile acme.")
                await person.press("escape")
                await person.sees("Refresh now: acme: cancelled")
                await person.idle()

    asyncio.run(flow())
    assert issuer.counts["/token"] == 1
