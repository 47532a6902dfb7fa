"""Client secrets: where they come from, when they are read, and where they must never be seen."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from keyring.backends import fail, null

from tests.support.keyrings import InMemory, Refusing, locked
from togetherctl.auth.engine import Policy
from togetherctl.config import client_secret
from togetherctl.config.client_secret import SecretSource, keyring_name
from togetherctl.config.config import Config
from togetherctl.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from tests.conftest import MakeWorld, Run, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import ScriptedIssuer

SECRET = "correct-horse-battery-staple"
PYTHON = sys.executable.replace("\\", "/")


@pytest.fixture
def with_secret(
    write_config: WriteConfig, issuer: ScriptedIssuer, canary: Canary, environ: dict[str, str]
) -> Callable[[str], Config]:
    """A configuration whose profile reads its client secret from `source`."""
    issuer.client_secret = canary.watch("a client secret", SECRET)

    def write(source: str) -> Config:
        path = write_config(
            f'[issuers.acme]\nurl = "{issuer.url}"\n[profiles.acme]\nissuer = "acme"\n'
            f'client_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]\nclient_secret = {source}\n'
        )
        return Config.load(path, environ)

    return write


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secrets" / "client"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{SECRET}\n")
    return path


def read(write_config: Config) -> str:
    secret = write_config.profile("acme").secret
    assert secret is not None
    return secret()


def test_from_a_file(with_secret: Callable[[str], Config], secret_file: Path) -> None:
    assert read(with_secret(f'{{ file = "{secret_file}" }}')) == SECRET


def test_from_a_command(with_secret: Callable[[str], Config], secret_file: Path) -> None:
    script = f"print(open({str(secret_file)!r}).read())"
    assert read(with_secret(f'{{ command = ["{PYTHON}", "-c", "{script}"] }}')) == SECRET


def test_from_the_environment(with_secret: Callable[[str], Config], environ: dict[str, str]) -> None:
    environ["ACME_SECRET"] = SECRET
    assert read(with_secret('{ env = "ACME_SECRET" }')) == SECRET


def test_from_the_keyring(
    with_secret: Callable[[str], Config], use_keyring: Callable[[KeyringBackend], None], issuer: ScriptedIssuer
) -> None:
    backend = InMemory()
    backend.set_password("togetherctl", keyring_name(issuer.url, issuer.client_id), SECRET)
    use_keyring(backend)
    assert read(with_secret("{ keyring = true }")) == SECRET


def test_it_is_read_when_it_is_needed_and_not_before(with_secret: Callable[[str], Config]) -> None:
    with_secret('{ command = ["/nonexistent/command"] }').profile("acme")


@pytest.mark.parametrize("where", ["basic", "post", "auto"])
def test_it_reaches_the_issuer_the_way_the_profile_says(
    where: str,
    with_secret: Callable[[str], Config],
    secret_file: Path,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    issuer: ScriptedIssuer,
) -> None:
    if where == "auto":
        issuer.metadata_changes["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    path = with_secret(f'{{ file = "{secret_file}" }}').path
    path.write_text(path.read_text().replace("[profiles", f'client_auth = "{where}"\n[profiles'))
    world = make_world(browser=browser)
    profile = world.config.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    world.engine.refresh(profile)
    assert world.issuers.revoke(profile, session)
    posts = [asked for asked in issuer.asked if asked.method == "POST"]
    assert len(posts) == 4
    for asked in posts:
        assert ("authorization" in asked.headers) == (where == "basic")
        assert ("client_secret" in asked.form) == (where != "basic")


def test_a_literal_is_hidden_wherever_it_could_show(
    with_secret: Callable[[str], Config], cli: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    write_config = with_secret(f'"{SECRET}"')
    assert read(write_config) == SECRET
    shown = [repr(write_config.table), repr(write_config.profile("acme")), repr(SecretSource.parse(SECRET))]
    for command in (["config", "show"], ["config", "show", "-o", "json"], ["profile", "list", "-o", "yaml"]):
        done = cli(*command)
        assert done.code == 0
        shown.append(done.stdout)
    assert "(hidden)" in cli("profile", "show", "acme").stdout
    assert not [text for text in shown if SECRET in text]
    assert capfd.readouterr().out == ""
    # Its owner typed it there, and there it stays.
    assert SECRET in write_config.path.read_text()
    write_config.path.unlink()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{ env = "NOT_SET" }', "read from the environment variable NOT_SET, which is not set"),
        ('{ file = "/nonexistent/secret" }', "cannot be read from /nonexistent/secret: No such file"),
        ('{ file = "/dev/null" }', "cannot be read from /dev/null: Not a regular file"),
        ('{ command = ["/nonexistent/command"] }', r"\(/nonexistent/command\) failed: No such file"),
        (f'{{ command = ["{PYTHON}", "-c", "raise SystemExit(3)"] }}', "ended with 3"),
        (f'{{ command = ["{PYTHON}", "-c", ""] }}', "holds no client secret"),
        (f'{{ command = ["{PYTHON}", "-c", "print(1); print(2)"] }}', "a client secret is one line of text"),
        ('{ command = ["cat", "/dev/zero"] }', "printed more than 64 KiB; a client secret is one line of text"),
        (f'{{ command = ["{PYTHON}", "-c", "print(65536 * chr(97))"] }}', "printed more than 64 KiB"),
    ],
)
def test_a_secret_that_cannot_be_read_is_said(source: str, said: str, with_secret: Callable[[str], Config]) -> None:
    with pytest.raises(ConfigError, match=said):
        read(with_secret(source))


@pytest.mark.parametrize("script", ["sleep 5", "exec >&-; sleep 5", "sleep 5 & echo secret"])
def test_a_command_that_does_not_end_is_ended(
    script: str, with_secret: Callable[[str], Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_secret, "_COMMAND_SECONDS", 0.3)
    write_config = with_secret(f'{{ command = ["sh", "-c", "{script}"] }}')
    with pytest.raises(ConfigError, match="did not end within 0 s"):
        read(write_config)


def test_the_longest_secret_is_read_whole(with_secret: Callable[[str], Config]) -> None:
    assert len(read(with_secret(f'{{ command = ["{PYTHON}", "-c", "print(65535 * chr(97))"] }}'))) == 65535


@pytest.mark.parametrize("source", ['{ env = "NOT_SET" }', '{ file = "/nonexistent/secret" }', "{ keyring = true }"])
def test_nobody_logs_in_before_the_secret_is_there(
    source: str,
    with_secret: Callable[[str], Config],
    use_keyring: Callable[[KeyringBackend], None],
    make_world: MakeWorld,
    issuer: ScriptedIssuer,
) -> None:
    use_keyring(fail.Keyring())
    with_secret(source)
    world = make_world()  # whose browser must not be opened
    with pytest.raises((ConfigError, StorageError)):
        world.engine.login(world.config.profile("acme"), Policy())
    assert issuer.counts == {}


def test_a_login_asks_for_the_secret_once(
    with_secret: Callable[[str], Config],
    secret_file: Path,
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    tmp_path: Path,
) -> None:
    script = f"echo read >> {tmp_path}/asked; cat {secret_file}"
    with_secret(f'{{ command = ["sh", "-c", "{script}"] }}')
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    assert (tmp_path / "asked").read_text() == "read\n"


def test_what_is_too_long_is_not_kept(
    with_secret: Callable[[str], Config],
    use_keyring: Callable[[KeyringBackend], None],
    cli: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_keyring(backend := InMemory())
    with_secret('{ env = "X" }')
    monkeypatch.setattr("sys.stdin", io.StringIO("a" * 100_000))
    assert cli("profile", "secret", "acme").code == 2
    assert backend.kept == {}


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (fail.Keyring(), "this machine has none that works here"),
        (locked(), "it is locked"),
        (Refusing(RuntimeError(f"a backend's own trouble with {SECRET}")), "RuntimeError"),
    ],
    ids=["none", "locked", "broken"],
)
def test_a_keyring_that_refuses_is_said(
    backend: KeyringBackend,
    said: str,
    with_secret: Callable[[str], Config],
    use_keyring: Callable[[KeyringBackend], None],
) -> None:
    use_keyring(backend)
    with pytest.raises(StorageError, match=said) as error:
        read(with_secret("{ keyring = true }"))
    assert SECRET not in str(error.value)


def test_a_keyring_that_forgets_is_said(
    with_secret: Callable[[str], Config], use_keyring: Callable[[KeyringBackend], None]
) -> None:
    use_keyring(null.Keyring())
    with pytest.raises(ConfigError, match="is not in the keyring") as error:
        read(with_secret("{ keyring = true }"))
    assert str(error.value.remedy) == "togetherctl profile secret acme"


def test_profile_secret_keeps_it_in_the_keyring(
    with_secret: Callable[[str], Config],
    use_keyring: Callable[[KeyringBackend], None],
    cli: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = InMemory()
    use_keyring(backend)
    write_config = with_secret('{ env = "X" }')
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
    assert cli("profile", "secret", "acme").code == 0
    assert list(backend.kept.values()) == [SECRET]
    assert "client_secret = {keyring = true}" in write_config.path.read_text()


def test_a_command_that_asks_for_its_own_profile_is_told(with_secret: Callable[[str], Config], process: Run) -> None:
    words = f'["{PYTHON}", "-m", "togetherctl", "get-token", "--profile", "acme"]'
    write_config = with_secret(f"{{ command = {words} }}")
    assert write_config.profile("acme").secret is not None
    done = process("get-token", "--profile", "acme", TOGETHERCTL_CALLERS="other,acme")
    assert (done.code, done.stdout) == (2, "")
    assert "asked for profile acme again" in done.stderr
    with pytest.raises(ConfigError, match="ended with 2"):
        read(write_config)
