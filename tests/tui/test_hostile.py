"""Whatever an issuer, a cluster or a file says, the screen stays what it is."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from textual.events import Paste

from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.screens import settle, strips
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Session, Token
from togetherctl.config.config import Config

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, WriteConfig
    from tests.support.clock import StoppedClock
    from tests.tui.conftest import Open
    from tests.tui.person import Person

pytestmark = pytest.mark.anyio

HOSTILE = {
    "markup": "[red]me[/red] [/] [link=https://evil.example]x[/link] [@click=app.quit]q[/] $error",
    "ansi": "me\x1b[2J\x1b]0;title\x07\x1b[31m\x9b31m\r\nme",
    "long": "m" * 5_000,
    "right to left": "me\u202emoc.emca@em\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "emoji": "me\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f1e9\U0001f1ea e"
    + "\u0301" * 200,
    "zero width": "m\u200be\u200d\u200c\ufeff\u2060@acme.com",
    "blank letters": "me\u3164\u115f\u2800\ufe0f\U000e0100\u034f@acme.com",
    "piled up": "me" + "\u0334\u0489\u0336" * 300 + "@acme.com",
    "surrogate": "me\ud800@acme.com",
    "wide": "漢字" * 50,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
async def test_strings_of_others(
    text: str, size: tuple[int, int], opened: Open, acme: Path, environ: dict[str, str], clock: StoppedClock
) -> None:
    profile = Config.load(acme, environ).profile("acme")
    claims = {"iss": text, "sub": text, "email": text, text: text, "groups": [text, {text: text}], "exp": 1e300}
    part = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    token = Token(f"e30.{part}.e30", clock.now, clock.now + 3600)
    session = Session(profile.issuer.url, profile.client_id, text, text, token, token, "refresh", text)
    FileSessions(acme.parent / "state" / "sessions").save(profile.key, session.failed(clock.now, "failed", text))
    async with opened(size) as table:
        await table.shows("● valid")
        await looks_right(table, size)
        await table.press("enter")
        await looks_right(table, size)
        await table.press("c")
        assert table.app.clipboard.isascii()
        assert json.loads(table.app.clipboard)["sub"] == text
        await table.press("escape", "slash")
        table.app.home.query_one("#filter").post_message(Paste(text))
        await settle(table.pilot)
        await looks_right(table, size)


async def looks_right(table: Person, size: tuple[int, int]) -> None:
    """Every line is as wide as the window, and holds nothing that acts on a terminal."""
    from rich.cells import cell_len

    drawn = strips(table.app)
    assert len(drawn) == size[1]
    for strip in drawn:
        assert cell_len(strip.text) == size[0], strip.text
        assert all(char.isprintable() for char in strip.text), repr(strip.text)


async def test_hostile_names_in_the_config(opened: Open, write_config: WriteConfig) -> None:
    """The configuration refuses what is not a name; what it says of it is printable."""
    write_config('[issuers."[red]\\u001b[31m"]\nurl = "https://login.acme.com"\n')
    async with opened() as table:
        await table.shows("The configuration cannot be used", "[red]")
        await looks_right(table, (80, 24))


async def test_long_names(opened: Open, write_config: WriteConfig) -> None:
    name = "n" * 63
    write_config(
        f"""[issuers.{name}]
url = "https://{"a" * 60}.{"b" * 60}.example/{"c" * 300}"
[profiles.{name}]
issuer = "{name}"
client_id = "{"d" * 300}"
[clusters.{name}]
profile = "{name}"
server = "https://{"e" * 60}.example:6443/{"f" * 300}"
context = "[bold]{"g" * 300}"
"""
    )
    for size in ((80, 24), (200, 60)):
        async with opened(size) as table:
            await looks_right(table, size)
            await table.press("j", "enter")
            await looks_right(table, size)


@pytest.mark.parametrize("code", ["[red]AB[/red]", "[@click=app.quit]x", "$error [/]", "C" * 64])
async def test_a_device_code_is_no_markup(
    code: str, opened: Open, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"\nbrowser = false')
    issuer.device_changes = {"user_code": code}
    issuer.always["/token"] = Reply(400, {"error": "authorization_pending"})
    async with opened() as table:
        await table.press("l")
        await table.shows(code[:30], "/activate")
        await looks_right(table, (80, 24))
        await table.press("escape")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_what_an_issuer_says_of_a_refusal_is_no_markup(
    text: str, opened: Open, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config_at(issuer, profile_keys='grant = "device-code"\nbrowser = false')
    issuer.always["/device"] = Reply(400, {"error": "invalid_request", "error_description": text})
    async with opened() as table:
        await table.press("l")
        await table.shows("×")
        await looks_right(table, (80, 24))
