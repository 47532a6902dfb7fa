"""Profiles that are known from before:

the same as the configuration gives, as long as the configuration is the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.config.config import Config
from togetherctl.errors import ConfigError

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, UseKeyring, WriteConfig
    from tests.support.clock import StoppedClock
    from togetherctl.wiring import World

FULL = """version = 1
[issuers.acme]
url = "https://issuer.example/path/"
ca_file = ["~/one.pem", "two.pem"]
client_auth = "post"
device_authorization_endpoint = "https://issuer.example/device"
[profiles.acme]
issuer = "acme"
client_id = "it"
scopes = ["email", "groups"]
offline_access = "never"
grant = "paste"
username = "me"
redirect_uris = ["https://localhost:8000/x", "http://127.0.0.1:0"]
listen = ["127.0.0.1:8000"]
listen_cert_file = "cert.pem"
listen_key_file = "/abs/key.pem"
open_url_after = "https://after.example"
pkce = "no"
token = "access"
storage = "keyring"
account = "me@acme.com"
auth_params = { prompt = "select_account" }
browser = ["firefox", "{url}"]
login = "never"
login_timeout = 17
margin = 5
[profiles.plain]
issuer = "acme"
client_id = "plain"
browser = false
"""


@pytest.fixture
def old(write_config: WriteConfig, clock: StoppedClock) -> Callable[[str], Path]:
    """Write a configuration that is old enough for times of whole seconds."""

    def write(text: str) -> Path:
        path = write_config(text)
        os.utime(path, (clock() - 100,) * 2)
        return path

    return write


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each time the configuration is read."""
    read: list[Path] = []
    real = Config.load.__func__  # type: ignore[attr-defined] # a class method

    def load(cls: type[Config], path: Path, environ: dict[str, str]) -> Config:
        read.append(path)
        return real(cls, path, environ)  # type: ignore[no-any-return] # a configuration

    monkeypatch.setattr(Config, "load", classmethod(load))
    return read


def known(home: Path, name: str = "acme") -> Path:
    return home / "tctl" / "cache" / "profiles" / name


@pytest.mark.parametrize("name", ["acme", "plain"])
def test_a_known_profile_is_the_configs_own(
    name: str, old: Callable[[str], Path], make_world: MakeWorld, home: Path, reads: list[Path]
) -> None:
    old(FULL)
    first = make_world().profile(name)
    assert len(reads) == 1
    world = make_world()
    again = world.profile(name)
    assert len(reads) == 1
    assert again == first
    assert type(again.scopes) is tuple
    assert (again.secret, again.password) == (None, None)
    # Ready files can be written without reading it, too.
    assert world.ready.config_status == (home / "tctl" / "config.toml").stat()
    assert len(reads) == 1
    assert known(home, name).stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize(
    "keys",
    [
        'client_secret = "correct-horse"',
        'client_secret = { command = ["op"] }',
    ],
)
def test_a_profile_that_may_hold_a_secret_is_not_kept(
    keys: str, old: Callable[[str], Path], make_world: MakeWorld, home: Path
) -> None:
    old(FULL.replace('client_id = "it"\n', f'client_id = "it"\n{keys}\n'))
    assert make_world().profile("acme").secret is not None
    assert not known(home).exists()


@pytest.mark.parametrize("keys", ['client_secret = { env = "X" }', 'client_secret = { file = "secret" }'])
def test_where_a_secret_is_read_from_is_kept(
    keys: str, old: Callable[[str], Path], make_world: MakeWorld, home: Path, reads: list[Path]
) -> None:
    path = old(FULL.replace('client_id = "it"\n', f'client_id = "it"\n{keys}\n'))
    secret = "correct-horse"
    (path.parent / "secret").write_text(f"{secret}\n")
    first = make_world(X=secret).profile("acme")
    again = make_world(X=secret).profile("acme")
    assert (again, len(reads)) == (first, 1)
    assert again.secret is not None
    assert first.secret is not None
    assert again.secret() == first.secret() == secret
    assert secret not in known(home).read_text()
    # It is read when it is needed, and what is wrong then is said as ever.
    (path.parent / "secret").unlink()
    gone = make_world().profile("acme").secret
    assert gone is not None
    with pytest.raises(ConfigError, match="the client secret of profile acme"):
        gone()
    assert len(reads) == 1


def test_the_keyring_of_a_known_profile_is_asked_for_the_same_secret(
    old: Callable[[str], Path], make_world: MakeWorld, reads: list[Path], use_keyring: UseKeyring
) -> None:
    from tests.support.keyrings import InMemory

    keyring = InMemory()
    use_keyring(keyring)
    secret = "correct-horse"
    keyring.set_password("togetherctl", "client-secret it at https://issuer.example/path/", secret)
    old(FULL.replace('client_id = "it"\n', 'client_id = "it"\nclient_secret = { keyring = true }\n'))
    for _ in range(2):
        reader = make_world().profile("acme").secret
        assert reader is not None
        assert reader() == secret
    assert len(reads) == 1


@pytest.mark.parametrize("keys", ['request_headers = { X = "y" }', 'proxy = "http://me:secret@proxy.example:3128"'])
def test_headers_and_proxies_are_not_kept(
    keys: str, old: Callable[[str], Path], make_world: MakeWorld, home: Path
) -> None:
    old(FULL.replace("[profiles.acme]", f"{keys}\n[profiles.acme]"))
    make_world().profile("acme")
    assert not known(home).exists()


@pytest.mark.parametrize("seconds", [1, 0, -3600])
def test_an_edit_that_no_time_and_no_size_shows_is_seen_in_a_young_config(
    seconds: int,
    write_config: WriteConfig,
    make_world: MakeWorld,
    clock: StoppedClock,
    reads: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from togetherctl.config import profile_cache

    # A file system that keeps whole seconds, and no other sign of an edit in place.
    monkeypatch.setattr(profile_cache, "_identity", lambda status: [status.st_ino, status.st_size])
    path = write_config(FULL)
    written = (clock() - seconds,) * 2
    os.utime(path, written)
    first = make_world().profile("acme")
    assert make_world().profile("acme") == first
    assert len(reads) == 1
    path.write_text(FULL.replace('"it"', '"IT"'))
    os.utime(path, written)
    assert (make_world().profile("acme").client_id, len(reads)) == ("IT", 2)


def test_what_was_kept_young_goes_on_when_the_config_is_old(
    write_config: WriteConfig, make_world: MakeWorld, clock: StoppedClock, reads: list[Path], home: Path
) -> None:
    os.utime(write_config(FULL), (clock(),) * 2)
    first = make_world().profile("acme")
    assert json.loads(known(home).read_text())["text"]
    clock.advance(100)
    for _ in range(2):
        assert make_world().profile("acme") == first
        assert json.loads(known(home).read_text())["text"] is None
    assert len(reads) == 1


def test_of_few_profiles_all_become_known_and_of_many_those_asked_for(
    old: Callable[[str], Path], make_world: MakeWorld, home: Path, reads: list[Path]
) -> None:
    old(FULL)
    make_world().profile("acme")
    assert sorted(path.name for path in known(home).parent.iterdir()) == ["acme", "plain"]
    make_world().profile("plain")
    assert len(reads) == 1

    many = "".join(f'[profiles.p{number}]\nissuer = "acme"\nclient_id = "x"\n' for number in range(40))
    old(FULL + many)
    make_world().profile("p7")
    assert known(home, "p7").exists()
    assert not known(home, "p8").exists()
    read = len(reads)
    make_world().profile("p7")
    assert len(reads) == read
    # After a change by us, those that were asked for before.
    with make_world().changing_config() as text:
        text.set(("profiles", "p9", "margin"), 5)
    assert known(home, "p7").exists()
    assert not known(home, "p9").exists()
    read = len(reads)
    make_world().profile("p7")
    assert len(reads) == read


def test_a_proxy_without_a_password_is_kept(
    old: Callable[[str], Path], make_world: MakeWorld, reads: list[Path]
) -> None:
    old(FULL.replace("[profiles.acme]", 'proxy = "http://proxy.example:3128"\n[profiles.acme]'))
    assert make_world().profile("acme") == make_world().profile("acme")
    assert len(reads) == 1


def test_a_profile_that_needs_a_home_is_no_trouble_for_the_others(
    old: Callable[[str], Path], make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    old(FULL + '[issuers.far]\nurl = "https://far.example"\n[profiles.far]\nissuer = "far"\nclient_id = "x"\n')
    monkeypatch.setattr("togetherctl.paths._home_of_this_user", lambda: "")
    world = make_world(HOME="", USERPROFILE="")
    assert world.profile("far").client_id == "x"


def _same_time_other_size(path: Path) -> None:
    status = path.stat()
    path.write_text(path.read_text() + "# more\n")
    os.utime(path, ns=(status.st_mtime_ns,) * 2)


def _same_time_and_size(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text().replace('"plain"', '"other"'))
    other.chmod(0o600)
    os.utime(other, ns=(status.st_mtime_ns,) * 2)
    other.replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "touched": os.utime,
    "touched back": lambda path: os.utime(path, (1, 1)),
    "same time, other size": _same_time_other_size,
    "same time and size, another file": _same_time_and_size,
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_config_is_read(
    change: str, old: Callable[[str], Path], make_world: MakeWorld, reads: list[Path]
) -> None:
    path = old(FULL)
    make_world().profile("acme")
    CHANGES[change](path)
    make_world().profile("acme")
    assert len(reads) == 2


def test_a_config_that_is_gone_is_said(old: Callable[[str], Path], make_world: MakeWorld) -> None:
    from togetherctl.errors import UsageError

    path = old(FULL)
    make_world().profile("acme")
    path.unlink()
    with pytest.raises(UsageError):
        make_world().profile("acme")


@pytest.mark.parametrize(
    "changes",
    [
        {"TOGETHERCTL_LOGIN": "never"},
        {"TOGETHERCTL_LOGIN": "auto"},
        {"TOGETHERCTL_BROWSER": "'my browser' --new {url}"},
        {"TOGETHERCTL_BROWSER": " "},
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_what_the_environment_overrides_is_overridden(
    changes: dict[str, str],
    first: bool,  # noqa: FBT001 # whether they are there when the profile becomes known
    old: Callable[[str], Path],
    make_world: MakeWorld,
    reads: list[Path],
) -> None:
    old(FULL)
    make_world(**(changes if first else {})).profile("acme")
    known, plain = make_world(**changes).profile("acme"), make_world().profile("acme")
    assert len(reads) == 1
    assert known == make_world(**changes).config.profile("acme")
    assert plain == make_world().config.profile("acme")


def test_wrong_overrides_are_said(old: Callable[[str], Path], make_world: MakeWorld) -> None:
    old(FULL)
    make_world().profile("acme")
    for changes in ({"TOGETHERCTL_LOGIN": "maybe"}, {"TOGETHERCTL_BROWSER": "'"}):
        with pytest.raises(ConfigError, match=r"the environment variable TOGETHERCTL_(LOGIN|BROWSER)"):
            make_world(**changes).profile("acme")


def test_another_home_is_another_profile(old: Callable[[str], Path], make_world: MakeWorld, reads: list[Path]) -> None:
    old(FULL)
    make_world().profile("acme")
    make_world(HOME="/elsewhere").profile("acme")
    assert len(reads) == 2


def _damage(path: Path, how: str) -> None:
    kept = json.loads(path.read_text())
    if how == "open to others":
        path.chmod(0o644)
    elif how == "another profile's":
        path.write_text(json.dumps({**kept, "profile_name": "plain"}))
    elif how == "another version's":
        path.write_text(json.dumps({**kept, "circumstances": {**kept["circumstances"], "version": 1}}))
    elif how == "without a field":
        del kept["profile"]["client_id"]
        path.write_text(json.dumps(kept))
    elif how == "with a field more":
        path.write_text(json.dumps({**kept, "profile": {**kept["profile"], "more": 1}}))
    else:
        path.write_bytes({"empty": b"", "cut short": path.read_bytes()[:100], "deep": b"[" * 50_000}[how])


@pytest.mark.parametrize(
    "how",
    [
        "open to others",
        "another profile's",
        "another version's",
        "without a field",
        "with a field more",
        "empty",
        "cut short",
        "deep",
    ],
)
def test_what_cannot_be_understood_is_not_used(
    how: str, old: Callable[[str], Path], make_world: MakeWorld, home: Path, reads: list[Path]
) -> None:
    old(FULL)
    first = make_world().profile("acme")
    _damage(known(home), how)
    assert make_world().profile("acme") == first
    assert len(reads) == 2


def test_a_name_is_no_path(old: Callable[[str], Path], make_world: MakeWorld) -> None:
    from togetherctl.errors import UsageError

    old(FULL)
    world: World = make_world()
    world.profile("acme")
    for name in ("../profiles/acme", ".", ""):
        if name:
            with pytest.raises(UsageError):
                world.profile(name)
