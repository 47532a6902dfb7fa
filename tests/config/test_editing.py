"""Edits touch the lines they mean: comments, order, spacing and everything else a person typed survive."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.config.editing import TABLES
from togetherctl.config.toml_text import TomlText

if TYPE_CHECKING:
    from tests.conftest import Run, WriteConfig

STORE = """# mine, and mine alone
version = 1     # the form

[issuers.acme]   # work
url = "https://login.example.com"   # exactly so

# about a
[profiles.a]
issuer="acme"
client_id = "one"
scopes=[
   "email", # mail
   "groups",
]   # tail

# about b
[profiles.b]
  issuer = "acme"
  client_id = "two"
  auth_params = { prompt = "consent" }

# about east
[clusters.east]
profile = "a"
server = "https://203.0.113.7:6443"
# the end
"""


def edited(path: Path, *changes: tuple[object, ...]) -> TomlText:
    editor = TomlText(path.read_bytes().decode("utf-8"))
    for change in changes:
        name, *rest = change
        getattr(editor, str(name))(*rest)
    return editor


def difference(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines only in one and only in the other, in order; what stays must stay in order too."""
    old, new = before.splitlines(), after.splitlines()
    common = [line for line in old if line in new]
    assert [line for line in new if line in old and line.strip()] == [line for line in common if line.strip()]
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("change", "gone", "come"),
    [
        (("set", ("profiles", "a", "client_id"), "x"), ['client_id = "one"'], ['client_id = "x"']),
        (
            ("set", ("profiles", "a", "scopes"), ["openid"]),
            ["scopes=[", '   "email", # mail', '   "groups",', "]   # tail"],
            ['scopes=["openid"]   # tail'],
        ),
        (("set", ("profiles", "a", "margin"), 5), [], ["margin = 5"]),
        (("set", ("profiles", "b", "margin"), 5), [], ["  margin = 5"]),
        (("set", ("profiles", "b", "browser"), False), [], ["  browser = false"]),
        (("set", ("profiles", "a", "client_secret"), {"env": "S"}), [], ['client_secret = {env = "S"}']),
        (("set", ("default_profile",), "a"), [], ['default_profile = "a"']),
        (
            ("set", ("profiles", "c"), {"issuer": "acme", "client_id": "3"}),
            [],
            ["[profiles.c]", 'issuer = "acme"', 'client_id = "3"'],
        ),
        (("set", ("clusters", "west"), {"profile": "b"}), [], ["[clusters.west]", 'profile = "b"']),
        (("unset", ("profiles", "b", "auth_params")), ['  auth_params = { prompt = "consent" }'], []),
        (
            ("unset", ("profiles", "b")),
            [
                "[profiles.b]",
                '  issuer = "acme"',
                '  client_id = "two"',
                '  auth_params = { prompt = "consent" }',
            ],
            [],
        ),
        (
            ("unset", ("clusters", "east")),
            ["[clusters.east]", 'profile = "a"', 'server = "https://203.0.113.7:6443"'],
            [],
        ),
        (("unset", ("profiles", "a", "margin")), [], []),
        (("unset", ("profiles", "nobody")), [], []),
    ],
)
def test_one_change_touches_its_own_lines(
    change: tuple[object, ...], gone: list[str], come: list[str], write_config: WriteConfig
) -> None:
    after = edited(write_config(STORE), change).text
    assert difference(STORE, after) == (gone, come)
    assert after.endswith("# the end\n") or "[clusters.west]" in after


def test_a_comment_stays_with_what_it_leads(write_config: WriteConfig) -> None:
    lines = edited(
        write_config(STORE),
        ("set", ("profiles", "a", "margin"), 5),
        ("set", ("profiles", "b", "margin"), 5),
        ("set", ("profiles", "c"), {"issuer": "acme", "client_id": "3"}),
    ).text.splitlines()
    for comment, led in (
        ("# about a", "[profiles.a]"),
        ("# about b", "[profiles.b]"),
        ("# about east", "[clusters.east]"),
    ):
        assert lines[lines.index(comment) + 1] == led


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "# only a comment",
        STORE,
        STORE.replace("\n", "\r\n"),
        STORE + "[issuers.late]\nurl = 'https://late.example.com'\n",
        'issuers.acme.url = "https://x"\nprofiles.a.issuer = "acme"\n',
        '[issuers]\nacme = { url = "https://x" }\n[profiles]\n',
        '[profiles.a]\nissuer = "x"\n[clusters.z]\nq = 1\n[profiles.a.auth_params]\nx = "1"\n',
        '[profiles."a.b"]\nissuer = """\nmany\n# lines\n"""\n',
    ],
)
def test_any_layout_is_edited_right_or_not_at_all(text: str, write_config: WriteConfig) -> None:
    editor = edited(write_config(text))
    editor.set(("issuers", "new"), {"url": "https://new"})
    editor.set(("profiles", "new"), {"issuer": "new", "auth_params": {"prompt": "x"}})
    editor.set(("profiles", "new", "auth_params", "hint"), "y")
    editor.set(("profiles", "new", "scopes"), ["a", "b"])
    editor.set(("default_profile",), "new")
    editor.unset(("profiles", "a"))
    data = tomllib.loads(editor.text)
    assert data["profiles"]["new"] == {
        "issuer": "new",
        "auth_params": {"prompt": "x", "hint": "y"},
        "scopes": ["a", "b"],
    }
    assert data["issuers"]["new"] == {"url": "https://new"}
    assert data["default_profile"] == "new"
    assert "a" not in data["profiles"]
    for comment in ("# mine, and mine alone", "# about east", "# the end"):
        assert (comment in text) == (comment in editor.text)


def test_every_key_is_found_on_its_line() -> None:
    lines = STORE.splitlines()
    for key, number in TomlText(STORE).key_lines().items():
        assert key[-1] in lines[number - 1], (key, number)
    assert TomlText(STORE).key_lines()["profiles", "b", "client_id"] == 19


def test_set_show_unset(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    assert cli("profile", "set", "a", "margin=30", "scopes=email,groups", "auth_params.prompt=login").code == 0
    shown = cli("profile", "show", "a", "-o", "json").stdout
    assert '"margin": 30' in shown
    assert '"prompt": "login"' in shown
    assert tomllib.loads(path.read_text())["profiles"]["a"]["scopes"] == ["email", "groups"]
    assert cli("profile", "unset", "a", "margin", "scopes", "auth_params").code == 0
    assert tomllib.loads(path.read_text())["profiles"]["a"] == {"issuer": "acme", "client_id": "one"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["margin=-1"], "margin: must be at least 0; it is '-1'"),
        ([f"margin={'1' * 5000}"], "margin: must be a whole number; it is '1111"),
        ([f"margin=0x{'f' * 5000}"], "margin: must be at most 3600; it is '0xff"),
        (
            ["auth_params.x=\udcff"],
            "a value is not UTF-8 text, which the configuration is written in; nothing was changed",
        ),
        (["listen_cert_file=a\nb", "listen_key_file=c"], "listen_cert_file: must not hold control characters"),
        (["margin=soon"], "margin: must be a whole number; it is 'soon'"),
        (["grant=device"], "grant: must be auto, authcode, paste, device-code, password, client-credentials or agent"),
        (["marign=1"], "profiles have no key marign; did you mean margin?"),
        (["scopes.x=1"], "profiles have no key scopes.x"),
        (["margin"], "margin is not of the form KEY=VALUE"),
        (["=1"], "=1 is not of the form KEY=VALUE"),
        (["client_secret=hush-hush-hush"], "others on this machine can see a client secret"),
        (["client_secret={ vault = 1 }"], "client_secret: must be { env"),
        (["issuer=nobody"], "profiles.a.issuer: names the issuer nobody, which does not exist; known: acme"),
        (["storage=memory", "storage=disk"], "storage: must be file, keyring or memory"),
        (["auth_params.state=x"], "auth_params.state: togetherctl sets this parameter itself; nothing was changed"),
        (["redirect_uris=https://localhost:1"], "an https redirect URI needs listen_cert_file"),
    ],
)
def test_a_wrong_change_changes_nothing(words: list[str], said: str, write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    done = cli("profile", "set", "a", *words)
    assert said in done.stderr
    assert done.code == 2
    assert path.read_text() == STORE


def test_a_wrong_config_can_still_be_mended(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE.replace('client_id = "one"', 'client_id = "one"\nmargin = -3'))
    assert cli("status").code == 2
    assert cli("profile", "set", "a", "margin=3").code == 0
    assert path.read_text() == STORE.replace('client_id = "one"', 'client_id = "one"\nmargin = 3')
    assert cli("profile", "unset", "a", "margin").code == 0
    assert path.read_text() == STORE


def test_a_wrong_config_gets_no_worse(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(f"colour = 1\n{STORE}")
    done = cli("profile", "set", "a", "issuer=nobody")
    assert (done.code, "names the issuer nobody, which does not exist" in done.stderr) == (2, True), done.stderr
    assert path.read_text() == f"colour = 1\n{STORE}"


def test_two_clusters_of_one_context_would_lose_one(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    add = ("cluster", "add", "west", "--profile", "a", "--server", "https://west:6443")
    done = cli(*add, "context=east")
    assert done.code == 2
    assert "clusters.west.context: is that of cluster east too; give each cluster a context of its own" in done.stderr
    assert path.read_text() == STORE
    assert cli("cluster", "set", "east", "context=one").code == 0
    assert cli(*add, "context=east").code == 0
    assert cli("cluster", "unset", "east", "context").code == 2


def test_a_place_in_a_list_is_written_as_the_file_check_writes_it(write_config: WriteConfig, cli: Run) -> None:
    write_config(STORE)
    done = cli("profile", "add", "7", "--issuer", "acme", "--client-id", "x", "--scope", "a b", "auth_params.nonce=1")
    assert (done.code, done.stdout) == (2, "")
    assert "  profiles.7.scopes[0]: must be one word" in done.stderr
    assert "  profiles.7.auth_params.nonce: togetherctl sets this parameter itself" in done.stderr


def test_add_and_remove(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    assert cli("issuer", "add", "dex", "--url", "https://dex.example.com", "--offline").code == 0
    assert cli("profile", "add", "c", "--issuer", "dex", "--client-id", "x", "--scope", "groups").code == 0
    assert cli("cluster", "add", "west", "--profile", "c", "--server", "https://west:6443", "namespace=gpu").code == 0
    assert cli("config", "set", "default_profile=c").code == 0

    used = cli("issuer", "remove", "dex", "--yes")
    assert used.failure == (2, "usage", "togetherctl issuer remove dex --cascade")
    used = cli("profile", "remove", "c", "--yes")
    assert used.failure == (2, "usage", "togetherctl profile remove c --cascade")

    assert [cli(kind, "remove", name, "--yes").code for kind, name in (("cluster", "west"), ("profile", "c"))] == [0, 0]
    assert cli("issuer", "remove", "dex", "--yes").code == 0
    assert path.read_text() == STORE


def test_remove_asks_and_refuses_where_nobody_can_be_asked(write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    done = cli("cluster", "remove", "east")
    assert (done.code, "--yes" in done.stderr) == (2, True)
    assert path.read_text() == STORE


@pytest.mark.parametrize("kind", ["profile", "issuer", "cluster"])
def test_what_is_there_already_or_not_at_all(kind: str, write_config: WriteConfig, cli: Run) -> None:
    write_config(STORE)
    for verb in (["show"], ["set"], ["unset"], ["remove", "--yes"]):
        rest = {"set": ["context=x"] if kind == "cluster" else ["issuer=acme"], "unset": ["profile"]}.get(verb[0], [])
        if kind == "issuer":
            rest = {"set": ["preset=okta"], "unset": ["preset"]}.get(verb[0], [])
        if kind == "profile" and verb[0] == "unset":
            rest = ["margin"]
        done = cli(kind, verb[0], "nobody", *rest, *verb[1:])
        assert (done.code, f"there is no {kind} nobody" in done.stderr) == (2, True), (verb, done.stderr)


def test_a_new_config_is_private_and_says_what_it_is(home: Path, cli: Run) -> None:
    assert cli("issuer", "add", "acme", "--url", "https://login.example.com", "--offline").code == 0
    path = home / "tctl" / "config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text() == (
        "# togetherctl's configuration: who you are to which issuer, and which cluster that opens.\n"
        "version = 1\n\n"
        "[issuers.acme]\n"
        'url = "https://login.example.com"\n'
    )


def test_a_symlink_stays_one_and_a_mode_stays_what_it_was(home: Path, cli: Run) -> None:
    real = home / "dotfiles" / "togetherctl.toml"
    real.parent.mkdir()
    real.write_text(STORE)
    real.chmod(0o640)
    link = home / "tctl" / "config.toml"
    link.parent.mkdir(mode=0o700)
    link.symlink_to(real)
    assert cli("profile", "set", "a", "margin=1").code == 0
    assert link.is_symlink()
    assert "margin = 1" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["togetherctl.toml"]


@pytest.mark.parametrize(("mode", "code"), [(0o602, 2), (0o622, 2), (0o644, 0), (0o400, 0)])
def test_a_config_others_can_write_is_refused(mode: int, code: int, write_config: WriteConfig, cli: Run) -> None:
    path = write_config(STORE)
    path.chmod(mode)
    os.chown(path, -1, 12345) if os.geteuid() == 0 else None
    done = cli("status")
    assert done.code == code
    if code:
        assert f"can be written by others (mode {mode:04o})" in done.stderr
        assert f"chmod go-w {path}" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_config_of_another_user_is_refused(write_config: WriteConfig, cli: Run) -> None:
    os.chown(write_config(STORE), 12345, -1)
    done = cli("status")
    assert (done.code, "belongs to another user (uid 12345)" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (os.mkfifo, "Not a regular file"),
        (lambda path: path.write_bytes(b"version = 1\n# \xff\n"), ":2: not UTF-8 text"),
        (lambda path: path.write_bytes(b"x = " + b"[" * 5000), "nested too deeply"),
    ],
    ids=["a folder", "a pipe", "another encoding", "nested without end"],
)
def test_a_config_that_cannot_be_one(make: Callable[[Path], object], said: str, home: Path, process: Run) -> None:
    path = home / "tctl" / "config.toml"
    path.parent.mkdir(mode=0o700)
    make(path)
    done = process("status", seconds=20)
    assert (done.code, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda lock: lock.mkdir(), "Is a directory"),
        (lambda lock: lock.symlink_to("/dev/null"), "Too many levels of symbolic links"),
    ],
    ids=["a folder", "a symlink"],
)
def test_a_lock_that_cannot_be_one_is_said(
    make: Callable[[Path], object], said: str, write_config: WriteConfig, home: Path, cli: Run
) -> None:
    path = write_config(STORE)
    lock = home / "tctl" / "state" / "store.lock"
    lock.parent.mkdir(mode=0o700)
    make(lock)
    done = cli("profile", "set", "a", "margin=30")
    assert done.code == 2
    assert f"the lock of the configuration, {lock}, cannot be made: {said}" in done.stderr
    assert f"ls -ld {lock}" in done.stderr
    assert path.read_text() == STORE


def test_many_hands_at_once_lose_nothing(write_config: WriteConfig, environ: dict[str, str]) -> None:
    path = write_config(STORE)
    adding = [
        subprocess.Popen(
            [sys.executable, "-m", "togetherctl", "profile", "add", f"p{n}", "--issuer", "acme", "--client-id", f"{n}"],
            env=environ,
            stderr=subprocess.DEVNULL,
        )
        for n in range(8)
    ]
    assert [process.wait(60) for process in adding] == [0] * 8
    assert set(tomllib.loads(path.read_text())["profiles"]) == {"a", "b", *(f"p{n}" for n in range(8))}


@pytest.mark.parametrize(
    ("words", "message", "first"),
    [
        (["cluster", "set", "east"], "KEY=VALUE is missing", "ca_data"),
        (["cluster", "unset", "east"], "KEY is missing", "ca_data"),
        (["cluster", "set", "east", "contxt=x"], "clusters have no key contxt; did you mean context?", "context"),
        (["cluster", "set", "east", "namespace"], "namespace is not of the form KEY=VALUE", "namespace"),
        (["issuer", "unset", "acme", "prxy"], "issuers have no key prxy; did you mean proxy?", "proxy"),
        (["profile", "set", "acme", "zzz=1"], "profiles have no key zzz", "account"),
    ],
)
def test_the_keys_there_are_follow_one_that_is_none(
    words: list[str], message: str, first: str, acme: Path, cli: Run
) -> None:
    """The nearest one comes first."""
    before = acme.read_bytes()
    done = cli(*words)
    assert (done.code, done.stderr.splitlines()[0]) == (2, f"togetherctl: {message}")
    shown = done.stderr.partition("the keys are ")[2].replace("\n", " ").split(", ")
    table = next(table for kind, table in TABLES.items() if kind == words[0])
    assert shown[0] == first
    assert {key.strip() for key in shown} == set(table.model_fields)
    assert acme.read_bytes() == before
