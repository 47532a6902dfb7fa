"""The table follows what other processes do, and asks no network to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import pytest

from tests.bench.crowd import crowd
from tests.support.programs import need
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.login_record import LoginRecord
from togetherctl.auth.engine import Policy
from togetherctl.kube.kubeconfig import KubeconfigFile
from togetherctl.tui.context import WatcherFound
from togetherctl.tui.watcher import ConfigRead, Finding, KubeconfigRead, SessionsRead, Watcher
from togetherctl.usecases.kubeconfig_write import write_clusters

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer
    from tests.tui.conftest import Open
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

pytestmark = pytest.mark.anyio


async def elsewhere(process: Run, *words: str, **changes: str) -> None:
    """Run a command in a process of its own while the app goes on."""
    done = await anyio.to_thread.run_sync(lambda: process(*words, **changes))
    assert done.code == 0, done.stderr


async def test_another_process_refreshes_edits_and_logs_out(
    opened: Open, acme: Path, process: Run, make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    assert acme.exists()
    world = make_world(browser=browser)
    async with opened((200, 60)) as table:
        await table.shows("· none")
        before = issuer.counts.copy()
        await table.pilot.pause(1)
        assert issuer.counts == before, "the table is drawn and kept without the network"

        await anyio.to_thread.run_sync(lambda: world.engine.login(world.config.profile("acme"), Policy()))
        await table.shows("● valid", "me@acme.com", "logged in as me@acme.com")
        before = table.app.rows["acme"].session

        await elsewhere(process, "refresh", "acme")
        await table.shows("new tokens")
        assert table.app.rows["acme"].session != before

        await elsewhere(process, "profile", "set", "acme", "storage=memory")
        await table.shows("memory, until this ends", "· none")
        await elsewhere(process, "profile", "set", "acme", "storage=file")
        await elsewhere(process, "cluster", "add", "west", "--profile", "acme", "--server", "https://west.example")
        await table.shows("└ west", "https://west.example")

        await anyio.to_thread.run_sync(
            lambda: make_world(browser=browser).engine.login(world.profile("acme"), Policy())
        )
        await table.shows("● valid")
        await elsewhere(process, "logout", "acme")
        await table.shows("· none")
        await elsewhere(process, "cluster", "remove", "west", "--yes")
        await table.lacks("west")


async def test_a_login_in_another_process(
    opened: Open, acme: Path, environ: dict[str, str], issuer: ScriptedIssuer
) -> None:
    """A real `login` that waits for its browser, and is then cut off."""
    assert acme.exists()
    environ = {**environ, "TOGETHERCTL_BROWSER": f"{sys.executable} -c pass"}
    async with opened((200, 60)) as table:
        login = subprocess.Popen(  # noqa: ASYNC220 # starting it takes no time
            [sys.executable, "-m", "togetherctl", "login", "acme", "--grant", "authcode"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            await table.shows("◌ login…", f"in process {login.pid}", issuer.url)
        finally:
            login.kill()
            login.wait()
        await table.lacks("◌ login…")
        await table.shows("· none")


async def test_a_login_whose_process_is_gone(opened: Open, acme: Path, make_world: MakeWorld) -> None:
    world = make_world()
    profile = world.config.profile("acme")
    gone = subprocess.Popen([sys.executable, "-c", "pass"])  # noqa: ASYNC220 # starting it takes no time
    gone.wait()
    acme.parent.joinpath("state", "sessions").mkdir(parents=True, mode=0o700)
    file = FileSessions(world.paths.sessions).login_file(profile.key)
    async with opened() as table:
        file.write(LoginRecord(os.getpid(), world.clock(), "https://login.acme.com"))
        await table.shows("◌ login…")
        file.write(LoginRecord(gone.pid, world.clock(), "https://login.acme.com"))
        await table.lacks("◌ login…")


async def test_a_session_that_cannot_be_used(
    opened: Open, acme: Path, make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    assert acme.exists()
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    async with opened((200, 60)) as table:
        await table.shows("● valid")
        file = world.paths.sessions / f"{profile.key}.json"
        file.chmod(0o644)
        await table.shows("× error", "is open to others")
        file.chmod(0o600)
        await table.shows("● valid")


async def test_five_hundred_profiles(opened: Open, make_world: MakeWorld) -> None:
    world = make_world()
    crowd(world.paths, 500, now=world.clock())
    async with opened() as table:
        assert len(table.app.rows) == 500
        await table.shows("500 profiles", "● valid")
        await table.press("G")
        assert table.app.selection.profile == "p499"
        await table.press("slash", *"p250")
        await table.shows("1 with “p250”")
        # Only what is in sight is drawn, however many there are.
        assert len(table.app.home.table._drawn) <= 24


def test_one_change_reads_one_session(make_world: MakeWorld) -> None:
    world = make_world()
    crowd(world.paths, 20, now=world.clock())
    told: list[Finding] = []
    watcher = Watcher(lambda: world, told.append)
    watcher.step()
    assert isinstance(told[0], ConfigRead)
    assert sum(len(found.looked) for found in told if isinstance(found, SessionsRead)) == 20
    told.clear()
    watcher.step()
    assert told == []
    profile = world.config.profile("p7")
    session = world.engine.load(profile)
    assert session is not None
    FileSessions(world.paths.sessions).save(profile.key, session.failed(world.clock(), "failed", "no"))
    watcher.step()
    [found] = told
    assert isinstance(found, SessionsRead)
    assert [row.name for row in found.looked] == ["p7"]


async def test_a_watcher_that_breaks_ends_the_app(opened: Open, acme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert acme.exists()

    def broken(*_arguments: object) -> None:
        raise LookupError

    async def used() -> None:
        async with opened() as table:
            monkeypatch.setattr("togetherctl.tui.watcher._stamps", broken)
            await table.until(lambda: table.app.bug)

    with pytest.raises(LookupError):
        await used()


async def test_kubectl_changes_its_context_and_a_cluster_differs(
    opened: Open, acme: Path, process: Run, home: Path, environ: dict[str, str]
) -> None:
    kubectl = need("kubectl")
    kubeconfig = home / ".kube" / "config"
    await elsewhere(process, "cluster", "add", "west", "--profile", "acme", "--server", "https://west.example")
    await elsewhere(process, "kubeconfig", "write")

    async def switch(context: str) -> None:
        await anyio.to_thread.run_sync(
            lambda: subprocess.run([kubectl, "config", "use-context", context], env=environ, check=True)
        )

    async with opened((200, 60)) as table:
        await table.lacks("kubectl's current context")
        await switch("west")
        await table.shows("*   └ west", "* kubectl's current context")
        await switch("east")
        await table.shows("*   ├ east")
        assert "*   └ west" not in table.screen
        # The configuration changes, the kubeconfig stays: shown with what mends it, also on a narrow terminal.
        text = acme.read_text("utf-8").replace("https://west.example", "https://new.example")
        acme.write_text(text, "utf-8")
        await table.shows("  ! └ west", "the kubeconfig differs", "1 ! differs", "! the kubeconfig differs: server; w")
        await table.resize(80, 24)
        await table.press("G")
        await table.shows("west: the kubeconfig differs: server; w writes it")
        await table.press("w")
        await table.sees("Write this to ~/.kube/config?", "server: https://new.example")
        await table.press("y")
        await table.sees("Wrote west to ~/.kube/config.")
        await table.lacks("differs")
        # Folded away, its mark is on its profile.
        await table.press("z")
        await table.shows("▸*acme")
        kubeconfig.write_text("users: [\n", "utf-8")
        await table.lacks("▸*acme")
        await table.resize(200, 60)
        await table.shows("Kubeconfig", "cannot be read")


def test_the_kubeconfig_is_read_when_it_has_changed(
    make_world: MakeWorld, acme: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    write_clusters(world, portable=True)
    kubeconfig = home / ".kube" / "config"
    told: list[Finding] = []
    read: list[Path] = []
    watcher = Watcher(lambda: world, told.append)

    class Noted(KubeconfigFile):
        @classmethod
        def read(cls, path: Path) -> Noted:
            read.append(path)
            return super().read(path)

    monkeypatch.setattr("togetherctl.usecases.kubeconfig_state.KubeconfigFile", Noted)

    def step() -> list[KubeconfigState]:
        told.clear()
        watcher.step()
        return [found.state for found in told if isinstance(found, KubeconfigRead)]

    [state] = step()
    assert (state.current_cluster, dict(state.drift)) == (None, {})
    assert read == [kubeconfig]
    for _ in range(3):
        assert step() == []
    assert read == [kubeconfig], "a look is not a read"
    write_clusters(world, ["east"], portable=True, set_current=True)
    read.clear()
    assert [state.current_cluster for state in step()] == ["east"]
    assert read == [kubeconfig]
    # Another configuration is held against the same kubeconfig.
    acme.write_text(acme.read_text("utf-8").replace("https://127.0.0.1:6443", "https://new.example"), "utf-8")
    assert [dict(state.drift) for state in step()] == [{"east": ("server",)}]
    kubeconfig.unlink()
    assert [state.missing for state in step()] == [("east",)]


@pytest.mark.usefixtures("acme")
async def test_what_is_found_together_is_drawn_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened() as table:
        await table.shows("· none")
        app, shown = table.app, []
        app.watcher.stop()
        show = app.home.show
        monkeypatch.setattr(app.home, "show", lambda: shown.append(show()))
        for _ in range(5):
            app.post_message(WatcherFound(SessionsRead(())))
        await table.pilot.pause()
        assert len(shown) == 1
        app.post_message(WatcherFound(SessionsRead(())))
        await table.pilot.pause()
        assert len(shown) == 2
