"""Pasting the address of the browser's last page while the terminal interface waits for a login."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from textual.events import Paste
from textual.widgets import Input

from tests.support.browser import ScriptedBrowser, parameters
from tests.support.issuer import ScriptedIssuer
from tests.tui.person import Person, at_the_table
from togetherctl.tui.screens.job import JobScreen

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

pytestmark = pytest.mark.usefixtures("acme")


@pytest.fixture
def lost(issuer: ScriptedIssuer) -> ScriptedBrowser:
    """A browser that logs in and cannot open its last page."""
    return ScriptedBrowser(issuer, answer=lambda _asked: "")


def last_page(issuer: ScriptedIssuer, browser: ScriptedBrowser) -> str:
    return issuer.log_in(parameters(browser.opened[-1]))


def field(person: Person) -> Input:
    return person.app.screen.query_one(Input)


async def _wait_for_browser(person: Person) -> None:
    await person.press("l")
    await person.sees("Waiting for the login in your browser")
    await person.until(lambda: person.app.screen.is_current and isinstance(person.app.screen, JobScreen))


async def _comes_in(person: Person) -> None:
    await person.sees("Logged in as me@acme.com")
    await person.idle()
    await person.until(lambda: not isinstance(person.app.screen, JobScreen), "the table")


def test_the_terminals_own_paste_needs_no_key(
    issuer: ScriptedIssuer, make_world: MakeWorld, lost: ScriptedBrowser, canary: Canary
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=lost), canary) as person:
            await _wait_for_browser(person)
            person.app.post_message(Paste(f" {last_page(issuer, lost)}\n"))
            await _comes_in(person)

    asyncio.run(flow())
    assert issuer.counts["/token"] == 1


@pytest.mark.parametrize("by_typing", [False, True], ids=["pasted", "typed"])
def test_a_key_opens_a_field_that_hides_what_is_in_it(
    by_typing: bool,  # noqa: FBT001 # some terminals paste as if one typed
    issuer: ScriptedIssuer,
    make_world: MakeWorld,
    lost: ScriptedBrowser,
    canary: Canary,
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=lost), canary) as person:
            await _wait_for_browser(person)
            assert not field(person).display
            await person.press("p")
            await person.sees("Paste the address of the browser's last page:", "stays hidden; Enter sends it")
            back = last_page(issuer, lost)
            if by_typing:
                await person.type(back)
            else:
                person.app.post_message(Paste(back))
            # A field that has the focus takes a paste like any other, and Enter sends it.
            await person.until(lambda: field(person).value == back, "the address in the field")
            assert "••••" in person.read()
            await person.press("enter")
            await _comes_in(person)

    asyncio.run(flow())


def test_what_is_said_later_comes_into_view(
    issuer: ScriptedIssuer, make_world: MakeWorld, lost: ScriptedBrowser, canary: Canary, clock: StoppedClock
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=lost), canary, size=(60, 24)) as person:
            await _wait_for_browser(person)
            await person.sees(f"{issuer.url}/authorize")
            clock.advance(20)
            await person.sees("Run: togetherctl issuer check acme --client-id the-client", "Waiting for the login")
            # The page is still there to be copied, and the key to paste is told in whole words.
            await person.press("c")
            assert person.copied == lost.opened
            await person.sees("p Paste address")
            await person.press("p")
            await person.sees("stays hidden; Enter sends it; ctrl+y copies the link")
            await person.press("escape", "escape")
            await person.idle()

    asyncio.run(flow())


def test_a_slip_is_said_and_the_wait_goes_on(
    issuer: ScriptedIssuer, make_world: MakeWorld, lost: ScriptedBrowser, canary: Canary
) -> None:
    slips: list[tuple[Callable[[str], str], str]] = [
        (lambda _back: "no address", "holds no code"),
        (lambda back: back.replace("state=", "state=x"), "answers another login"),
    ]

    async def flow() -> None:
        async with at_the_table(make_world(browser=lost), canary) as person:
            await _wait_for_browser(person)
            for slip, said in slips:
                person.app.post_message(Paste(slip(last_page(issuer, lost))))
                await person.sees(said, "Waiting for the login in your browser")
            assert issuer.counts["/token"] == 0
            await person.press("p")
            await person.press("n", "o", "enter")
            # The field closes, and the key opens it again.
            await person.until(lambda: not field(person).display, "a closed field")
            person.app.post_message(Paste(last_page(issuer, lost)))
            await _comes_in(person)

    asyncio.run(flow())


def test_escape_closes_the_field_before_it_cancels_the_login(
    issuer: ScriptedIssuer, make_world: MakeWorld, lost: ScriptedBrowser, canary: Canary
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=lost), canary) as person:
            await _wait_for_browser(person)
            await person.press("p")
            await person.until(lambda: field(person).display, "the field")
            await person.type("half")
            await person.press("escape")
            await person.until(lambda: not field(person).display, "a closed field")
            await person.sees("Waiting for the login in your browser")
            await person.press("p")
            # What was typed before is gone.
            assert field(person).value == ""
            await person.press("escape", "escape")
            await person.sees("Log in: acme: cancelled")
            await person.idle()

    asyncio.run(flow())
    assert issuer.counts["/token"] == 0
