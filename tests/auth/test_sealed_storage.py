"""Sessions sealed with a key from the keyring: nothing to read without it, nothing to swap, no tokens lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from keyring.backends import fail, null

from tests.support.keyrings import InMemory, ReadOnly, Refusing, Silent, locked, unopened
from togetherctl.auth.cache import record, sealing_key
from togetherctl.auth.cache.base import Unopenable
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.sealed import Sealed
from togetherctl.auth.cache.sealing_key import NAME, SealingKey
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token
from togetherctl.config.profile_hints import ProfileHints
from togetherctl.errors import StorageError
from togetherctl.keyring_secrets import SERVICE
from togetherctl.lock import hold_lock as lock_held

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from tests.conftest import CliIn, MakeConfig, MakeWorld, Run, UseKeyring
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer

KEY, OTHER_KEY = "a" * 64, "b" * 64
SECRETS = ("id-token-value", "access-token-value", "refresh-token-value")
SESSION = Session(
    issuer="https://login.example.com",
    client_id="x",
    subject="user-1",
    identity="me@acme.com",
    id_token=Token(SECRETS[0], 1000.0, 1300.0),
    access_token=Token(SECRETS[1], 1000.0, 1300.0),
    refresh_token=SECRETS[2],
    scope="openid email",
)


@pytest.fixture
def backend(use_keyring: UseKeyring) -> InMemory:
    """A keyring that works."""
    made = InMemory()
    use_keyring(made)
    return made


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "deep" / "state" / "sessions"


@pytest.fixture
def sealed(folder: Path) -> Callable[..., FileSessions]:
    """The sessions as a new process would find them."""

    def make(**parts: object) -> FileSessions:
        key = SealingKey(folder.parent / "keyring.lock", **{"seconds": 5, **parts})  # type: ignore[arg-type] # a test's own parts
        return FileSessions(folder, Sealed(key, ProfileHints("acme")))

    return make


def test_a_session_survives_and_nothing_of_it_can_be_read(
    sealed: Callable[..., FileSessions], backend: InMemory, folder: Path, canary: Canary
) -> None:
    for secret in SECRETS:
        canary.watch("a token", secret)
    assert sealed().load(KEY) is None
    assert not backend.asked  # nothing to open, nothing to ask
    sealed().save(KEY, SESSION)
    assert sealed().load(KEY) == SESSION

    path = folder / f"{KEY}.json"
    data = path.read_bytes()
    for clear in (*SECRETS, "me@acme.com", "user-1", "login.example.com"):
        assert clear.encode() not in data
        assert clear.encode() not in b64decode(json.loads(data)["sealed"])
    assert set(json.loads(data)) == {"version", "sealed", "key"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700

    # One small item, which nothing shows.
    [(name, text)] = backend.kept.items()
    assert name == (SERVICE, NAME) == ("togetherctl", "session-key")
    canary.watch("the sealing key", text.removeprefix("1:"))
    key = SealingKey(folder.parent / "keyring.lock", seconds=5)
    assert key.make() is not None
    assert text not in repr(key)
    assert repr(key.read()) not in repr(vars(Sealed(key, ProfileHints("acme"))))
    assert text.removeprefix("1:").encode() not in data

    assert sealed().delete(KEY)
    assert not sealed().delete(KEY)


def test_no_two_writes_are_alike(sealed: Callable[..., FileSessions], backend: InMemory, folder: Path) -> None:
    sessions = sealed()
    written = set()
    for _ in range(5):
        sessions.save(KEY, SESSION)
        written.add(json.loads((folder / f"{KEY}.json").read_bytes())["sealed"][:16])
    assert len(written) == 5
    assert backend.asked["set"] == 1


def test_many_sessions_are_one_question(sealed: Callable[..., FileSessions], backend: InMemory) -> None:
    keys = [f"{number:064x}" for number in range(20)]
    for key in keys:
        sealed().save(key, SESSION)
    backend.asked.clear()
    sessions = sealed()
    assert [sessions.load(key) for key in keys] == [SESSION] * 20
    assert backend.asked == {"get": 1}


def flipped(text: str) -> str:
    raw = bytearray(b64decode(text))
    raw[-1] ^= 1
    return b64encode(bytes(raw)).decode()


TAMPERED: dict[str, Callable[[dict[str, object]], object]] = {
    "one bit": lambda fields: {**fields, "sealed": flipped(str(fields["sealed"]))},
    "cut short": lambda fields: {**fields, "sealed": str(fields["sealed"])[:40]},
    "shorter than a nonce": lambda fields: {**fields, "sealed": "AAAA"},
    "nothing sealed": lambda fields: {**fields, "sealed": ""},
    "not base64": lambda fields: {**fields, "sealed": "!!"},
    "not text": lambda fields: {**fields, "sealed": 7},
    "no key named": lambda fields: {name: fields[name] for name in ("version", "sealed")},
    "a list": lambda fields: [fields],
    "an odd version": lambda fields: {**fields, "version": "1"},
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_what_was_tampered_with_counts_as_none_and_is_set_aside(
    tamper: Callable[[dict[str, object]], object],
    sealed: Callable[..., FileSessions],
    backend: InMemory,
    folder: Path,
) -> None:
    sealed().save(KEY, SESSION)
    path = folder / f"{KEY}.json"
    spoiled = json.dumps(tamper(json.loads(path.read_bytes()))).encode()
    path.write_bytes(spoiled)
    assert sealed().load(KEY) is None
    assert path.read_bytes() == spoiled
    aside = sealed().set_aside(KEY)
    assert aside is not None
    assert aside.read_bytes() == spoiled
    assert backend.asked["set"] == 1


def test_a_file_cannot_stand_in_for_another(
    sealed: Callable[..., FileSessions], backend: InMemory, folder: Path
) -> None:
    sealed().save(KEY, SESSION)
    sealed().save(OTHER_KEY, replace(SESSION, identity="you@acme.com"))
    one, other = folder / f"{KEY}.json", folder / f"{OTHER_KEY}.json"
    one.write_bytes(other.read_bytes())
    assert sealed().load(KEY) is None
    assert sealed().load(OTHER_KEY) is not None
    assert backend.kept


def test_a_newer_form_is_left_alone(sealed: Callable[..., FileSessions], backend: InMemory, folder: Path) -> None:
    sealed().save(KEY, SESSION)
    path = folder / f"{KEY}.json"
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 2'))
    newer = path.read_bytes()
    for attempt in (lambda: sealed().load(KEY), lambda: sealed().delete(KEY)):
        with pytest.raises(StorageError, match="written by a newer togetherctl; it is left alone"):
            attempt()
    assert sealed().set_aside(KEY) is None
    assert path.read_bytes() == newer
    assert backend.kept


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (lambda kept: kept.clear(), "is sealed with a key that the keyring does not hold any more"),
        (
            lambda kept: kept.update({(SERVICE, NAME): "1:" + b64encode(bytes(32)).decode()}),
            "is sealed with a key that the keyring does not hold; it holds another one",
        ),
    ],
    ids=["lost", "changed"],
)
def test_a_key_that_is_gone_is_said_and_the_file_stays(
    lose: Callable[[dict[tuple[str, str], str]], None],
    said: str,
    sealed: Callable[..., FileSessions],
    backend: InMemory,
    folder: Path,
) -> None:
    sealed().save(KEY, SESSION)
    path = folder / f"{KEY}.json"
    data = path.read_bytes()
    lose(backend.kept)
    with pytest.raises(Unopenable, match=said) as error:
        sealed().load(KEY)
    assert str(error.value.remedy) == "togetherctl login acme"
    assert path.read_bytes() == data
    # A login puts it aside, since the key may come back, and makes a new key where there is none.
    aside = sealed().set_aside(KEY)
    assert aside is not None
    assert aside.read_bytes() == data
    assert backend.kept
    sealed().save(KEY, SESSION)
    assert sealed().load(KEY) == SESSION


@pytest.mark.parametrize("entry", ["", "1:", "2:" + "A" * 44, "1:" + "A" * 40, "1:!", "hello"])
def test_an_entry_that_is_no_key_is_never_overwritten(
    entry: str, sealed: Callable[..., FileSessions], backend: InMemory
) -> None:
    backend.kept[SERVICE, NAME] = entry
    with pytest.raises(StorageError, match="under session-key is not the key that seals sessions") as error:
        sealed().set_aside(KEY)
    assert "keyring del togetherctl session-key" in str(error.value.remedy)
    assert backend.kept == {(SERVICE, NAME): entry}


REFUSALS: dict[str, tuple[Callable[[], KeyringBackend], str, str]] = {
    "none": (fail.Keyring, "this machine has none that works here", "togetherctl profile set acme storage=file"),
    "locked": (locked, "the keyring: it is locked", "unlock the keyring and try again; or do without"),
    "unopened": (unopened, "the keyring: it cannot be opened", "unlock the keyring and try again; or do without"),
    "forgets": (null.Keyring, "the keyring forgets what it is told", "togetherctl profile set acme storage=file"),
    "refuses": (ReadOnly, "cannot write to the keyring: it refuses", "togetherctl profile set acme storage=file"),
    "odd": (lambda: Refusing(RuntimeError("odd")), "the keyring: RuntimeError", "profile set acme storage=file"),
    "exits": (lambda: Refusing(SystemExit(9)), "the keyring: SystemExit", "profile set acme storage=file"),
}


@pytest.mark.parametrize(("make", "said", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_a_keyring_that_refuses_is_said_before_anybody_logs_in(
    make: Callable[[], KeyringBackend],
    said: str,
    hint: str,
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    cli_in: CliIn,
    use_keyring: UseKeyring,
    home: Path,
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    use_keyring(make())
    cli = cli_in(open_browser=browser)
    for command in (("login",), ("get-token", "--profile", "acme")):
        done = cli(*command)
        assert (done.code, done.stdout) == (6, ""), done.stderr
        assert f"profile acme at {issuer.url}: " in done.stderr
        assert said in done.stderr
        assert hint in done.stderr
        assert "Traceback" not in done.stderr
    assert browser.opened == []
    assert issuer.counts["/token"] == 0
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json*"))


def test_a_keyring_that_does_not_answer_is_given_up(
    sealed: Callable[..., FileSessions], use_keyring: UseKeyring
) -> None:
    use_keyring(Silent())
    told: list[int] = []
    with pytest.raises(StorageError, match=r"has not answered within 0 s") as error:
        sealed(seconds=0.2, waiting=lambda: told.append(1)).set_aside(KEY)
    assert told == [1]
    assert "it may be waiting to be unlocked" in str(error.value.remedy)


def test_waiting_for_a_keyring_can_be_cancelled(
    config_at: MakeConfig, issuer: ScriptedIssuer, environ: dict[str, str]
) -> None:
    """And the process ends, though the keyring still has not answered."""
    config_at(issuer, "", 'storage = "keyring"')
    waiting = subprocess.Popen(
        [sys.executable, "-m", "togetherctl", "get-token", "--profile", "acme"],
        env={**environ, "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.Silent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline() == "waiting for the keyring, which may be asking to be unlocked\n"
    waiting.send_signal(signal.SIGINT)
    stdout, stderr = waiting.communicate(timeout=30)
    assert (waiting.returncode, stdout) == (130, "")
    assert stderr.strip() == "interrupted; what was done before stays"


def test_a_keyring_that_failed_is_not_asked_again_at_once(
    sealed: Callable[..., FileSessions], backend: InMemory, use_keyring: UseKeyring
) -> None:
    """Every question may open a prompt, and nobody wants one for each session."""
    for key in (KEY, OTHER_KEY):
        sealed().save(key, SESSION)
    refusing = locked()
    use_keyring(refusing)
    clock = [0.0]
    sessions = sealed(monotonic=lambda: clock[0])
    for key in (KEY, OTHER_KEY, KEY):
        with pytest.raises(StorageError, match="it is locked"):
            sessions.load(key)
    assert refusing.asked == {"get": 1}
    use_keyring(backend)
    clock[0] = 31.0
    assert sessions.load(KEY) == SESSION


def test_a_backend_that_cannot_be_loaded_is_said(process: Run, config_at: MakeConfig, issuer: ScriptedIssuer) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    for name in ("no.such.Keyring", "nonsense", "json.Nothing", "json.JSONDecoder"):
        done = process("get-token", "--profile", "acme", PYTHON_KEYRING_BACKEND=name)
        assert (done.code, done.stdout) == (6, "")
        assert "the one that is configured cannot be loaded (" in done.stderr
        assert "look at PYTHON_KEYRING_BACKEND" in done.stderr


@pytest.mark.parametrize(
    ("backend_name", "said"),
    [
        ("keyring.backends.null.Keyring", "the keyring forgets what it is told"),
        ("keyring.backends.fail.Keyring", "this machine has none that works here"),
    ],
)
def test_the_null_and_the_fail_keyring_in_processes(
    backend_name: str, said: str, process: Run, config_at: MakeConfig, issuer: ScriptedIssuer, home: Path
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    for command in (("get-token", "--profile", "acme"), ("login", "acme")):
        done = process(*command, PYTHON_KEYRING_BACKEND=backend_name)
        assert (done.code, done.stdout, said in done.stderr) == (6, "", True), done.stderr
        assert "togetherctl profile set acme storage=file" in done.commands
    assert json.loads(process("status", "-o", "json", PYTHON_KEYRING_BACKEND=backend_name).stdout)
    assert not list((home / "tctl" / "state" / "sessions").glob("*.json*"))


def test_a_lock_that_cannot_be_had_is_said(
    home: Path, folder: Path, backend: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "file").write_text("in the way")
    with pytest.raises(StorageError, match="keyring.lock cannot be made"):
        SealingKey(home / "file" / "keyring.lock", seconds=1).make()
    folder.parent.mkdir(parents=True)
    path = folder.parent / "keyring.lock"
    monkeypatch.setattr(sealing_key, "_GRACE", -0.9)
    with lock_held(path, seconds=1), pytest.raises(StorageError, match="busy with the keyring for too long"):
        SealingKey(path, seconds=1).make()
    assert backend.kept == {}


_MAKES_ONE = """
import sys, pathlib, hashlib
from togetherctl.auth.cache.sealing_key import SealingKey
print(hashlib.sha256(SealingKey(pathlib.Path(sys.argv[1]), seconds=30).make()).hexdigest())
"""


def test_processes_that_make_the_key_at_once_end_up_with_one(environ: dict[str, str], home: Path) -> None:
    shared = {**environ, "PYTHON_KEYRING_BACKEND": "tests.support.keyrings.InAFile"}
    lock = str(home / "state" / "keyring.lock")
    running = [
        subprocess.Popen([sys.executable, "-c", _MAKES_ONE, lock], env=shared, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    keys = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0] * 8
    assert len(keys) == 1


def test_the_way_of_a_sealed_session(
    config_at: MakeConfig,
    issuer: ScriptedIssuer,
    browser: ScriptedBrowser,
    clock: StoppedClock,
    cli_in: CliIn,
    backend: InMemory,
    home: Path,
    canary: Canary,
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    cli = cli_in(clock=clock, sleep=clock.sleep, open_browser=browser)
    assert cli("login").code == 0
    [path] = (home / "tctl" / "state" / "sessions").glob("*.json")

    def nothing_clear() -> None:
        data = path.read_text()
        assert canary.secrets
        assert not [kind for secret, kind in canary.secrets.items() if secret in data]

    nothing_clear()
    [item] = json.loads(cli("status", "-o", "json").stdout)["items"]
    assert (item["state"], item["storage"], item["identity"]) == ("valid", "keyring", "me@acme.com")
    token = json.loads(cli("get-token", "--profile", "acme").stdout)["status"]["token"]
    clock.advance(1000)
    renewed = json.loads(cli("get-token", "--profile", "acme").stdout)["status"]["token"]
    assert renewed != token
    nothing_clear()
    assert cli("refresh").code == 0
    assert len(browser.opened) == 1
    assert backend.asked["set"] == 1
    done = cli("logout")
    assert "Logged me@acme.com out of profile acme" in done.stderr
    assert [hint for hint, _ in issuer.revoked] == ["refresh_token", "access_token"]
    assert not path.exists()


@pytest.fixture
def logged_in(
    config_at: MakeConfig, issuer: ScriptedIssuer, browser: ScriptedBrowser, make_world: MakeWorld, backend: InMemory
) -> Path:
    """The sealed session of profile acme."""
    assert backend.kept == {}
    config_at(issuer, "", 'storage = "keyring"')
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    world.engine.login(profile, Policy())
    return world.paths.sessions / f"{profile.key}.json"


@pytest.mark.usefixtures("logged_in")
def test_status_of_a_locked_keyring(cli: Run, use_keyring: UseKeyring) -> None:
    refusing = locked()
    use_keyring(refusing)
    done = cli("status", "-o", "json")
    assert done.code == 0
    [item] = json.loads(done.stdout)["items"]
    assert (item["state"], item["identity"]) == ("error", None)
    assert item["last_error"]["code"] == "storage"
    assert "it is locked" in item["last_error"]["message"]
    assert refusing.asked == {"get": 1}
    assert cli("refresh").code == 6


def test_logout_deletes_what_it_cannot_open(
    logged_in: Path, cli: Run, use_keyring: UseKeyring, issuer: ScriptedIssuer
) -> None:
    data = logged_in.read_bytes()
    use_keyring(locked())
    done = cli("logout")
    assert (done.code, logged_in.exists()) == (6, False)
    assert done.stderr.count("deleted here, but the issuer may still accept them") == 1
    logged_in.write_bytes(data)
    done = cli("logout", "--local")
    assert (done.code, logged_in.exists()) == (0, False)
    assert done.stderr == "note: The session of profile acme could not be read; it was deleted here.\n"
    logged_in.write_bytes(data)
    done = cli("profile", "remove", "acme", "--yes")
    assert done.code == 2  # a cluster uses it
    assert cli("cluster", "remove", "east", "--yes").code == 0
    done = cli("profile", "remove", "acme", "--yes")
    assert (done.code, logged_in.exists()) == (0, False)
    assert "The session profile acme had was deleted; the issuer was not told." in done.stderr
    assert issuer.revoked == []


def test_a_login_gets_past_a_lost_key(
    logged_in: Path,
    cli_in: CliIn,
    backend: InMemory,
    browser: ScriptedBrowser,
    clock: StoppedClock,
) -> None:
    old = logged_in.read_bytes()
    backend.kept.clear()
    cli = cli_in(clock=clock, open_browser=browser)
    done = cli("get-token", "--profile", "acme")
    assert (done.code, done.stdout) == (6, "")
    assert "togetherctl login acme" in done.commands
    assert len(browser.opened) == 1
    done = cli("login", "acme")
    assert done.code == 0
    assert f"it is kept as {logged_in}.bad" in done.stderr
    assert logged_in.with_name(f"{logged_in.name}.bad").read_bytes() == old
    assert cli("get-token", "--profile", "acme").code == 0
    assert len(browser.opened) == 2


def test_a_config_edited_by_hand_is_told_what_its_session_is(
    logged_in: Path, acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock
) -> None:
    """`acme` writes the configuration again, without `storage`."""
    cli = cli_in(clock=clock, open_browser=browser)
    sealed = logged_in.read_bytes()
    done = cli("get-token", "--profile", "acme")
    assert (done.code, done.stdout) == (6, "")
    assert f"{logged_in} is sealed with a key from the keyring, which this profile does not use" in done.stderr
    assert "to use that session: togetherctl profile set" in done.stderr
    assert logged_in.read_bytes() == sealed
    # Said once more, it is so: the session is opened.
    assert cli("profile", "set", "acme", "storage=file").code == 0
    assert cli("get-token", "--profile", "acme").code == 0
    assert record.decode(logged_in.read_bytes()).identity == "me@acme.com"

    acme.write_text(acme.read_text().replace('storage = "file"', 'storage = "keyring"'))
    done = cli("get-token", "--profile", "acme")
    assert (done.code, done.stdout) == (6, "")
    assert "holds tokens that are not sealed, and this profile keeps its session sealed" in done.stderr
    assert "togetherctl profile set acme storage=keyring" in done.commands
    assert cli("profile", "set", "acme", "storage=keyring").code == 0
    assert cli("get-token", "--profile", "acme").code == 0
    assert b'"sealed"' in logged_in.read_bytes()
    assert len(browser.opened) == 1


def test_a_login_replaces_a_session_of_the_other_form(
    logged_in: Path, acme: Path, cli_in: CliIn, browser: ScriptedBrowser, clock: StoppedClock
) -> None:
    cli = cli_in(clock=clock, open_browser=browser)
    assert cli("login").code == 0
    assert record.decode(logged_in.read_bytes()).identity == "me@acme.com"
    aside = logged_in.with_name(f"{logged_in.name}.bad")
    assert b'"sealed"' in aside.read_bytes()
    aside.unlink()
    acme.write_text(acme.read_text().replace("[clusters", 'storage = "keyring"\n[clusters'))
    assert cli("login").code == 0
    assert b'"sealed"' in logged_in.read_bytes()
    # Tokens in the clear are not kept where they are to be sealed.
    assert not aside.exists()


def test_waiting_is_said_once(
    config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld, conversation: Remembered
) -> None:
    config_at(issuer, "", 'storage = "keyring"')
    world = make_world()
    waiting = world.sealing_key._patience.waiting
    assert waiting is not None
    waiting()
    assert conversation.said == ["waiting for the keyring, which may be asking to be unlocked"]
    assert world.sealing_key._patience.seconds == 60
    assert make_world(CI="1").sealing_key._patience.seconds == 10
