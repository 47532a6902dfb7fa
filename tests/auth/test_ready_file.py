"""When a ready file is written, what it says, and what removes it."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl import fastpath
from togetherctl.auth.cache.ready_file import ReadyFiles
from togetherctl.auth.engine import Credential, Policy
from togetherctl.errors import TogetherctlError
from togetherctl.kube.exec_credential import timestamp

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld, Run
    from tests.support.browser import ScriptedBrowser
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.wiring import World


@pytest.fixture
def old_config(acme: Path, clock: StoppedClock) -> Path:
    os.utime(acme, (clock() - 100,) * 2)
    return acme


def ask(world: World, name: str = "acme") -> Credential:
    return world.engine.credential(world.config.profile(name), Policy(ask=False))


def log_in(world: World, name: str = "acme") -> None:
    world.engine.login(world.config.profile(name), Policy())


def ready(home: Path, name: str = "acme") -> Path:
    return home / "tctl" / "cache" / "ready" / name


def body(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_bytes().partition(b"\n")[2]))


@pytest.mark.usefixtures("old_config")
def test_what_it_says(make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, home: Path) -> None:
    world = make_world(browser=browser)
    log_in(world)
    served = ask(world)
    path = ready(home)
    words = path.read_text().splitlines()[0].split(" ", 8)
    config = world.paths.config.stat()
    profile = world.config.profile("acme")
    assert words == [
        "togetherctl-ready",
        "2",
        "acme",
        f"{clock():.0f}",
        str(int(served.ask_again_at)),
        str(len(path.read_text().splitlines()[1])),
        profile.key,
        f"{config.st_mtime_ns},{config.st_ctime_ns},{config.st_size},{config.st_ino}",
        f"{world.paths.config}/{world.paths.sessions}",
    ]
    assert body(path)["status"]["token"] == served.token.value  # type: ignore[index] # an ExecCredential
    assert path.stat().st_mtime_ns == (world.paths.sessions / f"{profile.key}.json").stat().st_mtime_ns
    [stamp] = path.parent.glob(".config-*")
    assert (stamp.name, stamp.stat().st_mtime_ns) == (f".config-{words[7]}", config.st_mtime_ns)
    assert stamp.stat().st_mode & 0o7777 == 0o600
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700


@pytest.mark.usefixtures("old_config")
def test_it_lives_as_long_as_the_token_is_fresh(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, home: Path, issuer: ScriptedIssuer
) -> None:
    world = make_world(browser=browser)
    log_in(world)
    until = int(ask(make_world()).ask_again_at)

    def good() -> bool:
        return world.ready.is_good("acme", "file", now=clock())

    began, clock.now = clock.now, until - 1.0
    assert good()
    clock.advance(1)
    assert not good()
    clock.now = began + 240
    # Stale, and no refresh may be left behind: nothing is made ready.
    before = ready(home).read_bytes()
    ask(make_world())
    assert ready(home).read_bytes() == before
    # Due, and the issuer is away: for half a minute at a time.
    clock.advance(31)
    issuer.stop()
    late = ask(make_world())
    assert good()
    assert body(ready(home))["status"]["token"] == late.token.value  # type: ignore[index] # as above
    clock.advance(30)
    assert not good()


@pytest.mark.usefixtures("old_config")
def test_a_stale_token_is_ready_for_a_moment_while_it_is_refreshed(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, home: Path, issuer: ScriptedIssuer
) -> None:
    issuer.lifetime = 1000
    log_in(make_world(browser=browser))
    clock.advance(850)
    there: list[bytes] = []
    world = make_world(behind=lambda _profile, _lock: there.append(ready(home).read_bytes()))
    profile = world.config.profile("acme")

    def until() -> float:
        return float(ready(home).read_text().split(" ")[4])

    ready(home).unlink()
    stale = world.engine.credential(profile, Policy(ask=False, behind=True))
    # Before the refresh begins, which puts its own in its place.
    assert there == [ready(home).read_bytes()]
    assert (until(), world.ready.is_good("acme", "file", now=clock())) == (clock() + 30, True)
    # The client is told when a refresh is due, not when the next call looks again.
    assert body(ready(home))["status"] == {
        "token": stale.token.value,
        "expirationTimestamp": timestamp(stale.token.due_at(profile.margin)),
    }
    clock.advance(30)
    assert not world.ready.is_good("acme", "file", now=clock())

    # Never until a refresh would be waited for.
    clock.advance(50)
    world.engine.credential(profile, Policy(ask=False, behind=True))
    assert (until(), len(there)) == (stale.token.due_at(profile.margin), 2)

    renewed = world.engine.refresh(profile)
    assert renewed.id_token is not None
    assert body(ready(home))["status"]["token"] == renewed.id_token.value  # type: ignore[index] # as above
    world.engine.logout(profile, local=True)
    assert not ready(home).exists()


def test_none_is_written_while_the_config_is_young(
    make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    os.utime(acme, (clock() - 1.9,) * 2)
    log_in(make_world(browser=browser))
    ask(make_world())
    assert not ready(home).exists()
    clock.advance(1)
    ask(make_world())
    assert ready(home).exists()


@pytest.mark.usefixtures("old_config")
def test_none_is_written_of_a_config_that_changed_since_it_was_read(
    make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    world = make_world(browser=browser)
    assert world.config.mtime_ns
    os.utime(acme, (clock() - 50,) * 2)
    log_in(world)
    ask(world)
    assert not ready(home).exists()


@pytest.mark.usefixtures("old_config")
def test_none_is_written_for_a_config_that_the_environment_names(
    make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, home: Path
) -> None:
    world = make_world(browser=browser, TOGETHERCTL_CONFIG=str(acme))
    log_in(world)
    ask(world)
    assert not ready(home).exists()


@pytest.mark.parametrize("spoil", ["open", "foreign", "symlink", "file", "open above"])
@pytest.mark.usefixtures("old_config")
def test_none_is_written_where_others_could_look(
    spoil: str, make_world: MakeWorld, browser: ScriptedBrowser, home: Path
) -> None:
    folder = ready(home).parent
    folder.parent.mkdir(mode=0o700)
    if spoil == "symlink":
        (home / "tctl" / "state" / "elsewhere").mkdir(mode=0o700, parents=True)
        folder.symlink_to(home / "tctl" / "state" / "elsewhere")
    elif spoil == "file":
        folder.write_text("")
    else:
        folder.mkdir(mode=0o755 if spoil == "open" else 0o700)
    if spoil == "open above":
        folder.parent.chmod(0o750)
    if spoil == "foreign":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        os.chown(folder, 12345, -1)
    log_in(make_world(browser=browser))
    ask(make_world())
    assert not ready(home).exists()


def test_what_the_keyring_seals_is_ready_in_memory_only(
    make_world: MakeWorld, old_config: Path, clock: StoppedClock, tmp_path: Path
) -> None:
    assert old_config.exists()
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    for storage, with_runtime, where in (
        ("keyring", {"XDG_RUNTIME_DIR": str(runtime)}, runtime / "togetherctl" / "ready" / "acme"),
        ("keyring", {}, None),
        ("memory", {"XDG_RUNTIME_DIR": str(runtime)}, None),
    ):
        world = make_world(**with_runtime)
        files = ReadyFiles(world.paths, world.config.status)
        until = clock() + 60
        world.paths.sessions.mkdir(parents=True, exist_ok=True)
        (world.paths.sessions / f"{'k' * 64}.json").touch()
        files.write("acme", "k" * 64, storage, token="opaque", ask_again_at=until, until=until, now=clock())  # type: ignore[arg-type] # its word
        written = [path for path in tmp_path.rglob("acme") if "ready" in path.parts]
        assert written == ([where] if where else [])
        files.drop("k" * 64)
        assert not [path for path in tmp_path.rglob("acme") if "ready" in path.parts]


def test_a_changed_session_removes_it_for_all_who_share(
    make_world: MakeWorld,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    home: Path,
) -> None:
    path = config_at(issuer)
    shared = f'[profiles.twin]\nissuer = "acme"\nclient_id = "{issuer.client_id}"\ntoken = "access"\n'
    other = f'[profiles.other]\nissuer = "acme"\nclient_id = "{issuer.client_id}"\nscopes = ["groups"]\n'
    path.write_text(f'{path.read_text()}\n{shared}{other}redirect_uris = ["http://localhost:0"]\n')
    os.utime(path, (clock() - 100,) * 2)
    world = make_world(browser=browser)
    log_in(world)
    log_in(world, "other")
    first, twin = ask(world), ask(world, "twin")
    assert first.token.value != twin.token.value
    assert all(ready(home, name).exists() for name in ("acme", "twin", "other"))
    world.engine.refresh(world.config.profile("acme"))
    assert [ready(home, name).exists() for name in ("acme", "twin", "other")] == [True, False, True]
    assert first.token.value not in ready(home).read_text()
    ask(world, "twin")
    world.engine.logout(world.config.profile("acme"), local=True)
    assert [ready(home, name).exists() for name in ("acme", "twin", "other")] == [False, False, True]


@pytest.mark.parametrize(
    "command",
    [
        ["profile", "set", "acme", "login=never"],
        ["profile", "set", "acme", "token=access"],
        ["profile", "add", "more", "--issuer", "acme", "--client-id", "x", "--offline"],
        ["issuer", "set", "acme", "client_auth=post"],
        ["cluster", "remove", "east", "--yes"],
        ["config", "set", "default_profile=acme"],
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("old_config")
def test_a_changed_config_removes_all(
    command: list[str], make_world: MakeWorld, browser: ScriptedBrowser, home: Path, cli: Run
) -> None:
    log_in(make_world(browser=browser))
    assert ready(home).exists()
    done = cli(*command)
    assert done.code == 0, done.stderr
    assert not ready(home).exists()


@pytest.mark.usefixtures("old_config")
def test_a_reader_that_comes_late_leaves_nothing(
    make_world: MakeWorld, browser: ScriptedBrowser, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read the session, then somebody logs out, then it wants to leave a ready file."""
    from togetherctl.auth import engine

    log_in(make_world(browser=browser))
    ready(home).unlink()
    real = engine.Engine._prepare_next_call

    def after_a_logout(self: engine.Engine, *arguments: object) -> None:
        world = make_world()
        world.engine.logout(world.config.profile("acme"), local=True)
        real(self, *arguments)  # type: ignore[arg-type] # what it was called with

    monkeypatch.setattr(engine.Engine, "_prepare_next_call", after_a_logout)
    ask(make_world())
    assert not ready(home).exists()


@pytest.mark.usefixtures("old_config")
def test_after_a_logout_nobody_serves_the_old_token(
    make_world: MakeWorld, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    """Writers of ready files race with it, many rounds."""
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    sessions = world.sessions(profile)
    session, _ = world.engine.login(profile, Policy())
    path = ready(home)
    stop = threading.Event()
    served = [0, 0, 0]

    def write_again_and_again(number: int) -> None:
        writer = make_world()
        while not stop.is_set():
            path.unlink(missing_ok=True)
            try:
                ask(writer)
                served[number] += 1
            except TogetherctlError:
                pass

    def is_served() -> bool:
        try:
            return bool(
                fastpath.credential(
                    str(path),
                    profile="acme",
                    config=str(world.paths.config),
                    sessions=str(world.paths.sessions),
                    now=clock(),
                )
            )
        except OSError:
            return False

    writers = [threading.Thread(target=write_again_and_again, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(40):
            sessions.save(profile.key, session)
            before = sum(served)
            while sum(served) < before + 4:
                assert all(writer.is_alive() for writer in writers)
                time.sleep(0.001)
            world.engine.logout(profile, local=True)
            assert not any(is_served() for _ in range(20))
    finally:
        stop.set()
        for writer in writers:
            writer.join(10)
    assert not path.exists()


def test_none_is_written_where_every_file_has_one_mtime(
    make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, home: Path
) -> None:
    """As in images that are built reproducibly: another configuration would look the same."""
    os.utime(acme, (1, 1))
    log_in(make_world(browser=browser))
    ask(make_world())
    assert not ready(home).exists()


def exchange(config: Path, old: str, new: str) -> None:
    """Another text of the same length and time, in the same file, as an editor of its own may leave it."""
    status = config.stat()
    text = config.read_text()
    assert old in text
    with config.open("r+") as file:
        file.write(text.replace(old, new))
    os.utime(config, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.usefixtures("old_config")
def test_another_configuration_of_the_same_time_is_another(
    make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    world = make_world(browser=browser)
    log_in(world)
    [stamp] = ready(home).parent.glob(".config-*")
    of_another = stamp.with_name(".config-1,2,3,4")
    of_another.write_text("/another/config.toml")
    assert world.ready.is_good("acme", "file", now=clock())
    exchange(acme, "the-client", "eht-client")
    assert not world.ready.is_good("acme", "file", now=clock())
    assert stamp.exists()
    # The shim, which cannot see that, serves it until the configuration is read.
    assert make_world().profile("acme").client_id == "eht-client"
    assert not stamp.exists()
    assert of_another.exists(), "the configuration of another home, which has the same cache"


@pytest.mark.parametrize("linked", ["file", "folder"])
@pytest.mark.usefixtures("old_config")
def test_behind_a_link_only_python_serves(
    linked: str, make_world: MakeWorld, acme: Path, browser: ScriptedBrowser, clock: StoppedClock, home: Path
) -> None:
    """What it leads to may be exchanged for another file of the same time."""
    link = acme if linked == "file" else acme.parent
    (home / "secrets").mkdir()
    link.rename(home / "secrets" / "elsewhere")
    link.symlink_to(home / "secrets" / "elsewhere")
    world = make_world(browser=browser)
    log_in(world)
    assert world.ready.is_good("acme", "file", now=clock())
    assert not [*ready(home).parent.glob(".config-*")]


@pytest.mark.parametrize("other", ["XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"])
@pytest.mark.usefixtures("old_config")
def test_what_another_folder_has_ready_is_not_served(
    other: str, make_world: MakeWorld, clock: StoppedClock, home: Path, tmp_path: Path
) -> None:
    """A session that was replaced where its ready file was not seen."""
    storage = "keyring" if other == "XDG_RUNTIME_DIR" else "file"
    folders = {
        "TOGETHERCTL_HOME": "",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    for folder in (tmp_path / "run", tmp_path / "other", tmp_path / "config" / "togetherctl"):
        folder.mkdir(mode=0o700, parents=True)
    config = tmp_path / "config" / "togetherctl" / "config.toml"
    config.write_bytes((home / "tctl" / "config.toml").read_bytes())
    os.utime(config, (clock() - 100,) * 2)
    world, second = make_world(**folders), make_world(**folders | {other: str(tmp_path / "other")})
    key = world.config.profile("acme").key
    for each, age in ((world, 50), (second, 10)):
        session = each.paths.sessions / f"{key}.json"
        session.parent.mkdir(parents=True, exist_ok=True)
        session.write_text("{}")
        os.utime(session, (clock() - age,) * 2)
        if each is world:
            until = clock() + 60
            each.ready.write("acme", key, storage, token="al", ask_again_at=until, until=until, now=clock())  # type: ignore[arg-type] # its word
            assert each.ready.is_good("acme", storage, now=clock())  # type: ignore[arg-type] # its word
    assert not second.ready.is_good("acme", storage, now=clock())  # type: ignore[arg-type] # its word
    if other != "XDG_STATE_HOME":
        assert not world.ready.is_good("acme", storage, now=clock()), "after another login"  # type: ignore[arg-type] # its word
