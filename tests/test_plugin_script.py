"""The script `kubectl-together_login`: flags with a token in hand need no Python, and nothing fools it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.installed import V1
from tests.support.programs import need
from tests.support.scripted_plugin import SCRIPT, ScriptedPlugin
from tests.test_shim import SHELLS
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Token
from togetherctl.kubelogin.flag_table import flags_of
from togetherctl.plugin_words import AUTHORITY_FLAG, FLAGS, FOLDER_FLAG, read_words
from togetherctl.shim_script import PLUGIN

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer

HOMES = {"plain home": "plain", "odd home": 'it\'s a "home" with $HOME & spaces'}


@pytest.fixture(params=list(HOMES.values()), ids=list(HOMES))
def plugin(
    request: pytest.FixtureRequest, tmp_path: Path, environ: dict[str, str], issuer: ScriptedIssuer
) -> ScriptedPlugin:
    """Logged in by one call, which left its answer ready."""
    environ["HOME"] = str(tmp_path / str(request.param))
    environ["TOGETHERCTL_HOME"] = f"{environ['HOME']}/togetherctl"
    return ScriptedPlugin(tmp_path / "programs of one", environ, issuer)


@pytest.fixture(params=SHELLS)
def in_shell(request: pytest.FixtureRequest, plugin: ScriptedPlugin) -> ScriptedPlugin:
    words = SHELLS[request.param]
    plugin.shell = (need(words[0]), *words[1:])
    return plugin


@pytest.fixture
def ready(plugin: ScriptedPlugin) -> ScriptedPlugin:
    done = plugin.call()
    assert done.returncode == 0, done.stderr
    assert len(plugin.ready) == 1
    return plugin


def test_the_script_is_what_is_shipped() -> None:
    assert SCRIPT.read_text() == PLUGIN
    assert SCRIPT.stat().st_mode & stat.S_IXUSR


def test_a_token_in_hand_needs_no_python(in_shell: ScriptedPlugin) -> None:
    first = in_shell.call()
    assert (first.returncode, in_shell.started()) == (0, 1), first.stderr
    second = in_shell.call()
    assert (second.returncode, second.stderr, second.stdout, in_shell.started()) == (0, b"", first.stdout, 1)
    assert json.loads(first.stdout)["apiVersion"].endswith("/v1beta1")
    asked = in_shell.call(KUBERNETES_EXEC_INFO=V1)
    assert json.loads(asked.stdout)["apiVersion"].endswith("/v1")
    assert json.loads(asked.stdout)["status"] == json.loads(first.stdout)["status"]
    assert in_shell.started() == 1
    assert in_shell.serves()
    assert in_shell.issuer.counts["/token"] == 1


def test_a_version_that_is_typed(in_shell: ScriptedPlugin) -> None:
    words = ["--api-version=v1beta1", "--api-version=v1"]
    first = in_shell.call(*words)
    assert json.loads(first.stdout)["apiVersion"].endswith("/v1")
    assert in_shell.serves(*words)
    assert in_shell.call(*words).stdout == first.stdout
    asked = in_shell.call(*words, KUBERNETES_EXEC_INFO=V1.replace("/v1", "/v1beta1"))
    assert json.loads(asked.stdout)["apiVersion"].endswith("/v1beta1")
    assert in_shell.started() == 1


def test_a_word_that_is_a_value_is_no_flag(plugin: ScriptedPlugin) -> None:
    done = plugin.call("--oidc-extra-scope", "--api-version=v1")
    assert json.loads(done.stdout)["apiVersion"].endswith("/v1beta1")
    assert plugin.ready == []
    # Nor does it wait, or have others wait, for a ready file that never comes.
    assert not [*(plugin.home / "cache").glob("ready/.claim-*")]
    done = plugin.call("--oidc-extra-scope", "--token-cache-dir=/nonexistent")
    assert done.returncode == 0
    assert plugin.ready == []


def test_called_by_kubectl(ready: ScriptedPlugin) -> None:
    kubectl = need("kubectl")
    before = ready.started()
    done = subprocess.run(
        [kubectl, "together-login", *ready.words],
        env={**ready.environ, "PATH": f"{ready.programs}:{os.environ['PATH']}"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["kind"] == "ExecCredential"
    assert ready.started() == before


def test_no_word_is_on_disk(plugin: ScriptedPlugin) -> None:
    folder = f"{plugin.environ['HOME']}/secrets/a-folder-of-mine"
    done = plugin.call("--oidc-extra-scope=a-scope-of-mine", f"--token-cache-dir={folder}", "--username=")
    assert done.returncode == 0, done.stderr
    [path] = plugin.ready
    text = path.read_bytes() + os.fsencode(path.name)
    for word in (
        "a-scope-of-mine",
        "a-folder-of-mine",
        plugin.issuer.url,
        plugin.issuer.client_id,
        plugin.environ["HOME"],
    ):
        assert word.encode() not in text.replace(done.stdout, b"")
    header, _, body = path.read_text().partition("\n")
    assert header.split(" ")[-1] == "-"
    assert plugin.issuer.url not in body


NOT_READY = {
    "a secret": ["--oidc-client-secret=the-secret"],
    "a secret in a word of its own": ["--oidc-client-secret", "the-secret"],
    "a password": ["--password=the-password"],
    "a header": ["--oidc-request-header=x-key=the-key"],
    "a refresh": ["--force-refresh"],
    "no storage": ["--token-cache-storage=none"],
    "the keyring": ["--token-cache-storage=keyring"],
    "a level of the log": ["-v1"],
    "a flag of the log": ["--logtostderr"],
    "a folder from here": ["--token-cache-dir=here"],
    "a folder in a word of its own": ["--token-cache-dir", "/nonexistent"],
    "two lines": ["--oidc-extra-scope=a\nb"],
    "a version in a word of its own": ["--api-version", "v1"],
    "a version that does not exist": ["--api-version=v2"],
    "an unknown flag": ["--oidc-extra-scop=a"],
    "help": ["--help"],
}


@pytest.mark.parametrize("words", NOT_READY.values(), ids=NOT_READY)
@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_words_that_have_no_ready_file(words: list[str], ready: ScriptedPlugin) -> None:
    before = [path.name for path in ready.ready]
    assert not ready.serves(*words)
    ready.call(*words, TOGETHERCTL_LOGIN="never", PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    # A refresh that was asked for removes what was ready.
    assert {path.name for path in ready.ready} <= {*before}


def test_every_flag_is_sorted() -> None:
    table = flags_of("get-token")
    left_out = {name for name, flag in table.items() if flag.secret} | {"force-refresh", "token-cache-storage"}
    assert {*FLAGS, FOLDER_FLAG, AUTHORITY_FLAG} == {*table} - left_out


CHANGES: dict[str, dict[str, Any]] = {
    "a client secret": {"OIDC_CLIENT_SECRET": "the-secret"},
    "another folder of sessions": {"KUBECACHEDIR": "/nonexistent"},
    "a folder of sessions from here": {"KUBECACHEDIR": "here"},
    "another home of ours": {"TOGETHERCTL_HOME": "/nonexistent"},
    "a home of ours from here": {"TOGETHERCTL_HOME": "here"},
    "another home": {"HOME": "/nonexistent"},
    "no home": {"HOME": ""},
    "another version": {"KUBERNETES_EXEC_INFO": V1.replace("/v1", "/v2")},
    "an escape": {"KUBERNETES_EXEC_INFO": V1.replace("spec", "sp\\u0065c")},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_what_the_environment_says_counts(changes: dict[str, Any], ready: ScriptedPlugin) -> None:
    assert ready.serves()
    assert not ready.serves(**changes)


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_other_words_are_another_file(ready: ScriptedPlugin) -> None:
    words = ready.words
    assert not ready.serves("--oidc-extra-scope=email")
    assert not ready.serves(words=[words[0], words[2], words[1], words[3]])
    assert not ready.serves("")
    # Two words are not one, however they are put together.
    assert not ready.serves(words=[*words[:-1], *words[-1].split("=")])


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_a_flag_in_two_words_is_served_too(plugin: ScriptedPlugin) -> None:
    words = [part for word in plugin.words for part in word.split("=")]
    assert plugin.call(words=words).returncode == 0
    assert plugin.serves(words=words)
    assert not plugin.serves()


def test_the_folder_of_the_sessions(in_shell: ScriptedPlugin) -> None:
    # The canary takes tokens in such a folder for right.
    home = f"{in_shell.environ['HOME']}/secrets"
    cases: list[tuple[list[str], dict[str, Any], str]] = [
        ([f"--token-cache-dir={home}/one"], {}, "one"),
        (["--token-cache-dir=~/secrets/two"], {}, "two"),
        ([], {"KUBECACHEDIR": f"{home}/three"}, "three/oidc-login"),
        ([f"--token-cache-dir={home}/first", f"--token-cache-dir={home}/last"], {"KUBECACHEDIR": "/x"}, "last"),
    ]
    for words, changes, folder in cases:
        assert in_shell.call(*words, **changes).returncode == 0
        assert in_shell.serves(*words, **changes)
        [session] = Path(home, folder).glob("*.json")
        session.rename(f"{session}.away")
        # Who deletes a session by hand deletes what lies ready of it.
        assert not in_shell.serves(*words, **changes)
        Path(f"{session}.away").rename(session)


def test_what_authorities_are_trusted_counts(in_shell: ScriptedPlugin) -> None:
    import trustme

    first, second = (Path(in_shell.environ["HOME"], name) for name in ("one.pem", "another one.pem"))
    first.parent.mkdir(parents=True, exist_ok=True)
    for path in (first, second):
        trustme.CA().cert_pem.write_to_path(str(path))
    words = [f"--certificate-authority={first}", "--certificate-authority=~/another one.pem"]
    assert in_shell.call(*words).returncode == 0
    assert in_shell.serves(*words)
    text, times = second.read_bytes(), second.stat()
    trustme.CA().cert_pem.write_to_path(str(second))
    os.utime(second, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not in_shell.serves(*words)
    second.write_bytes(text)
    assert in_shell.serves(*words)
    second.unlink()
    assert not in_shell.serves(*words)
    os.mkfifo(second)
    assert not in_shell.serves(*words)


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_what_makes_it_wrong_removes_it(ready: ScriptedPlugin) -> None:
    assert ready.call(words=["clean"]).returncode == 0
    assert not ready.ready
    assert not ready.serves()
    assert ready.call().returncode == 0
    [path] = ready.ready
    done = ready.call("--force-refresh")
    assert done.returncode == 0, done.stderr
    assert ready.ready == [], "its token is an old one"
    assert ready.call().stdout == done.stdout
    assert ready.ready == [path]


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_a_ready_file_is_looked_at_as_everywhere(ready: ScriptedPlugin, tmp_path: Path) -> None:
    [path] = ready.ready
    whole = path.read_bytes()
    header, _, body = whole.partition(b"\n")
    words = header.split(b" ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    past, future = b"%d" % (time.time() - 1), b"%d" % (time.time() + 100)
    for place, word in (
        (1, b"1"),
        (2, b"flags-0"),
        (3, future),
        (4, past),
        (5, b"3"),
        (6, b"0" * 64),
        (7, b"1,2,3,4"),
        (8, b"0" * 64),
    ):
        changed = [*words]
        changed[place] = word
        ready.put(path, b" ".join(changed) + b"\n" + body)
        assert not ready.serves(), place
    ready.put(path, whole)
    assert ready.serves()
    elsewhere = tmp_path / "secrets"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert ready.call(TOGETHERCTL_LOGIN="never").returncode == 0
    assert ready.started() > 1
    assert elsewhere.read_bytes() == whole


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_another_session_under_the_same_name_is_another(in_shell: ScriptedPlugin) -> None:
    """Such as one that was made from another home of ours, with the same folder of sessions."""
    folder = f"--token-cache-dir={in_shell.environ['HOME']}/secrets"
    assert in_shell.call(folder).returncode == 0
    assert in_shell.serves(folder)
    [session] = Path(in_shell.environ["HOME"], "secrets").glob("*.json")
    for seconds in (-50, 10):
        moved = session.stat().st_mtime + seconds
        os.utime(session, (moved, moved))
        assert not in_shell.serves(folder)


HARD = {
    "bytes that dash uses itself": "--oidc-client-id=ÁÄÈ \u2028 \x81\x88",
    "more than a pipe holds": f"--username={'x' * 100_000}",
    "what a here-document expands": "--username=\\a\\\\b$HOME`id`",
}


@pytest.mark.parametrize("word", HARD.values(), ids=HARD)
@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_words_that_shells_and_pipes_find_hard(word: str, in_shell: ScriptedPlugin) -> None:
    made = ["get-token", word, *in_shell.words[1:]]
    words = read_words(made, in_shell.environ)
    assert words is not None
    told = in_shell.folder / "name"
    script = in_shell.program.read_text()
    in_shell.program.write_text(script.replace("  waits=yes\n", f'  echo "$name" >"{told}"; exit\n'))
    assert in_shell.call(words=made).returncode == 0
    assert told.read_text().strip() == words.name


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_what_killed_calls_left_goes(ready: ScriptedPlugin) -> None:
    [path] = ready.ready
    old, young = (path.with_name(f".claim-flags-{number:064}") for number in (1, 2))
    for claim in (old, young):
        claim.touch()
    os.utime(old, (1, 1))
    path.unlink()
    assert ready.call().returncode == 0
    assert (old.exists(), young.exists()) == (False, True)
    assert ready.call(words=["clean"]).returncode == 0
    assert not young.exists()


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_of_many_lines_the_oldest_go(ready: ScriptedPlugin) -> None:
    [path] = ready.ready
    for number in range(70):
        other = path.with_name(f"flags-{number:064}")
        other.write_bytes(path.read_bytes())
        os.utime(other, (number, number))
    assert ready.call("--oidc-extra-scope=email").returncode == 0
    assert len(ready.ready) == 64
    assert path in ready.ready
    assert not path.with_name(f"flags-{7:064}").exists()


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_without_the_program_that_digests(ready: ScriptedPlugin) -> None:
    """Python's fast path serves then."""
    tools = ready.folder / "tools"
    tools.mkdir()
    for name in ("sh", "date", "readlink", "rm", "sleep"):
        (tools / name).symlink_to(str(shutil.which(name)))
    before = ready.started()
    done = ready.call(PATH=str(tools))
    assert (done.returncode, done.stderr, ready.started()) == (0, b"", before + 1)


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_where_togetherctl_is(in_shell: ScriptedPlugin, tmp_path: Path) -> None:
    """Behind links, as pipx and people make them, relative ones too; else on PATH; else it says so."""
    asked = ["version", "-o", "name"]
    version = in_shell.call(words=asked).stdout
    assert version
    programs = in_shell.programs
    away = tmp_path / "links" / "kubectl-together_login"
    away.parent.mkdir()
    (away.parent / "hop").symlink_to(os.path.relpath(programs / "kubectl-together_login", away.parent))
    away.symlink_to("hop")
    shell = [*in_shell.shell] or []

    def call(**changes: str) -> subprocess.CompletedProcess[bytes]:
        environ = {**in_shell.environ, **changes}
        return subprocess.run([*shell, str(away), *asked], env=environ, capture_output=True, check=False, timeout=30)

    assert call().stdout == version
    away.unlink()
    shutil.copy(SCRIPT, away)
    assert call(PATH=f"{programs}:{os.environ['PATH']}").stdout == version
    done = call(PATH="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"install it again" in done.stderr


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_the_rest_of_the_plugin_is_python_under_its_name(plugin: ScriptedPlugin) -> None:
    done = plugin.call(words=["--help"])
    assert done.stdout.startswith(b"Usage: kubectl together-login [OPTIONS] [COMMAND] [ARGS]...\n")
    done = plugin.call("--oidc-client-idd=x")
    assert (done.returncode, b"run: kubectl together-login get-token --help" in done.stderr) == (2, True)
    done = plugin.call(words=["get-token", "--oidc-issuer-url=https://a.example", "stray"])
    assert (done.returncode, b"run: kubectl together-login get-token --help" in done.stderr) == (2, True)


_LOADED = """
import os, sys
import togetherctl.__main__ as door
def end(code):
    os.write(2, " ".join(sys.modules).encode())
    really(int(code))
really, sys.exit, os._exit = os._exit, end, end
sys.argv = ["kubectl-together_login", *sys.argv[1:]]
door.main()
"""


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_what_flags_load_that_find_a_session(plugin: ScriptedPlugin) -> None:
    assert plugin.call().returncode == 0
    [ready] = plugin.ready
    ready.unlink()
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *plugin.words],
        env={**plugin.environ, "TOGETHERCTL_BROWSER": ""},
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert b'"token"' in done.stdout
    loaded = {name.partition(".")[0] for name in done.stderr.decode().split()}
    assert not loaded & {"pydantic", "pydantic_core", "click", "tomlkit", "ssl", "http", "httpx2", "authlib", "keyring"}
    assert plugin.ready == [ready]


@pytest.mark.parametrize("plugin", ["plain"], indirect=True, ids=["plain home"])
def test_one_python_serves_a_crowd(in_shell: ScriptedPlugin) -> None:
    assert in_shell.call().returncode == 0
    sessions = FileSessions(in_shell.home / "state" / "sessions")
    [path] = sessions.folder.glob("*.json")
    session = sessions.load(path.stem)
    assert session is not None
    sessions.save(path.stem, replace(session, id_token=Token("expired-token", 1.0, 2.0)))
    # As every process of ours does that changes a session; some shells see whole seconds alone.
    in_shell.ready[0].unlink()
    before = in_shell.issuer.counts.copy()
    ended = []
    for process in [in_shell.start() for _ in range(12)]:
        out, err = process.communicate(timeout=60)
        ended.append((process.returncode, out, err))
    assert {(code, err) for code, _, err in ended} == {(0, b"")}
    assert len({out for _, out, _ in ended}) == 1
    assert (in_shell.issuer.counts - before)["/token"] == 1
    assert in_shell.started() == 2
    assert not [*in_shell.ready[0].parent.glob(".claim-*")]
