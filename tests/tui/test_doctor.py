"""Doctor in the terminal interface: results as they come, folded and open, copied and mended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from tests.support.screens import SNAPSHOTS, becomes, strips
from tests.tui.test_snapshots import SIZES, can_be_read, colours
from togetherctl.doctor.check import Check
from togetherctl.doctor.facts import Facts
from togetherctl.errors import StorageError, run
from togetherctl.finding import Finding, Mend, Skip
from togetherctl.records import replace
from togetherctl.shim import ShimState, shim_for
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.doctor import DoctorScreen, Found, as_sentence

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.tui.conftest import Open
    from tests.tui.person import Person
    from togetherctl.wiring import World

pytestmark = pytest.mark.anyio

How = Callable[[Facts, Any], Iterator[Finding]]


def check(name: str, title: str, *findings: Finding, how: How | None = None) -> Check:
    def finds(_facts: Facts, _given: Any) -> Iterator[Finding]:
        yield from findings

    return Check(name, "storage", title, "machine", how or finds, signs=(), means="", helps="")


def skips(_facts: Facts, _given: Any) -> Iterator[Finding]:
    raise Skip("the keyring is not used")


def nothing() -> None:
    """A mend that has nothing to do."""


FOUND = [
    check("a", "Folders of sessions", Finding("ok", "they are private", subject="~/.local/state/togetherctl")),
    check(
        "b",
        "The script that kubeconfigs call",
        Finding(
            "warning",
            "it was written by an older togetherctl, so kubectl starts slower than it has to [b]now[/b]",
            run("togetherctl", "kubeconfig", "write"),
            subject="~/.local/state/togetherctl/shim/togetherctl",
            mend=Mend("write the script again", nothing),
        ),
    ),
    check(
        "c",
        "Ports of the redirect URIs",
        Finding(
            "failed",
            "port 8000 is held by python3 (4711), and the issuer knows no other redirect URI",
            run("kill", "4711", words="end that program, or register another redirect URI"),
            subject="acme",
        ),
    ),
    check("d", "The keyring", how=skips),
    check("e", "Free space", Finding("ok", "112 GiB are free")),
]


def given(*checks: Check) -> Any:
    return patch("togetherctl.doctor.examine.find_checks", lambda: checks)


async def looked(table: Person) -> DoctorScreen:
    """Wait until all results are there."""
    await table.until(lambda: isinstance(table.app.screen, DoctorScreen), "the screen")
    screen = table.app.screen
    assert isinstance(screen, DoctorScreen)
    await table.until(lambda: not screen._looking, "the end of the checks")
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_the_screen(size: str, opened: Open, demo: Callable[..., World]) -> None:
    with given(*FOUND):
        async with opened(SIZES[size], demo) as table:
            await table.press("D")
            await looked(table)
            await becomes(table.pilot, f"doctor-{size}")
            await can_be_read(table)
            dark = colours(table)
            table.app.theme = "together-light"
            await table.until(lambda: not colours(table) & dark)
            await becomes(table.pilot, f"doctor-{size}")
            await can_be_read(table)


async def test_without_colours_the_cursor_is_turned_around(opened: Open, demo: Callable[..., World]) -> None:
    def plain(prompter: Any) -> World:
        return replace(demo(prompter), environ={**demo(prompter).environ, "NO_COLOR": "1"})

    with given(*FOUND), patch.dict("os.environ", NO_COLOR="1"):
        async with opened((80, 24), plain) as table:
            await table.press("D")
            await looked(table)
            [line] = [strip for strip in strips(table.app) if "Ports of the redirect" in strip.text]
            assert any(segment.style is not None and segment.style.reverse for segment in line)
            # As large as in colour: nothing is drawn between two findings.
            assert table.screen == (SNAPSHOTS / "doctor-80x24.txt").read_text(encoding="utf-8")


async def test_what_failed_comes_first_and_folds(opened: Open, demo: Callable[..., World]) -> None:
    with given(*FOUND):
        async with opened((100, 30), demo) as table:
            await table.press("D")
            await looked(table)
            text = await table.shows("1 failed, 1 warning; togetherctl may fix 1 of them.", "In order: 2")
            assert text.index("Ports of the redirect URIs") < text.index("The script that kubeconfigs call")
            assert "112 GiB" not in text
            assert "Skipped" not in text
            # In order of the cursor: failed, warning, in order.
            await table.press("G", "k", "enter")
            await table.shows("√ Free space: 112 GiB are free")
            await table.press("g", "enter")
            await table.lacks("held by python3")
            await table.press("enter")
            await table.shows("held by python3 (4711)")


async def test_the_cursor_moves_through_more_than_fits(opened: Open, demo: Callable[..., World]) -> None:
    many = [
        check(f"c{number}", f"Number {number}", Finding("failed", "wrong " * 30, f"togetherctl set {number}=NAME"))
        for number in range(12)
    ]
    with given(*many):
        async with opened((80, 24), demo) as table:
            await table.press("D")
            await looked(table)
            await table.shows("× Number 0", "togetherctl set 0=NAME")
            await table.press("j", "j", "enter")
            await table.shows("▸ × Number 2")
            await table.press("G", "enter")
            await table.shows("▸ × Number 11")
            await table.press("up", "up", "enter")
            await table.shows("▸ × Number 9")
            await table.press("pageup")
            await table.lacks("Number 11")
            await table.press("g")
            await table.shows("▾ × Number 0")


async def test_a_command_is_copied(opened: Open, demo: Callable[..., World]) -> None:
    with given(*FOUND):
        async with opened((100, 30), demo) as table:
            await table.press("D")
            await looked(table)
            await table.press("c")
            await table.press("j", "c")
            assert table.copied == ["kill 4711", "togetherctl kubeconfig write"]


async def test_what_a_profile_and_several_are_asked_for(opened: Open, demo: Callable[..., World]) -> None:
    asked: list[list[str]] = []

    def looks(facts: Facts, _given: Any) -> Iterator[Finding]:
        asked.append([profile.name for profile in facts.profiles])
        yield Finding("ok", "so it is")

    with given(check("a", "A", how=looks)):
        async with opened((100, 30), demo) as table:
            names = list(table.app.rows)
            await table.press("D")
            await looked(table)
            await table.shows("Nothing is wrong.", f"Doctor: {names[0]}")
            await table.press("escape", "asterisk", "D")
            await looked(table)
            await table.shows(f"Doctor: {len(names)} profiles")
    assert asked == [names[:1], names]


async def test_it_is_in_the_command_palette(opened: Open) -> None:
    with given(*FOUND):
        # With no profile at all it looks at the rest.
        async with opened((100, 30)) as table:
            await table.press("ctrl+p")
            await table.type("doctor")
            await table.press("enter")
            await looked(table)
            await table.shows("1 failed")


async def test_where_the_configuration_cannot_be_read_it_says_so(opened: Open, acme: Path) -> None:
    acme.write_text("profiles = 3\n")
    async with opened((100, 30)) as table:
        await table.press("D")
        screen = await looked(table)
        assert "configuration-valid" in {one.result.check.name for one in screen.query(Found)}
        await table.press("escape")
        assert table.app.screen is table.app.home


@pytest.mark.parametrize("key", ["escape", "ctrl+c", "q"])
async def test_it_can_be_left_while_checks_run(key: str, opened: Open, demo: Callable[..., World]) -> None:
    end = threading.Event()

    def hangs(_facts: Facts, _given: Any) -> Iterator[Finding]:
        end.wait(30)
        yield Finding("failed", "too late")

    with given(check("slow", "A slow one", how=hangs), check("b", "Another", Finding("failed", "no"))):
        async with opened((100, 30), demo) as table:
            await table.press("D")
            await table.shows("Looking: A slow one")
            await table.press(key)
            await table.lacks("Looking: A slow one")
            end.set()
            assert not isinstance(table.app.screen, DoctorScreen)
            # The app goes on.
            await table.press("question_mark")
            await table.shows("Actions")


async def test_no_is_no_and_what_cannot_be_mended_is_said(opened: Open, demo: Callable[..., World]) -> None:
    calls: list[str] = []

    def breaks() -> None:
        calls.append("tried")
        raise StorageError("the folder is on a file system that is read-only")

    found = Finding("failed", "it is open to others", mend=Mend("make it private", breaks))
    with given(check("a", "The folder", found)):
        async with opened((100, 30), demo) as table:
            await table.press("D")
            await looked(table)
            await table.press("f")
            await table.sees("Fix this?", "Make it private.")
            await table.press("n")
            assert calls == []
            await table.press("F")
            assert isinstance(table.app.screen, Question)
            await table.press("y")
            await table.sees("read-only")
            await looked(table)
            assert calls == ["tried"]
            assert table.app.screen.query(Found)


async def test_an_old_script_is_written_again(opened: Open, acme: Path, cli: Run, environ: dict[str, str]) -> None:
    assert acme.exists()
    assert cli("kubeconfig", "write", "--yes").code == 0
    shim = acme.parent / "state" / "shim" / "togetherctl"
    shim.write_text(f"{shim.read_text()}# Of an older version.\n")
    async with opened((120, 40)) as table:
        await table.press("D")
        screen = await looked(table)
        assert [one for one in screen.query(Found) if one.result.check.name == "kubeconfig-shim"]
        await table.press("F")
        await table.sees("Fix this?")
        await table.press("y")
        await table.sees("Wrote the script")
        screen = await looked(table)
        assert not [one for one in screen.query(Found) if one.result.check.name == "kubeconfig-shim"]
    program = next(line for line in shim.read_text().splitlines() if line.startswith("program=")).partition("=")[2]
    assert shim_for(environ, program.strip("'")).state() is ShimState.CURRENT


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("it is valid", "It is valid."),
        ("clusters.east.ca_file: it is gone", "clusters.east.ca_file: it is gone."),
        ("localhost:34677 refused the connection", "localhost:34677 refused the connection."),
        ("kubectl cannot read it", "kubectl cannot read it."),
        ("auto: a login by browser", "Auto: a login by browser."),
        ("/home/x is full!", "/home/x is full!"),
    ],
)
def test_what_is_no_word_keeps_its_letters_at_the_start_of_a_sentence(said: str, sentence: str) -> None:
    assert as_sentence(said) == sentence
