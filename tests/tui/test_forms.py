"""What all forms have in common: names, groups, choices, defaults, and help that is whole."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from textual.widgets import Select

from tests.tui.person import Person, at_the_table
from togetherctl.config.editing import TABLES
from togetherctl.config.types import Kind
from togetherctl.tui.field_definitions import definition, definitions
from togetherctl.tui.screens.add import AddScreen
from togetherctl.tui.screens.edit import EditScreen
from togetherctl.tui.screens.form import AskSource, FormScreen
from togetherctl.tui.widgets.field import Field

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

KINDS: tuple[Kind, ...] = get_args(Kind)
FORMS: dict[str, type[FormScreen[Any]]] = {
    "e": EditScreen,
    "E": EditScreen,
    "j e": EditScreen,
    "a": AddScreen,
    "i": AskSource,
}


async def open_form(person: Person, keys: str) -> FormScreen[Any]:
    await person.press(*keys.split())
    await person.until(lambda: isinstance(person.app.screen, FORMS[keys]), "the form")
    form = person.app.screen
    assert isinstance(form, FormScreen)
    await person.until(lambda: form.focused is not None, "the focus")
    return form


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_one_field(kind: Kind) -> None:
    assert sorted(one.key for one in definitions(kind)) == sorted(TABLES[kind].model_fields)
    labels = [one.label for one in definitions(kind)]
    assert len(set(labels)) == len(labels)


def test_what_counts_without_a_value_is_said_as_a_default() -> None:
    said = {
        key: definition("profile", key).placeholder for key in ("client_id", "grant", "scopes", "margin", "account")
    }
    assert said == {
        "client_id": "",
        "grant": "default: auto",
        "scopes": "default: openid, email",
        "margin": "default: 60",
        "account": "not set",
    }
    assert definition("cluster", "insecure_skip_tls_verify").placeholder == "default: false"
    assert definition("cluster", "context").placeholder == "default: the cluster's name"


def test_add_and_edit_call_a_key_the_same(acme: Path, make_world: MakeWorld, canary: Canary) -> None:
    assert acme.exists()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(80, 60)) as person:
            form = await open_form(person, "a")
            added = {field.key: (field.group, field.label) for field in form.query(Field)}
            places: dict[str, tuple[Kind, str]] = {
                "issuer": ("profile", "issuer"),
                "client_id": ("profile", "client_id"),
                "scopes": ("profile", "scopes"),
                "grant": ("profile", "grant"),
                "issuer_ca_file": ("issuer", "ca_file"),
                "server": ("cluster", "server"),
                "cluster_ca_file": ("cluster", "ca_file"),
            }
            for key, (kind, name) in places.items():
                one = definition(kind, name)
                assert added.pop(key) == (one.group, one.label)
            assert added == {"name": ("Profile", "Name"), "cluster": ("Cluster", "Name")}
            await person.press("escape")

    asyncio.run(flow())


@pytest.mark.parametrize("size", [(80, 24), (60, 24)], ids=str)
@pytest.mark.parametrize("keys", FORMS)
def test_labels_and_help_are_whole(
    keys: str, size: tuple[int, int], acme: Path, make_world: MakeWorld, canary: Canary
) -> None:
    assert acme.exists()

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=size) as person:
            form = await open_form(person, keys)
            for field in form.query(Field):
                field.editor.focus()
                await person.press()
                await person.sees(field.about)
                [line] = [line for line in person.screen.splitlines() if f" {field.label}  " in line][:1]
                assert "…" not in line
            await person.press("escape")

    asyncio.run(flow())


def test_a_choice_is_chosen_and_what_is_set_is_marked(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer, profile_keys='grant = "paste"')

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(80, 40)) as person:
            form = await open_form(person, "e")
            screen = await person.shows("• Grant", "  Storage")
            assert "default: file" in next(line for line in screen.splitlines() if "│   Storage" in line)
            for field in form.query(Field):
                assert bool(field.query(Select)) == bool(definition("profile", field.key).choices)
            form.field("grant").editor.focus()
            # Letters change nothing; arrows move in the list, and Escape closes the list alone.
            await person.press("x")
            assert form.field("grant").text == "paste"
            await person.press("enter", "down")
            await person.shows("client-credentials")
            await person.press("escape")
            assert person.app.screen is form
            assert form.field("grant").text == "paste"
            await person.press("enter", "home", "enter")
            assert form.field("grant").text == ""
            await person.shows("  Grant")
            # Between fields, arrows go on.
            await person.press("down")
            assert form.focused is form.field("username").editor
            await person.press("escape")

    asyncio.run(flow())


def test_a_value_that_is_no_choice_is_shown(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, canary: Canary
) -> None:
    config_at(issuer)

    async def flow() -> None:
        async with at_the_table(make_world(), canary, size=(80, 40)) as person:
            # As read from a file that an editor has just saved.
            data = {"profiles": {"acme": {"issuer": "acme", "client_id": "the-client", "grant": "telepathy"}}}
            form = EditScreen("profile", "acme", data)
            person.app.push_screen(form)
            await person.shows("• Grant", "telepathy")
            assert form.field("grant").text == '"telepathy"'
            assert not form.field("grant").changed
            await person.press("escape")

    asyncio.run(flow())
