from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest
from textual.events import Paste
from textual.widgets import Input

from tests.support.browser import ScriptedBrowser, parameters
from tests.support.issuer import Gate, Reply, ScriptedIssuer
from tests.support.keyrings import Silent
from tests.tui.person import at_the_table
from togetherctl.auth.browser import Opened
from togetherctl.tui.screens.job import JobScreen

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, UseKeyring
    from tests.support.canary import Canary


@pytest.mark.usefixtures("acme")
def test_a_person_logs_in_with_one_key(make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary) as person:
            await person.press("l")
            await person.sees("Logged in as me@acme.com with profile acme; the token is valid for 5m 00s")
            # A doubt goes by with the rest.
            await person.sees("Some API servers refuse this token: it is signed with ES256")
            await person.idle()
            await person.until(lambda: not isinstance(person.app.screen, JobScreen), "the table")
            await person.sees("● valid", "me@acme.com")

    asyncio.run(flow())
    assert "go back to your terminal" in browser.last_page.text


class Nobody:
    """A browser that opens, and in which nobody does anything."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def __call__(self, url: str, _profile: object) -> Opened:
        self.opened.append(url)
        return Opened(None)

    @property
    def port(self) -> int:
        return urlsplit(parameters(self.opened[0])["redirect_uri"]).port or 0


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def callback_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("togetherctl")]


def nothing_is_left(home: Path, nobody: Nobody) -> None:
    assert not is_listening(nobody.port)
    for thread in callback_threads():
        thread.join(5)
    assert not callback_threads()
    sessions = home / "tctl" / "state" / "sessions"
    assert not [path for path in sessions.iterdir() if path.suffix in (".login", ".json")]


@pytest.mark.usefixtures("acme")
def test_escape_ends_a_login_wholly(make_world: MakeWorld, canary: Canary, home: Path) -> None:
    nobody = Nobody()

    async def flow() -> None:
        async with at_the_table(make_world(browser=nobody), canary) as person:
            await person.press("l")
            await person.sees("Your browser has been opened at", "Waiting for the login in your browser", "2:5")
            assert is_listening(nobody.port)
            await person.press("escape")
            await person.sees("Log in: acme: cancelled")
            await person.idle()
            nothing_is_left(home, nobody)
            # Nothing keeps the next login waiting.
            await person.until(lambda: person.app.screen is person.app.home)
            await person.press("l")
            await person.until(lambda: len(nobody.opened) == 2)
            await person.press("escape")
            await person.idle()

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_quitting_ends_a_login_too(make_world: MakeWorld, canary: Canary, home: Path) -> None:
    nobody = Nobody()

    async def flow() -> None:
        async with at_the_table(make_world(browser=nobody), canary) as person:
            await person.press("l")
            await person.sees("Waiting for the login in your browser")
            await person.press("ctrl+q")

    asyncio.run(flow())
    nothing_is_left(home, nobody)


@pytest.mark.usefixtures("acme")
def test_the_address_is_copied_and_opened_again(make_world: MakeWorld, canary: Canary) -> None:
    nobody = Nobody()

    async def flow() -> None:
        async with at_the_table(make_world(browser=nobody), canary) as person:
            await person.press("l")
            await person.sees("Your browser has been opened at")
            await person.press("c")
            assert person.copied == nobody.opened
            await person.press("o")
            await person.sees("Your browser has been opened.")
            assert nobody.opened == person.copied * 2
            await person.press("escape")
            await person.idle()

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_one_thing_at_a_time_is_done_to_a_session(make_world: MakeWorld, canary: Canary) -> None:
    nobody = Nobody()

    async def flow() -> None:
        async with at_the_table(make_world(browser=nobody), canary) as person:
            await person.press("l")
            await person.sees("Your browser has been opened at")
            await person.press("b")
            await person.until(lambda: not isinstance(person.app.screen, JobScreen))
            await person.sees("◌ login…")
            await person.press("r")
            await person.sees("Still busy: Log in: acme", "Waiting for the login in your browser")
            await person.press("escape")
            await person.idle()
            assert len(nobody.opened) == 1

    asyncio.run(flow())


def test_a_device_code_is_shown_with_a_picture(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"\nbrowser = false')
    issuer.replies["/token"].append(Reply(400, {"error": "authorization_pending"}))
    issuer.gates["/token"] = gate = Gate()

    async def flow() -> None:
        async with at_the_table(make_world(browser=lambda _url, _profile: None), canary) as person:
            await person.press("l")
            shown = await person.sees("Scan this", f"{issuer.url}/activate", "WDJB-MJHT", "Waiting for the login")
            assert "▄▄▄▄▄" in shown
            gate.open()
            await person.sees("Logged in as me@acme.com")
            await person.idle()

    asyncio.run(flow())


def test_a_device_code_needs_no_room_for_its_picture(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"\nbrowser = false')
    issuer.gates["/token"] = gate = Gate()

    async def flow() -> None:
        async with at_the_table(make_world(browser=lambda _url, _profile: None), canary, size=(60, 18)) as person:
            await person.press("l")
            shown = await person.sees(f"{issuer.url}/activate", "WDJB-MJHT")
            assert "▄▄▄▄▄" not in shown
            gate.open()
            await person.idle()

    asyncio.run(flow())


def test_a_device_login_is_called_off_between_two_questions(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary, home: Path
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"')
    issuer.always["/token"] = Reply(400, {"error": "authorization_pending"})
    world = replace(make_world(browser=lambda _url, _profile: None), sleep=time.sleep)

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("l")
            await person.sees("WDJB-MJHT")
            await person.press("escape")
            await person.sees("Log in: acme: cancelled")
            await person.idle()

    asyncio.run(flow())
    assert issuer.counts["/token"] == 0
    assert not list((home / "tctl" / "state" / "sessions").glob("*.login"))


def test_an_answer_is_pasted_however_long_it_is(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer, profile_keys='grant = "paste"')

    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await person.press("l")
            await person.sees("Open this address", "Paste it (it stays hidden)")
            await person.press("ctrl+y")
            back = issuer.log_in(parameters(person.copied[0])) + "&padding=" + "x" * 9000
            await person.press("x", "space", "y")
            await person.press("enter")
            await person.sees("! that holds no code")
            person.app.screen.query_one(Input).post_message(Paste(back))
            await person.until(lambda: person.app.screen.query_one(Input).value == back)
            await person.press("enter")
            await person.sees("Logged in as me@acme.com")
            await person.idle()

    asyncio.run(flow())


def test_a_password_is_typed_and_never_shown(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer, profile_keys='grant = "password"')
    password = canary.watch("a password", issuer.passwords["me"])

    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await person.press("l")
            await person.sees("User name:")
            await person.type("me")
            await person.press("enter")
            await person.sees("Password of me at")
            person.app.screen.query_one(Input).post_message(Paste(password))
            await person.until(lambda: person.app.screen.query_one(Input).value == password)
            shown = person.read()
            assert "••••" in shown
            await person.press("enter")
            await person.sees("Logged in as me@acme.com")
            await person.idle()

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_an_issuer_that_is_down_is_said_and_stays_readable(
    issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary
) -> None:
    issuer.stop()

    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary) as person:
            await person.press("l")
            await person.sees("× acme:", "Try again")
            await person.idle()
            assert isinstance(person.app.screen, JobScreen)
            issuer.start()
            await person.press("r")
            await person.sees("Logged in as me@acme.com")
            await person.idle()
            await person.until(lambda: not isinstance(person.app.screen, JobScreen), "the table")

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_what_the_issuer_says_cannot_draw_on_the_screen(
    issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    evil = "[red]no[/red] \x1b[31m\x1b]0;owned\a \u202egnp.exe \U0001f608 " + "y" * 3000
    browser = ScriptedBrowser(
        issuer,
        answer=lambda asked: (
            f"{asked['redirect_uri']}?"
            + urlencode({"error": "access_denied", "error_description": evil, "state": asked["state"]})
        ),
    )

    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary) as person:
            await person.press("l")
            shown = await person.sees("× acme:", "[red]no[/red]")
            assert "\x1b" not in shown
            assert "\u202e" not in shown
            await person.press("escape")

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_whoever_logs_in_may_have_any_name(
    issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary
) -> None:
    issuer.claims["email"] = "[bold]\u202eme\u2066 \x1b[2J@acme.com[/bold]"

    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary) as person:
            await person.press("l")
            shown = await person.sees("Logged in as [bold]")
            assert "\x1b" not in shown
            await person.idle()

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_another_grant_is_chosen_with_keys_alone(
    issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary) as person:
            await person.press("L")
            await person.sees("auto", "authcode", "paste", "device-code", "password", "client-credentials")
            await person.press("j", "j", "j", "enter")
            await person.sees("Logged in as me@acme.com")
            await person.idle()

    asyncio.run(flow())
    assert issuer.counts["/device"] == 1


@pytest.mark.xdist_group("ports 8000 and 18000")
def test_several_that_are_marked_log_in_one_after_the_other(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary
) -> None:
    path = config_at(issuer)
    path.write_text(
        path.read_text("utf-8")
        + '[profiles.other]\nissuer = "acme"\nclient_id = "the-client"\naccount = "you@acme.com"\n'
        + '[profiles.same]\nissuer = "acme"\nclient_id = "the-client"\nredirect_uris = ["http://localhost:0"]\n',
        "utf-8",
    )

    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary, rows=3) as person:
            await person.press("asterisk", "l")
            # Who came back is not who this profile accepts; the others are not kept from logging in.
            await person.sees("√ Logged in as me@acme.com with profile acme", "× other:", "you@acme.com")
            await person.idle()
            await person.press("c")
            assert all(command.startswith("togetherctl ") for command in person.copied)

    asyncio.run(flow())
    assert len(browser.opened) == 2


def test_escape_ends_the_wait_for_a_keyring_that_does_not_answer(
    issuer: ScriptedIssuer,
    config_at: MakeConfig,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    canary: Canary,
    use_keyring: UseKeyring,
) -> None:
    config_at(issuer, profile_keys='storage = "keyring"')
    use_keyring(Silent())

    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary, rows=0) as person:
            await person.until(lambda: "acme" in person.app.rows)
            await person.press("l")
            await person.sees("waiting for the keyring")
            await person.press("escape")
            await person.idle()

    asyncio.run(flow())
    assert not issuer.counts["/token"]
