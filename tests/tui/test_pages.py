"""Details, help, the welcome and the broken configuration: what they show, and that nothing secret is among it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.screens import becomes, strips
from togetherctl.auth.engine import Policy

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.tui.conftest import Open
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])


async def test_details_on_enter_where_it_is_narrow(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        await table.press("enter")
        await becomes(table.pilot, "details-80x24")
        await table.press("G")
        await table.shows("Clusters", "context acme-west")
        await table.press("escape")
        await table.until(lambda: table.app.screen is table.app.home)


async def test_details_beside_the_table_where_it_is_wide(opened: Open, demo: Callable[..., World]) -> None:
    async with opened((200, 60), demo) as table:
        await table.press("n")
        await table.shows('["platform", "on-call"]')
        await table.press("n", "n")
        await table.shows("the issuer refused the refresh token", "the issuer says the session is over")
        await table.press("enter")
        assert table.app.focused.id == "beside"
        await table.press("tab")
        # From narrow to wide and back, whatever has the focus.
        await table.resize(80, 24)
        await table.resize(200, 60)
        await table.shows("refused")


async def test_profiles_that_share_a_session(opened: Open, acme: Path) -> None:
    acme.write_text(acme.read_text() + '\n[profiles.twin]\nissuer = "acme"\nclient_id = "the-client"\n')
    async with opened((200, 60)) as table:
        await table.shows("shared with  twin")


async def test_copying_claims(opened: Open, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser) -> None:
    assert acme.exists()
    async with opened() as table:
        await table.press("c")
        await table.shows("no claims to copy")
        world = make_world(browser=browser)
        session, _ = world.engine.login(world.config.profile("acme"), Policy())
        await table.shows("me@acme.com")
        await table.press("c")
        await table.shows("clipboard")
        claims = json.loads(table.app.clipboard)
        assert claims["email"] == "me@acme.com"
        assert session.id_token
        assert session.access_token
        assert session.refresh_token
        for token in (session.id_token.value, session.access_token.value, session.refresh_token):
            assert token not in table.app.clipboard
            # A signature is what makes claims a token.
            assert token.rpartition(".")[2] not in table.app.clipboard
        # The same from the page of details.
        table.app.copy_to_clipboard("")
        await table.press("enter", "c")
        assert json.loads(table.app.clipboard) == claims


@SIZES
async def test_help(size: tuple[int, int], opened: Open, demo: Callable[..., World]) -> None:
    async with opened(size, demo) as table:
        await table.press("question_mark")
        await table.shows("Keys", "Escape goes back")
        if size == (200, 60):
            await table.shows("ctrl+q", "ctrl+p", "◐ stale", "mark a profile")
        await table.press("question_mark")
        await table.until(lambda: table.app.screen is table.app.home)


@SIZES
async def test_a_newcomer_is_welcomed(size: tuple[int, int], opened: Open, write_config: WriteConfig) -> None:
    async with opened(size) as table:
        await becomes(table.pilot, f"welcome-{size[0]}x{size[1]}")
        write_config('[issuers.acme]\nurl = "https://login.acme.com"\n')
        await table.shows("Welcome")
        write_config(
            '[issuers.acme]\nurl = "https://login.acme.com"\n'
            '[profiles.acme]\nissuer = "acme"\nclient_id = "kubernetes"\n'
        )
        await table.shows("1 profile", "acme", "· none")
        assert table.app.focused.id == "profiles"
        write_config("")
        await table.shows("Welcome")


async def test_a_config_that_is_wrong(opened: Open, acme: Path) -> None:
    good = acme.read_text()
    acme.write_text(good.replace("client_id", "client_idd") + "\nnonsense = 1\n")
    async with opened() as table:
        await table.sees("The configuration cannot be used", "client_idd", "nonsense", "did you mean")
        acme.write_text("not [ toml")
        await table.shows("not TOML")
        acme.write_text(good)
        await table.shows("1 profile", "· none")
        acme.chmod(0o666)
        await table.shows("chmod go-w")
        acme.chmod(0o600)
        await table.shows("1 profile")
        acme.unlink()
        await table.shows("Welcome")


async def test_the_palette_has_everything_by_name(opened: Open, demo: Callable[..., World]) -> None:
    async with opened((200, 60), demo) as table:
        await table.press("ctrl+p")
        await table.shows("Copy claims", "Filter", "Fold all", "Help", "Light or dark")
        names = [command.title for command in table.app.get_system_commands(table.app.home)]
        # Other programs and people's habits know these words.
        assert names[:2] == ["Log in", "Log in by …"]
        assert {"Agent", "Quit", "Sort"} <= set(names)
        assert {"Log out", "Refresh now", "Test cluster", "Write kubeconfig", "Use cluster", "Theme"} <= set(names)
        assert {f"{verb} profile" for verb in ("Add", "Edit", "Rename", "Remove")} <= set(names)
        await table.press(*"light or", "enter")
        await table.until(lambda: not table.app.current_theme.dark)


async def test_themes(opened: Open, demo: Callable[..., World]) -> None:
    async with opened((200, 60), demo) as table:
        before = table.screen
        colours = set()
        for name in ("together-dark", "together-light", "textual-ansi", "nord", "textual-light"):
            if name in table.app.available_themes:
                table.app.theme = name
                await table.until(lambda: table.screen == before)
                colours.add(str(table.app.home.table.get_component_rich_style("tone--good")))
        assert len(colours) >= 4
        await table.press("T")
        await table.until(lambda: table.app.current_theme.dark)


async def test_no_colour(opened: Open, demo: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def without(prompter: object) -> World:
        from dataclasses import replace

        return replace(demo(prompter), environ={**demo(prompter).environ, "NO_COLOR": "1"})

    async with opened(make_world=without) as table:
        assert table.app.no_color
        assert table.app.native_ansi_color
        cursor = table.app.home.table._cursor_style()
        assert cursor.reverse
        # Of a choice, the one that Enter takes.
        await table.press("L", "down")
        await table.shows("Log in by")
        shown = [segment for strip in strips(table.app) for segment in strip if segment.style]
        assert "".join(one.text for one in shown if one.style and one.style.underline).startswith("authcode")


async def test_quitting(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        await table.press("question_mark")
        await table.pilot.press("ctrl+q")
        await table.pilot.pause()
        assert table.app.return_code == 0
        assert not table.app.is_running or table.app._exit


async def test_a_bug_ends_the_app_and_shows_nothing_it_held(environ: dict[str, str]) -> None:
    from togetherctl.tui.app import TogetherApp
    from togetherctl.wiring import World

    def broken() -> float:
        secret = "a-secret-nobody-may-see"
        raise LookupError(secret)

    app = TogetherApp(lambda prompter: World(environ, prompter))

    async def used() -> None:
        async with app.run_test() as pilot:
            app.call_later(broken)
            await pilot.pause()

    with pytest.raises(LookupError):
        await used()
    assert isinstance(app.bug, LookupError)
    assert app._exit_renderables == []
