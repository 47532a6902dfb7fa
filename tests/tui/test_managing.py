"""Adding, renaming, removing, and seeing what stands in the configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tui.person import Person, at_the_table
from togetherctl.auth.engine import Policy
from togetherctl.tui.screens.add import AddScreen
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.form import NewName

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer


def keys(text: str) -> list[str]:
    names = {" ": "space", ":": "colon", "/": "slash", ".": "full_stop", "-": "minus", "_": "underscore"}
    return [names.get(char, char) for char in text]


async def fill_in(person: Person, *texts: str) -> None:
    """Type into one field after the other, with keys alone, once a field has the focus."""
    await person.until(lambda: person.app.screen.focused, "the focus")
    for text in texts:
        await person.press(*keys(text), "down")


@pytest.mark.xdist_group("ports 8000 and 18000")
def test_a_newcomer_adds_a_profile_and_logs_in(
    issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, home: Path, canary: Canary
) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(browser=browser), canary, rows=0) as person:
            await person.sees("Welcome to togetherctl")
            await person.press("a")
            await person.until(lambda: isinstance(person.app.screen, AddScreen))
            await fill_in(person, "acme", issuer.url, issuer.client_id, "", "", "", "https://127.0.0.1:6443")
            await person.press("ctrl+s")
            await person.sees("Add this to", "+[issuers.acme]", "+[profiles.acme]", "+[clusters.acme]")
            await person.press("y")
            await person.sees("Added acme. Write its cluster to ~/.kube/config, for kubectl?", "+  name: acme")
            await person.press("u")
            await person.sees(
                "Added acme. Log in now?", "Wrote acme to ~/.kube/config.", "The current context is acme."
            )
            # Behind the question, the cursor is on it already.
            assert person.app.home.selection.profile == "acme"
            await person.press("y")
            await person.sees("Logged in as me@acme.com")
            await person.idle()

    asyncio.run(flow())
    text = (home / "tctl" / "config.toml").read_text("utf-8")
    assert f'[issuers.acme]\nurl = "{issuer.url}"' in text
    assert '[clusters.acme]\nprofile = "acme"\nserver = "https://127.0.0.1:6443"' in text
    assert "current-context: acme\n" in (home / ".kube" / "config").read_text("utf-8")


def test_a_second_profile_that_shares_a_session_needs_no_login(
    acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld, browser: ScriptedBrowser, home: Path, canary: Canary
) -> None:
    assert acme.exists()
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("a")
            await person.until(lambda: isinstance(person.app.screen, AddScreen))
            await fill_in(person, "lab", "acme", issuer.client_id, "", "", "", "https://127.0.0.1:7443")
            await person.press("ctrl+s")
            await person.sees("Add this to", "+[profiles.lab]")
            await person.press("y")
            await person.sees("Added lab. Write its cluster to ~/.kube/config, for kubectl?")
            await person.press("n")
            await person.sees("Added lab. lab is logged in as me@acme.com already.")
            assert person.app.screen is person.app.home
            assert person.app.home.selection.profile == "lab"

    asyncio.run(flow())
    assert not (home / ".kube" / "config").exists()


def test_what_is_wrong_with_a_new_profile_is_said_beside_it(
    acme: Path, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    before = acme.read_bytes()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 50)) as person:
            await person.press("a")
            await person.until(lambda: isinstance(person.app.screen, AddScreen))
            await fill_in(person, "acme")
            await person.sees("profile acme is there already")
            await fill_in(person, "http://insecure.example")
            await person.sees("https")
            await person.press("ctrl+s")
            await person.sees("missing")
            await person.press("escape")
            await person.until(lambda: not isinstance(person.app.screen, AddScreen))

    asyncio.run(flow())
    assert acme.read_bytes() == before
    assert not issuer.asked


def test_an_issuer_that_does_not_answer_is_added_only_if_one_insists(
    issuer: ScriptedIssuer, make_world: MakeWorld, home: Path, canary: Canary
) -> None:
    issuer.stop()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=0, size=(100, 50)) as person:
            await person.press("a")
            await person.until(lambda: isinstance(person.app.screen, AddScreen))
            await fill_in(person, "acme", issuer.url, "the-client")
            await person.press("ctrl+s")
            await person.sees("ctrl+s once more adds it without asking the issuer.")
            assert not (home / "tctl" / "config.toml").exists()
            await person.press("ctrl+s")
            await person.sees("Add this to")
            await person.press("n")
            await person.until(lambda: not isinstance(person.app.screen, Question))

    asyncio.run(flow())
    assert not (home / "tctl" / "config.toml").exists()
    issuer.start()


def test_a_profile_gets_another_name(acme: Path, make_world: MakeWorld, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await person.press("m")
            await person.until(lambda: isinstance(person.app.screen, NewName))
            await person.press("end", "ctrl+u", *keys("not good"))
            await person.sees("Rename profile: acme")
            await person.press("enter")
            assert isinstance(person.app.screen, NewName)
            await person.press("end", "ctrl+u", *keys("work"), "enter")
            await person.sees("Renamed profile acme to work")
            await person.idle()
            await person.until(lambda: "work" in person.app.rows)

    asyncio.run(flow())
    assert 'profile = "work"' in acme.read_text("utf-8")


def test_a_cluster_gets_another_name(acme: Path, make_world: MakeWorld, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await person.press("j", "m")
            await person.until(lambda: isinstance(person.app.screen, NewName))
            await person.press("end", "ctrl+u", *keys("west"), "enter")
            await person.sees("Renamed cluster east to west")

    asyncio.run(flow())
    assert "[clusters.west]" in acme.read_text("utf-8")


def test_a_profile_is_removed_with_what_goes_along(
    acme: Path, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary, home: Path
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("d")
            await person.sees(
                "Remove profile acme?",
                "cluster east goes too",
                "The session of me@acme.com goes too, and the issuer is not told; o in the table would.",
            )
            await person.press("n")
            await person.until(lambda: not isinstance(person.app.screen, Question))
            assert "[profiles.acme]" in acme.read_text("utf-8")
            await person.press("d")
            await person.sees("Remove profile acme?")
            await person.press("y")
            await person.sees("Removed profile acme.")
            await person.sees("Welcome to togetherctl")

    asyncio.run(flow())
    assert "profiles.acme" not in acme.read_text("utf-8")
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json"))


def test_the_toml_of_a_profile_hides_its_secrets(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    secret, header = canary.watch("a secret", "s3cr3t-client"), canary.watch("a header", "h34der-value")
    path = config_at(
        issuer, f'request_headers = {{ "X-Key" = "{header}" }}', f'# why\nclient_secret = "{secret}"  # typed'
    )

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 50)) as person:
            await person.press("v")
            await person.sees("[profiles.acme]", "# why", 'client_secret = "(hidden)"', "# typed", "[clusters.east]")
            await person.press("c", "escape")
            assert person.copied
            assert secret not in person.copied[0]
            # The configuration has it; only screens are looked through.
            path.write_text(path.read_text("utf-8").replace(secret, "gone").replace(header, "gone"), "utf-8")

    asyncio.run(flow())


@pytest.mark.usefixtures("acme")
def test_every_act_has_its_name_in_the_palette(make_world: MakeWorld, canary: Canary) -> None:
    wanted = (
        "Log in", "Log out", "Refresh now", "Test cluster", "Write kubeconfig", "Use cluster",
        "Add profile", "Edit profile", "Rename profile", "Remove profile",
    )  # fmt: skip

    async def flow() -> None:
        async with at_the_table(make_world(), canary, rows=1) as person:
            titles = [command.title for command in person.app.get_system_commands(person.app.screen)]
            assert set(wanted) <= set(titles)
            await person.press("ctrl+p")
            await person.press(*keys("Rename"))
            await person.sees("Rename profile")
            await person.press("enter")
            await person.until(lambda: isinstance(person.app.screen, NewName))
            await person.press("escape")

    asyncio.run(flow())
