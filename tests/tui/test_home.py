"""The table of profiles: what it shows, how one moves in it, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.screens import becomes
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import State
from togetherctl.usecases.session_snapshot import STATES

if TYPE_CHECKING:
    from tests.tui.conftest import Open
    from togetherctl.auth.prompter import Prompter
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio
SIZES = [(80, 24), (200, 60)]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_home(size: tuple[int, int], opened: Open, demo: Callable[..., World]) -> None:
    async with opened(size, demo) as table:
        await becomes(table.pilot, f"home-{size[0]}x{size[1]}")
        assert table.app.selection.profile == "acme"
        for keys, found in (
            ("j", ("acme", "east")),
            ("down", ("acme", "west")),
            ("k", ("acme", "east")),
            ("up", ("acme", None)),
            ("n", ("acme-admin", None)),
            ("N", ("acme", None)),
            ("G", ("archive", "archive")),
            ("g", ("acme", None)),
            ("pagedown", ("archive", "archive")),
            ("home", ("acme", None)),
            ("end", ("archive", "archive")),
        ):
            await table.press(keys)
            selection = table.app.selection
            assert (selection.profile, selection.cluster) == found, keys


async def test_marks(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        assert table.app.selection.profiles == ("acme",)
        screen = await table.press("space", "space")
        assert table.app.selection.marked == ("acme", "acme-admin")
        assert table.app.selection.profile == "research"
        assert "◆ ▾ acme " in screen
        assert "2 marked" in screen
        await table.press("slash", *"admin", "enter")
        assert table.app.selection.profiles == ("acme-admin",), "what is not shown is not meant"
        await table.press("escape")
        assert table.app.selection.marked == ("acme", "acme-admin")
        await table.press("asterisk")
        assert len(table.app.selection.marked) == 5
        await table.press("escape")
        assert table.app.selection.marked == ()


async def test_folding(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        screen = await table.press("j", "left")
        assert "▸ acme " in screen
        assert "├ east" not in screen
        assert table.app.selection.cluster is None
        screen = await table.press("right")
        assert "├ east" in screen
        await table.press("z")
        await table.lacks("└")
        await table.press("z")
        await table.shows("└")


async def test_filtering(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        screen = await table.press("slash", *"lab gpu")
        assert "2 with “lab gpu”" in screen
        assert "research" in screen
        assert "archive" not in screen
        screen = await table.press("enter", "j")
        assert table.app.selection.cluster == "gpu"
        screen = await table.press("slash", *"nothing")
        assert "0 with" in screen
        assert table.app.selection.profiles == ()
        screen = await table.press("escape")
        assert "archive" in screen
        assert "with" not in screen
        # The state is text as well, so whoever needs a login can be found.
        await table.press("slash", *"expired")
        await table.shows("1 with “expired”")


async def test_sorting(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:

        def order() -> list[str]:
            return [line[4:20].split()[0] for line in table.screen.splitlines() if line[2:3] in ("▾", "▸")]

        assert order() == ["acme", "acme-admin", "research", "training", "archive"]
        screen = await table.press("s")
        assert "Profile ▾" in screen
        assert order() == ["acme", "acme-admin", "archive", "research", "training"]
        await table.press("s", "s")
        assert order() == ["training", "research", "acme-admin", "acme", "archive"]
        await table.press("s")
        assert order()[0] == "training"
        await table.press("s", "s")
        assert "▾ " not in table.screen.splitlines()[1]


async def test_the_mouse(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        await table.click("#profiles", offset=(10, 2))
        assert table.app.selection.cluster == "east"
        await table.click("#profiles", offset=(2, 1))
        await table.shows("▸ acme ")
        await table.click("#profiles", offset=(0, 2))
        assert table.app.selection.marked == ("acme-admin",)
        await table.click("#profiles", offset=(5, 0))
        await table.shows("Profile ▾")
        await table.click("#profiles", offset=(10, 1), times=2)
        await table.shows("Session", "identity")


async def test_time_runs_down(opened: Open, demo: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [0.0]

    def later(prompter: object) -> World:
        from dataclasses import replace

        world = demo(prompter)
        return replace(world, clock=lambda: world.clock() + moment[0])

    async with opened(make_world=later) as table:
        await table.shows("━━━━━━━─ 51m 00s")
        drawn: list[int] = []
        monkeypatch.setattr(table.app.home.table, "refresh_line", drawn.append)
        moment[0] = 1.0
        table.app.home.tick()
        # acme and acme-admin run down; nothing else has changed within this second.
        assert drawn == [1, 4]
        monkeypatch.delattr(table.app.home.table, "refresh_line")
        table.app.home.tick()
        await table.shows("50m 59s", "9m 59s")
        moment[0] = 3000.0
        table.app.home.tick()
        await table.shows("╸─────── 1m 00s", "◐ stale", "○ expired")
        moment[0] = 3061.0
        table.app.home.tick()
        await table.shows("1s ago")
        await table.lacks("valid")


async def test_any_size(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        await table.press("G")
        for size in ((20, 5), (1, 1), (40, 10), (119, 30), (120, 30), (300, 80), (80, 24)):
            await table.resize(*size)
            assert table.app.selection.cluster == "archive"
        await table.shows("└ archive")


async def test_an_identity_of_30_characters_is_whole_at_80_columns(opened: Open, demo: Callable[..., World]) -> None:
    identity = "somebody.with-a-name@acme.example"[-30:]

    def make_world(prompter: Prompter) -> World:
        world = demo(prompter)
        sessions = FileSessions(world.paths.sessions)
        key = world.config.profile("acme").key
        session = sessions.load(key)
        assert session is not None
        sessions.save(key, replace(session, identity=identity))
        return world

    async with opened((80, 24), make_world) as table:
        assert len(identity) == 30
        await table.shows(identity)
        assert "● valid" in next(line for line in table.screen.splitlines() if identity in line)


def test_the_page_explains_every_state() -> None:
    page = (ROOT / "docs" / "tui.md").read_text(encoding="utf-8")
    for words in STATES.values():
        assert not words.meaning or f"| `{words.label}` | {words.meaning} |\n" in page
    assert {state for state in State if state not in STATES} == set()
