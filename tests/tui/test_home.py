"""The table of profiles: what it shows, how one moves in it, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from tests.conftest import ROOT
from tests.support.screens import becomes
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import State
from togetherctl.tui.actions import ACTIONS
from togetherctl.tui.selection import Selection
from togetherctl.usecases.session_snapshot import STATES

if TYPE_CHECKING:
    from tests.tui.conftest import Open
    from togetherctl.auth.prompter import Prompter
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio
SIZES = [(80, 24), (200, 60)]
FOOTER = {
    "⏎ Details", "l Log in", "r Refresh", "o Log out", "u Use", "? Help", "q Quit", "/ Filter",
    "w Write", "t Test", "a Add", "e Edit",
}  # fmt: skip


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
        assert "▸*acme " in screen
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


async def test_no_key_gets_into_a_filter_that_is_not_shown(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        hidden = table.app.home.query_one("#filter", Input)
        table.app.home.set_focus(hidden)
        await table.press(*"jjj")
        assert hidden.value == ""
        assert table.app.home.table.count == 5
        # In force, it says how it ends, also while the keys are the table's.
        await table.press("slash", *"east", "enter")
        await table.shows("Filter east", "Escape ends the filter")
        await table.press("down")
        await table.shows("Escape ends the filter")
        await table.press("escape")
        await table.lacks("Escape ends the filter")


async def test_keys_before_the_first_picture_do_nothing(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        table.app.home.drawn = False
        await table.press("slash", "x", "question_mark", "j", "a")
        assert table.app.screen is table.app.home
        assert not table.app.home.query_one("#filtering").display
        assert not table.app.jobs.running
        assert table.app.home.table.cursor == 0
        table.app.home.drawn = True
        # The rest of the word does no more than its beginning.
        await table.press("e", "question_mark")
        assert table.app.screen is table.app.home
        now = table.app.typeahead.clock()
        table.app.typeahead.clock = lambda: now + 1
        await table.press("question_mark")
        await table.shows("Escape goes back")


@pytest.mark.parametrize("width", [40, 60, 80, 112, 200])
async def test_the_footer_has_whole_words(width: int, opened: Open, demo: Callable[..., World]) -> None:
    async with opened((width, 24), demo) as table:
        footer = table.screen.splitlines()[-1]
        rest, keys = footer, set()
        for key in FOOTER:
            if f" {key} " in f" {footer} ":
                keys.add(key)
                rest = rest.replace(key, "", 1)
        assert rest.split() in ([], ["▏^p", "palette"]), "a key is cut"
        assert "l Log in" in keys
        if width >= 60:
            assert {"u Use", "? Help", "q Quit"} <= keys
        if width >= 80:
            assert {"/ Filter", "w Write"} <= keys
        assert ("palette" in footer) == (width >= 112)


async def test_q_quits(opened: Open, demo: Callable[..., World]) -> None:
    async with opened(make_world=demo) as table:
        await table.press("slash", "q")
        await table.shows("with “q”")
        await table.press("escape", "q")
        assert table.app.return_code == 0
        assert not table.app.is_running


ONE_AT_A_TIME = {"e": "Edit", "E": "Edit", "m": "Rename", "d": "Remove", "c": "Copy"}


@pytest.mark.parametrize("key", ONE_AT_A_TIME)
async def test_what_goes_with_one_says_so_if_several_are_marked(
    key: str, opened: Open, demo: Callable[..., World]
) -> None:
    async with opened(make_world=demo) as table:
        await table.press("asterisk", key)
        await table.sees(f"{ONE_AT_A_TIME[key]} one at a time: 5 are marked.")
        assert table.app.screen is table.app.home
        assert not table.copied


async def test_every_action_that_is_for_one_says_so(opened: Open, demo: Callable[..., World]) -> None:
    for_one = {action.key for action in ACTIONS if not action.fits(Selection("a", None, ("a", "b")))}
    assert for_one == set(ONE_AT_A_TIME) - {"c"}
    async with opened(make_world=demo) as table:
        await table.press("slash", *"nothing", "enter", "l")
        await table.sees("Log in: no profile is shown. Escape ends the filter.")


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
        await table.shows("▸*acme ")
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
