"""`clean` over a corpus of files: what goes, what stays, and what is said."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from keyring.backends.fail import Keyring as NoKeyring

from tests.support.keyrings import InMemory
from togetherctl.kubelogin import PLUGIN
from togetherctl.lock import hold_lock

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, Run, UseKeyring
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.issuer import ScriptedIssuer


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(autouse=True)
def _no_keyring(use_keyring: UseKeyring) -> None:
    use_keyring(NoKeyring())


@pytest.fixture
def logged_in(acme: Path, cli_in: CliIn, clock: StoppedClock, browser: ScriptedBrowser) -> Run:
    """The command line where `acme` is logged in."""
    cli = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    os.utime(acme, (clock.now - 60, clock.now - 60))
    assert cli("login").code == 0
    return cli


@pytest.fixture
def plugin(cli_in: CliIn) -> Run:
    return cli_in(program=PLUGIN)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_our_own_files(home: Path, logged_in: Run) -> None:
    state = home / "tctl" / "state"
    key = next((state / "sessions").glob("*.json")).stem
    for name in (f"{key}.json.bad", f"{key}.login", f".{key}.json.7.ab.tmp", f"{digest('gone')}.json.bad"):
        (state / "sessions" / name).write_text("{}")
    for name in ("keep.txt", f"{key}.json.orig", "abc.json"):
        (state / "sessions" / name).write_text("somebody's")
    (home / "tctl" / "cache" / "ready" / "other").write_text("no credential")
    assert logged_in("get-token", "--profile", "acme").code == 0
    before = everything(home)
    assert {"tctl/cache/ready/acme", "tctl/cache/profiles/acme"} <= set(before)

    dry = logged_in("clean", "--dry-run")
    assert (dry.code, everything(home)) == (0, before)
    done = logged_in("clean")
    assert (done.code, done.stdout) == (0, "")
    after = everything(home)
    gone = set(before) - set(after)
    discovery = {name for name in before if name.startswith("tctl/cache/discovery/")}
    [stamp] = (name for name in before if name.startswith("tctl/cache/ready/.config-"))
    assert gone == {
        "tctl/cache/ready/acme",
        stamp,
        "tctl/cache/profiles/acme",
        f"tctl/state/sessions/{key}.json",
        f"tctl/state/sessions/{key}.json.bad",
        f"tctl/state/sessions/{key}.login",
        f"tctl/state/sessions/.{key}.json.7.ab.tmp",
        f"tctl/state/sessions/{digest('gone')}.json.bad",
        *discovery,
    }
    assert discovery
    assert {name: before[name] for name in before if name not in gone} == {
        name: after[name] for name in after if name in before
    }
    assert f"tctl/state/sessions/{key}.lock" in after
    for name in gone:
        assert f"Would delete ~/{name}: " in dry.stderr
        assert f"Deleted ~/{name}: " in done.stderr
    assert "The issuers were not told" in done.stderr
    assert "There was nothing to delete." in logged_in("clean").stderr
    assert logged_in("status").stdout.split()[-4:] == ["-", "none", "-", "east"]


TOKENS = '{"id_token":"eyJ.eyJ.sig","refresh_token":"r"}'
# The content of each, and whether it goes.
CORPUS = {
    digest("a"): (TOKENS, True),
    f"{digest('a')}.lock": ("", True),
    digest("b"): ('{"id_token":"eyJ.eyJ.sig"}', True),
    digest("c"): ('{"id_token":"x","other":1}', False),
    digest("d"): ("[]", False),
    digest("e"): ("{", False),
    digest("f"): ("", False),
    digest("g"): ('{"id_token":7}', False),
    digest("h").upper(): (TOKENS, False),
    digest("i")[:63]: (TOKENS, False),
    f"{digest('j')}.json": (TOKENS, False),
    f"{digest('k')}.json": ('{"version":99}', False),
    f"{digest('l')}.lock": ("", False),
    f"{digest('m')}.lock.bak": ("", False),
    "config": ("apiVersion: v1", False),
    "id_rsa": ("a key", False),
    f"{digest('n')}.json.bad": ("anything", True),
}


@pytest.fixture
def cache(home: Path) -> Path:
    """A folder of kubelogin's with much else in it."""
    folder = home / ".kube" / "cache" / "oidc-login"
    folder.mkdir(parents=True)
    for name, (content, _) in CORPUS.items():
        (folder / name).write_text(content)
    (folder / digest("folder")).mkdir()
    (folder / digest("folder") / digest("a")).write_text(TOKENS)
    (home / "elsewhere").write_text(TOKENS)
    (folder / digest("link")).symlink_to(home / "elsewhere")
    return folder


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


STAYS = {name for name, (_, goes) in CORPUS.items() if not goes} | {digest("folder"), digest("link")}


@pytest.mark.parametrize("how", ["default", "flag", "flag with ~", "variable"])
def test_kubelogins_files_by_their_form(how: str, cache: Path, home: Path, plugin: Run) -> None:
    arguments = {
        "flag": ["--token-cache-dir", str(cache)],
        "flag with ~": ["--token-cache-dir=~/.kube/cache/oidc-login"],
    }.get(how, [])
    changes = {"KUBECACHEDIR": str(cache.parent)} if how == "variable" else {}
    before = everything(home)
    dry = plugin("clean", "--dry-run", *arguments, **changes)
    assert (everything(home), dry.code) == (before, 6)
    done = plugin("clean", *arguments, **changes)
    # One bears a session that only a newer togetherctl understands.
    assert done.code == 6, done.stderr
    assert kept(cache) == STAYS
    assert (home / "elsewhere").read_text() == TOKENS
    assert (cache / digest("folder") / digest("a")).read_text() == TOKENS
    for name in STAYS - {digest("folder"), f"{digest('l')}.lock"}:
        assert f"Left ~/.kube/cache/oidc-login/{name}: " in done.stderr, name
    assert "newer togetherctl" in done.stderr


def test_togetherctl_leaves_kubelogins_folder_alone_unless_it_is_named(cache: Path, home: Path, cli: Run) -> None:
    before = everything(home)
    assert cli("clean").code == 0
    assert everything(home) == before
    cli("clean", "--token-cache-dir", str(cache))
    assert kept(cache) == STAYS


def test_a_folder_that_is_not_there_is_not_made(home: Path, plugin: Run) -> None:
    done = plugin("clean", "--token-cache-dir", str(home / "nowhere"))
    assert (done.code, list(home.iterdir())) == (0, []), done.stderr


def test_what_another_process_is_busy_with_stays(cache: Path, plugin: Run) -> None:
    (cache / f"{digest('k')}.json").unlink()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print(1, flush=True); sys.stdin.read()",
            str(cache / f"{digest('a')}.lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        done = plugin("clean")
        holder.stdin.close()
    assert done.code == 6
    assert f"{digest('a')}: kubelogin is busy with it" in done.stderr
    assert {digest("a"), f"{digest('a')}.lock"} <= kept(cache)
    assert digest("b") not in kept(cache)
    assert plugin("clean").code == 0
    assert digest("a") not in kept(cache)


def test_a_login_under_way_keeps_its_lock_and_its_record(home: Path, logged_in: Run, clock: StoppedClock) -> None:
    folder = home / "tctl" / "state" / "sessions"
    key = next(folder.glob("*.json")).stem
    record = {"version": 1, "owner": os.getpid(), "opened_at": clock.now, "address": "https://x"}
    record |= {"second_chance": False, "failures": 0, "failed_at": None, "until": 0, "code": "", "message": ""}
    (folder / f"{key}.login").write_text(json.dumps(record))
    (folder / f"{key}.login").chmod(0o600)
    with hold_lock(folder / f"{key}.lock", seconds=0):
        done = logged_in("clean")
    assert done.code == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == {f"{key}.lock", f"{key}.login"}


def test_what_a_refresh_leaves_that_was_waited_for_goes_too(home: Path, logged_in: Run) -> None:
    [session] = (home / "tctl" / "state" / "sessions").glob("*.json")
    ready = home / "tctl" / "cache" / "ready" / "acme"
    assert logged_in("get-token", "--profile", "acme").code == 0
    finished = ready.read_bytes()
    held, gone = threading.Event(), threading.Event()

    def refresh() -> None:
        with hold_lock(session.with_suffix(".lock"), seconds=5):
            held.set()
            for _ in range(1000):
                if not ready.exists():
                    gone.set()
                    break
                time.sleep(0.01)
            ready.write_bytes(finished)

    thread = threading.Thread(target=refresh)
    thread.start()
    assert held.wait(10)
    done = logged_in("clean")
    thread.join()
    assert gone.is_set(), "it deletes what is ready before it waits"
    assert (done.code, [*ready.parent.iterdir()], session.exists()) == (0, [], False)


def test_a_folder_that_cannot_be_changed_is_said(home: Path, logged_in: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    session = next((home / "tctl" / "state" / "sessions").glob("*.json"))
    unlink = type(session).unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path == session:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(type(session), "unlink", refuse)
    done = logged_in("clean")
    assert (done.code, session.exists()) == (6, True)
    assert "cannot be deleted: Permission denied" in done.stderr


@pytest.fixture
def sealed(
    use_keyring: UseKeyring,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    cli_in: CliIn,
    clock: StoppedClock,
    browser: ScriptedBrowser,
    canary: Canary,
) -> tuple[Run, InMemory]:
    """A command line with a sealed session, and its keyring, which holds another program's secret too."""
    backend = InMemory()
    backend.set_password("kubelogin", "kubelogin/tokencache/x", canary.watch("another's secret", "not ours to delete"))
    backend.set_password("togetherctl", "client-secret", canary.watch("a client secret", "not a token either"))
    use_keyring(backend)
    config_at(issuer, profile_keys='storage = "keyring"')
    cli = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    assert cli("login").code == 0
    assert backend.get_password("togetherctl", "session-key")
    return cli, backend


def test_the_key_goes_with_the_last_session_it_seals(sealed: tuple[Run, InMemory]) -> None:
    cli, keyring = sealed
    cli("clean", "--dry-run")
    assert keyring.get_password("togetherctl", "session-key")
    done = cli("clean")
    assert (done.code, "Deleted the key that sealed sessions" in done.stderr) == (0, True)
    assert keyring.get_password("togetherctl", "session-key") is None
    assert keyring.get_password("kubelogin", "kubelogin/tokencache/x")
    assert keyring.get_password("togetherctl", "client-secret")
    assert cli("login").code == 0


def test_the_key_stays_where_another_folder_needs_it(sealed: tuple[Run, InMemory], home: Path) -> None:
    cli, keyring = sealed
    session = next((home / "tctl" / "state" / "sessions").glob("*.json"))
    other = home / ".local" / "state" / "togetherctl" / "sessions"
    other.mkdir(parents=True)
    (other / session.name).write_bytes(session.read_bytes())
    done = cli("clean")
    assert done.code == 0
    assert "stays in the keyring: sessions in ~/.local/state/togetherctl/sessions need it" in done.stderr
    assert keyring.get_password("togetherctl", "session-key")


def test_an_unusable_keyring_is_said_and_no_failure(logged_in: Run) -> None:
    done = logged_in("clean")
    assert (done.code, "this machine has none that works here" in done.stderr) == (0, True)


def test_sessions_of_flags_go_with_their_folder(
    home: Path, cli_in: CliIn, clock: StoppedClock, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    plugin = cli_in(program=PLUGIN, clock=clock, sleep=clock.sleep, open_browser=browser)
    # Only `state` may hold tokens in a test.
    folder = home / "state"
    flags = [f"--oidc-issuer-url={issuer.url}", "--oidc-client-id=the-client", f"--token-cache-dir={folder}"]
    assert plugin("get-token", *flags, "--listen-address=127.0.0.1:0").code == 0
    assert len(list(folder.glob("*.json"))) == 1
    done = plugin("clean", f"--token-cache-dir={folder}")
    assert done.code == 0, done.stderr
    assert [path.suffix for path in folder.iterdir()] == [".lock"]


def test_all_leaves_nothing_but_the_configuration_and_what_is_not_ours(
    home: Path, logged_in: Run, acme: Path, use_keyring: UseKeyring
) -> None:
    ring = InMemory()
    use_keyring(ring)
    assert logged_in("kubeconfig", "write", KUBECONFIG=str(home / "kubeconfig")).code == 0
    acme.write_text(
        acme.read_text()
        + '[profiles.robot]\nissuer = "acme"\nclient_id = "robot"\nclient_secret = { keyring = true }\n'
    )
    ring.set_password("togetherctl", f"client-secret robot at {issuer_of(acme)}", "kept")
    ring.set_password("togetherctl", "session-key", "kept")
    ring.set_password("another program", "its secret", "kept")
    state = home / "tctl" / "state"
    (state / "bundles").mkdir(exist_ok=True)
    (state / "bundles" / f"{digest('team')}.toml").write_text("")
    (state / "taken.json").write_text("{}")
    (state / "contexts.json").write_text("{}")
    for mark in ("forced.json", "forced.lock"):
        (state / mark).write_text("")
    kubeconfig = (home / "kubeconfig").read_bytes()
    before = everything(home)

    dry = logged_in("clean", "--all", "--dry-run", KUBECONFIG=str(home / "kubeconfig"))
    assert (dry.code, everything(home)) == (0, before)
    refused = logged_in("clean", "--all", KUBECONFIG=str(home / "kubeconfig"))
    assert (refused.code, everything(home)) == (2, before), "nobody can be asked"

    done = logged_in("clean", "--all", "--yes", KUBECONFIG=str(home / "kubeconfig"))
    assert done.code == 0, done.stderr
    assert "togetherctl kubeconfig remove --all" in done.stderr
    assert {path.name for path in home.rglob("*")} == {"tctl", "config.toml", "kubeconfig"}
    assert (home / "kubeconfig").read_bytes() == kubeconfig
    assert ring.kept == {("another program", "its secret"): "kept"}

    again = logged_in("clean", "--all", "--yes", KUBECONFIG=str(home / "kubeconfig"))
    assert again.code == 0


def test_all_leaves_what_it_does_not_know_and_what_another_process_holds(home: Path, logged_in: Run) -> None:
    state = home / "tctl" / "state"
    (state / "notes.txt").write_text("somebody's")
    with hold_lock(state / "store.lock", seconds=0.0):
        done = logged_in("clean", "--all", "--yes")
    assert done.code == 0
    assert {path.name for path in state.rglob("*")} == {"notes.txt", "store.lock"}
    assert "notes.txt" in done.stderr
    assert "store.lock" in done.stderr


def test_all_deletes_every_version_that_the_single_file_unpacked(home: Path, logged_in: Run) -> None:
    unpacked = home / ".cache" / "togetherctl-single-file"
    for made in ("venvs/4/older/pyvenv.cfg", "venvs/4/newer/pyvenv.cfg", "access.lck"):
        (unpacked / made).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / made).touch()
    logged_in("clean")
    dry = logged_in("clean", "--all", "--dry-run")
    assert f"Would delete ~{os.sep}.cache/togetherctl-single-file: what the single file unpacked" in dry.stderr
    assert (unpacked / "access.lck").exists()
    done = logged_in("clean", "--all", "--yes")
    assert "Deleted ~/.cache/togetherctl-single-file: what the single file unpacked" in done.stderr
    assert list((home / ".cache").iterdir()) == []


def test_all_leaves_what_a_link_in_the_single_files_place_leads_to(home: Path, logged_in: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis").touch()
    (home / ".cache").mkdir()
    (home / ".cache" / "togetherctl-single-file").symlink_to(mine)
    assert logged_in("clean", "--all", "--yes").code == 0
    assert (mine / "thesis").exists()


def issuer_of(config: Path) -> str:
    return str(tomllib.loads(config.read_text())["issuers"]["acme"]["url"])
