from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets import Input

from tests.tui.person import Person, at_the_table
from togetherctl.auth.engine import Policy
from togetherctl.demo.certificate import make_certificate
from togetherctl.tui.field_definitions import definition
from togetherctl.tui.screens.edit import EditScreen
from togetherctl.usecases.kubeconfig_write import write_clusters

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer


async def fill(person: Person, key: str, text: str) -> None:
    """Put `text` where this key is, as by typing it."""
    field = person.app.screen.query_one(f"#field-{key} Input")
    field.focus()
    await person.press("end", "ctrl+u", *("space" if char == " " else char for char in text))


async def choose(person: Person, key: str, word: str) -> None:
    """Choose `word` from the list of this key, with keys alone."""
    person.app.screen.query_one(f"#field-{key} Select").focus()
    await person.press("enter", "home")
    options = ["", *definition("profile", key).choices]
    await person.press(*["down"] * options.index(word), "enter")


async def save(person: Person) -> None:
    """Save the form, and agree to the difference."""
    await person.press("ctrl+s")
    await person.sees("Write this")
    await person.press("y")


async def open_form(person: Person) -> None:
    await person.press("e")
    await person.until(lambda: isinstance(person.app.screen, EditScreen), "the form")
    await person.sees("Edit profile: acme", "• Client ID", "the-client")


def test_a_key_is_changed_and_comments_stay(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer, profile_keys="# how I like it\nmargin = 30  # seconds")

    async def flow() -> None:
        async with at_the_table(make_world(), canary) as person:
            await open_form(person)
            await fill(person, "margin", "45")
            await fill(person, "scopes", "email, groups")
            await save(person)
            await person.sees("Changed scopes, margin of profile acme.")

    asyncio.run(flow())
    text = path.read_text("utf-8")
    assert '# how I like it\nmargin = 45  # seconds\nscopes = ["email", "groups"]\n' in text


def test_what_is_wrong_is_said_while_it_is_typed(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer)
    before = path.read_bytes()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60)) as person:
            await open_form(person)
            await fill(person, "margin", "9999")
            await person.sees("must be at most 3600")
            await fill(person, "issuer", "acne")
            await fill(person, "margin", "30")
            await choose(person, "grant", "paste")
            await person.sees('names the issuer acne, which does not exist; did you mean "acme"?'.replace('"', ""))
            await person.press("ctrl+s")
            assert isinstance(person.app.screen, EditScreen)
            await person.press("escape")
            await person.until(lambda: not isinstance(person.app.screen, EditScreen))

    asyncio.run(flow())
    assert path.read_bytes() == before


def test_keys_that_belong_together_are_checked_together(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer)

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60)) as person:
            await open_form(person)
            await fill(person, "listen_cert_file", "cert.pem")
            await person.sees("listen_cert_file and listen_key_file go together; one of them is missing")
            await person.press("escape")

    asyncio.run(flow())


def test_what_was_changed_elsewhere_meanwhile_is_not_lost(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer, profile_keys="margin = 30")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60)) as person:
            await open_form(person)
            await fill(person, "margin", "45")
            path.write_text(path.read_text("utf-8").replace("margin = 30", "margin = 50\nlogin_timeout = 60"), "utf-8")
            await person.press("ctrl+s")
            await person.sees("margin is 50 by now; ctrl+s puts yours there.", "nothing was changed")
            assert "margin = 50" in path.read_text("utf-8")
            await save(person)
            await person.sees("Changed margin of profile acme.")

    asyncio.run(flow())
    assert "margin = 45\nlogin_timeout = 60" in path.read_text("utf-8")


def test_a_profile_that_went_meanwhile_is_said(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer)

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60)) as person:
            await open_form(person)
            await fill(person, "margin", "45")
            path.write_text("version = 1\n", "utf-8")
            await person.press("ctrl+s")
            await person.sees("there is no profile acme")
            assert isinstance(person.app.screen, EditScreen)
            await person.press("escape")

    asyncio.run(flow())
    assert path.read_text("utf-8") == "version = 1\n"


def test_a_secret_in_the_config_is_neither_shown_nor_lost(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    secret = canary.watch("a client secret", "s3cr3t-of-the-client")
    path = config_at(issuer, profile_keys=f'client_secret = "{secret}"')

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60)) as person:
            await open_form(person)
            await person.sees("(hidden)")
            await fill(person, "margin", "45")
            await save(person)
            await person.sees("Changed margin of profile acme.")
            text = path.read_text("utf-8")
            assert text.count(secret) == 1
            # The configuration lies where it is looked for; only screens are looked through.
            path.write_text(text.replace(secret, "gone"), "utf-8")

    asyncio.run(flow())


def test_the_storage_of_a_shared_session_changes_for_all(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer)
    path.write_text(path.read_text("utf-8") + '\n[profiles.twin]\nissuer = "acme"\nclient_id = "the-client"\n', "utf-8")

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 60), rows=2) as person:
            await open_form(person)
            await choose(person, "storage", "memory")
            await save(person)
            await person.sees("Changed storage of profile acme.", "The storage of twin")

    asyncio.run(flow())
    assert path.read_text("utf-8").count('storage = "memory"') == 2


def test_the_issuer_of_a_profile_is_changed(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    path = config_at(issuer)

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(100, 50)) as person:
            await person.press("E")
            await person.sees("Edit issuer: acme", issuer.url)
            await fill(person, "proxy", "not a proxy")
            await person.press("ctrl+s")
            assert isinstance(person.app.screen, EditScreen)
            await fill(person, "proxy", "http://proxy.acme.com:3128")
            await save(person)
            await person.sees("Changed proxy of issuer acme.")

    asyncio.run(flow())
    assert 'proxy = "http://proxy.acme.com:3128"' in path.read_text("utf-8")


def test_the_difference_is_shown_before_a_session_is_lost(
    acme: Path, make_world: MakeWorld, browser: ScriptedBrowser, canary: Canary, home: Path
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    sessions = home / "tctl" / "state" / "sessions"
    before = acme.read_bytes()

    async def flow() -> None:
        async with at_the_table(world, canary, size=(100, 40)) as person:
            await open_form(person)
            await fill(person, "client_id", "other")
            await person.press("ctrl+s")
            await person.sees(
                "Write this and lose a session?",
                "The session of me@acme.com goes too, and the issuer is not told; o in the table would.",
                '-client_id = "the-client"',
                '+client_id = "other"',
            )
            await person.press("n")
            # What was typed is still there.
            await person.until(lambda: isinstance(person.app.screen, EditScreen))
            assert acme.read_bytes() == before
            assert list(sessions.glob("*.json"))
            await save(person)
            await person.sees("Changed client_id of profile acme.", "was deleted")
            await person.idle()

    asyncio.run(flow())
    assert 'client_id = "other"' in acme.read_text("utf-8")
    assert not list(sessions.glob("*.json"))


def test_a_change_of_a_cluster_reaches_the_kubeconfig(
    acme: Path, make_world: MakeWorld, home: Path, canary: Canary
) -> None:
    world = make_world()
    write_clusters(world, portable=True)
    kubeconfig = home / ".kube" / "config"
    before = kubeconfig.read_bytes()

    async def change(person: Person, server: str) -> None:
        await person.press("g", "j", "e")
        await person.sees("Edit cluster: east")
        await fill(person, "server", server)
        await save(person)
        asked = "Changed server of cluster east. Write this to ~/.kube/config, which kubectl goes by?"
        await person.sees(asked, f"server: {server}", "In ~/.kube/config, server of context east changes.")

    async def flow() -> None:
        async with at_the_table(world, canary, size=(100, 40)) as person:
            await change(person, "https://new.example")
            await person.press("n")
            # Never in silence: the table shows it.
            await person.shows("! └ east", "the kubeconfig differs: server; w writes it")
            assert kubeconfig.read_bytes() == before
            await change(person, "https://newer.example")
            await person.press("y")
            await person.sees("Wrote east to ~/.kube/config.")
            await person.lacks("the kubeconfig differs")

    asyncio.run(flow())
    assert "https://newer.example" in kubeconfig.read_text("utf-8")
    assert "https://newer.example" in acme.read_text("utf-8")


def test_a_certificate_is_one_line_of_a_difference(
    acme: Path, make_world: MakeWorld, canary: Canary, tmp_path: Path
) -> None:
    data = b64encode(make_certificate(tmp_path)[0].read_bytes()).decode()
    assert acme.exists()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(80, 24)) as person:
            await person.press("j", "e")
            await person.sees("Edit cluster: east")
            person.app.screen.query_one("#field-ca_data Input", Input).value = data
            await person.press("ctrl+s")
            screen = await person.shows("+ca_data = ")
            [line] = [line for line in screen.splitlines() if "+ca_data" in line]
            assert "(1 certificate, SHA-256 " in line
            assert data[:60] not in screen
            await person.press("escape", "escape")

    asyncio.run(flow())
