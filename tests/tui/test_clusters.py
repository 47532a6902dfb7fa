"""Testing clusters, writing them into kubeconfigs, and using one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.issuer import Reply
from tests.tui.person import at_the_table
from togetherctl.auth.engine import Policy
from togetherctl.tui.screens.dialog import Question
from togetherctl.tui.screens.job import JobScreen

if TYPE_CHECKING:
    from tests.conftest import MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from togetherctl.wiring import World

FOREIGN = """\
apiVersion: v1
kind: Config
# mine
users:
- name: other
  user:
    token: {token}
current-context: other
"""


@pytest.fixture
def server() -> Iterator[ScriptedCluster]:
    with ScriptedCluster() as running:
        yield running


@pytest.fixture
def world(make_world: MakeWorld, browser: ScriptedBrowser, acme: Path, server: ScriptedCluster) -> World:
    """Somebody is logged in, and the cluster `east` is there."""
    text = acme.read_text("utf-8").replace("https://127.0.0.1:6443", server.url)
    acme.write_text(text, "utf-8")
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    return world


def test_a_cluster_says_who_one_is_there(world: World, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("t")
            await person.sees("√ east: you are me@acme.com", "groups: devs, system:authenticated")
            assert isinstance(person.app.screen, JobScreen)
            await person.press("enter")
            await person.until(lambda: not isinstance(person.app.screen, JobScreen))

    asyncio.run(flow())


def test_a_cluster_that_refuses_is_said_with_the_reason(world: World, server: ScriptedCluster, canary: Canary) -> None:
    server.always = Reply(401, {"kind": "Status", "message": "[red]Unauthorized[/red] \x1b[31m"})

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("t")
            shown = await person.sees("× east:")
            assert "\x1b" not in shown
            await person.press("escape")

    asyncio.run(flow())


def test_names_that_a_cluster_gives_cannot_draw(world: World, server: ScriptedCluster, canary: Canary) -> None:
    server.info = {"username": "[blink]\x1b]0;x\x07me\u202e", "groups": ["\u2066g" * 50, "\U0001f600"]}

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("t")
            shown = await person.sees("√ east: you are [blink]")
            assert not {"\x1b", "\x07", "\u202e", "\u2066"} & set(shown)
            await person.press("escape")

    asyncio.run(flow())


def test_a_test_is_called_off(world: World, server: ScriptedCluster, canary: Canary) -> None:
    server.seconds = 3

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("t")
            await person.sees("Asking east …")
            await person.press("escape")
            await person.sees("Test cluster: east: cancelled")
            await person.idle()

    asyncio.run(flow())


def test_a_kubeconfig_is_written_once_its_difference_was_seen(world: World, home: Path, canary: Canary) -> None:
    token = canary.watch("somebody's token", "token-of-somebody-else")
    kubeconfig = home / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(FOREIGN.format(token=token), "utf-8")
    before = kubeconfig.read_bytes()

    async def flow() -> None:
        async with at_the_table(world, canary, size=(120, 50)) as person:
            await person.press("w")
            await person.sees("Write this to ~/.kube/config?", "+  name: togetherctl:acme", "(hidden)")
            await person.press("n")
            await person.until(lambda: not isinstance(person.app.screen, Question))
            assert kubeconfig.read_bytes() == before
            await person.press("w")
            await person.sees("Write this to ~/.kube/config?")
            await person.press("y")
            await person.sees("Wrote east to ~/.kube/config.")
            await person.idle()
            await person.until(lambda: person.app.screen is person.app.home)
            await person.press("w")
            await person.sees("Nothing to write: the kubeconfig says all of this already.")

    asyncio.run(flow())
    text = kubeconfig.read_text("utf-8")
    assert "# mine" in text
    assert "current-context: other" in text
    assert "togetherctl:acme" in text
    # It lies where whoever put it there has it; screens are what is looked through.
    kubeconfig.write_text(text.replace(token, "gone"), "utf-8")


def test_a_kubeconfig_that_cannot_be_written_stays_as_it_was(world: World, home: Path, canary: Canary) -> None:
    kubeconfig = home / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text("users: [\n", "utf-8")

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("w")
            await person.sees("cannot be understood", "correct the file, then run this again")
            await person.press("escape")

    asyncio.run(flow())
    assert kubeconfig.read_text("utf-8") == "users: [\n"


def test_a_cluster_becomes_the_current_one(world: World, home: Path, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("u")
            await person.sees("The current context is east; there was none.", "Wrote east to ~/.kube/config")
            await person.idle()

    asyncio.run(flow())
    assert "current-context: east" in (home / ".kube" / "config").read_text("utf-8")


def test_of_several_clusters_one_is_chosen(world: World, acme: Path, home: Path, canary: Canary) -> None:
    acme.write_text(
        acme.read_text("utf-8") + '\n[clusters.west]\nprofile = "acme"\nserver = "https://127.0.0.1:1"\n', "utf-8"
    )

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("u")
            await person.sees("Use cluster", "east", "west")
            await person.press("j", "enter")
            await person.sees("The current context is west")
            await person.idle()

    asyncio.run(flow())
    assert "current-context: west" in (home / ".kube" / "config").read_text("utf-8")


def test_a_profile_without_clusters_has_nothing_to_write(world: World, acme: Path, canary: Canary) -> None:
    acme.write_text(acme.read_text("utf-8").partition("[clusters")[0], "utf-8")

    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            for key in ("w", "u", "t"):
                await person.press(key)
                await person.sees("There is no cluster of acme.")

    asyncio.run(flow())


def test_entries_of_somebody_else_are_replaced_after_a_question_of_its_own(
    world: World, home: Path, canary: Canary
) -> None:
    kubeconfig = home / ".kube" / "config"
    kubeconfig.parent.mkdir()
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: east\n  cluster:\n    server: https://other.acme.com\n",
        "utf-8",
    )
    before = kubeconfig.read_bytes()

    async def flow() -> None:
        async with at_the_table(world, canary, size=(120, 50)) as person:
            await person.press("w")
            await person.sees("Replace entries that togetherctl did not write?", "did not write cluster east in")
            await person.press("n")
            await person.idle()
            assert kubeconfig.read_bytes() == before
            await person.until(lambda: person.app.screen is person.app.home)
            await person.press("w")
            await person.sees("Replace entries that togetherctl did not write?")
            await person.press("y")
            await person.sees("Write this to ~/.kube/config?", "- server: https://other.acme.com")
            assert kubeconfig.read_bytes() == before
            await person.press("y")
            await person.sees("to ~/.kube/config.")
            await person.idle()

    asyncio.run(flow())
    assert "other.acme.com" not in kubeconfig.read_text("utf-8")


def test_what_was_said_before_does_not_stand_over_the_next_page(world: World, canary: Canary) -> None:
    async def flow() -> None:
        async with at_the_table(world, canary) as person:
            await person.press("u")
            await person.sees("The current context is east")
            # On a busy machine the work is shown on a screen of its own, which has to be gone.
            await person.idle()
            await person.until(lambda: not isinstance(person.app.screen, JobScreen))
            await person.press("e")
            await person.sees("Edit profile: acme")
            assert "The current context" not in person.read()

    asyncio.run(flow())
