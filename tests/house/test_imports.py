"""What a run loads, seen in a fresh interpreter: the hot path loads little, and a verb loads only itself."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Token

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.issuer import ScriptedIssuer

Loaded = set[str]
_SCRIPT = """
import os, sys
from togetherctl.commands.run import run
saved = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
code = run(sys.argv[1:], os.environ)
os.dup2(saved, 1)
import json
print(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.fixture
def loaded(environ: dict[str, str]) -> Callable[..., Loaded]:
    """The modules a successful run of the command line has loaded at its end."""

    def call(*arguments: str, **changes: str) -> Loaded:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *arguments],
            env={**environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        code, modules = json.loads(done.stdout.splitlines()[-1])
        assert code == 0, done.stderr
        return set(modules)

    return call


def top(modules: Loaded) -> Loaded:
    return {name.partition(".")[0] for name in modules}


def test_help_loads_no_verb(loaded: Callable[..., Loaded]) -> None:
    modules = loaded("--help")
    ours = {name.removeprefix("togetherctl.") for name in modules if name.startswith("togetherctl.c")}
    framework = {f"cli.{name}" for name in ("app", "console", "lazy", "report_error", "verbosity")}
    assert ours == {"cli", *framework, "commands", "commands.root", "commands.run"}
    assert not {
        "pydantic",
        "ssl",
        "httpx2",
        "authlib",
        "joserfc",
        "keyring",
        "rich",
        "ruamel",
        "segno",
        "textual",
        "tomlkit",
    } & top(modules)
    assert "togetherctl.commands.status" in loaded("status")


def test_the_package_itself_loads_nothing() -> None:
    script = "import sys; before = set(sys.modules); import togetherctl; print(set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "{'togetherctl'}\n"


@pytest.mark.usefixtures("acme")
def test_flags_are_loaded_only_where_they_are_given(
    loaded: Callable[..., Loaded], make_world: MakeWorld, browser: ScriptedBrowser, issuer: ScriptedIssuer
) -> None:
    from togetherctl.kubelogin.flags import parse
    from togetherctl.kubelogin.profile import profile_of

    def ours(modules: Loaded) -> Loaded:
        return {name for name in modules if name.startswith("togetherctl.kubelogin.")}

    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    assert ours(loaded("get-token", "--profile", "acme")) == set()

    words = [f"--oidc-issuer-url={issuer.url}", "--oidc-client-id=the-client", "--listen-address=127.0.0.1:0"]
    world.configless_engine.credential(profile_of(parse(words), world.environ), Policy())
    modules = loaded("get-token", *words)
    assert ours(modules) == {
        f"togetherctl.kubelogin.{name}" for name in ("flags", "flag_table", "plain_tables", "profile")
    }
    assert "togetherctl.config.config" not in modules
    heavy = {"httpx2", "authlib", "joserfc", "cryptography", "keyring", "rich", "ruamel", "segno", "tomlkit"}
    assert not heavy & top(modules)


@pytest.mark.usefixtures("acme")
def test_a_served_token_loads_no_network_and_no_crypto(
    loaded: Callable[..., Loaded], make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    modules = top(loaded("get-token", "--profile", "acme"))
    heavy = {
        "httpx2",
        "httpcore2",
        "authlib",
        "joserfc",
        "cryptography",
        "keyring",
        "rich",
        "ruamel",
        "segno",
        "tomlkit",
    }
    assert not (heavy | {"textual"}) & modules
    # It also reads the kubeconfig, to tell what kubectl knows otherwise.
    assert not heavy - {"rich", "ruamel"} & top(loaded("status"))


def test_a_sealed_session_loads_the_keyring_and_no_network(
    loaded: Callable[..., Loaded], make_world: MakeWorld, browser: ScriptedBrowser, acme: Path, home: Path
) -> None:
    environ = {"PYTHON_KEYRING_BACKEND": "tests.support.keyrings.InAFile"}
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    loaded("profile", "set", "acme", "storage=keyring", **environ)
    assert "keyring" in acme.read_text()
    assert (home / "secrets" / "keyring.json").exists()
    modules = top(loaded("get-token", "--profile", "acme", **environ))
    assert {"keyring", "cryptography"} <= modules
    assert not {"httpx2", "httpcore2", "authlib", "joserfc", "rich", "ruamel", "tomlkit"} & modules


def test_a_refresh_loads_neither_oauth_client_nor_jwt_library(
    loaded: Callable[..., Loaded], make_world: MakeWorld, tls_issuer: ScriptedIssuer, tls_config: Path
) -> None:
    from dataclasses import replace

    from tests.support.browser import ScriptedBrowser

    assert tls_config.exists()
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.config.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    expired = replace(session, id_token=Token("expired-token", 1.0, 2.0))
    FileSessions(world.paths.sessions).save(profile.key, expired)
    before = tls_issuer.counts.copy()
    modules = top(loaded("get-token", "--profile", "acme"))
    assert tls_issuer.counts - before == {"/token": 1}
    assert (
        not {"httpx2", "authlib", "joserfc", "cryptography", "keyring", "rich", "ruamel", "segno", "tomlkit"} & modules
    )


def test_a_refresh_behind_checks_no_config(
    environ: dict[str, str], make_world: MakeWorld, tls_issuer: ScriptedIssuer, tls_config: Path
) -> None:
    from dataclasses import replace

    from tests.support.browser import ScriptedBrowser

    assert tls_config.exists()
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    sessions = FileSessions(world.paths.sessions)
    sessions.save(profile.key, replace(session, id_token=Token("expired-token", 1.0, 2.0)))
    with sessions.lock(profile.key) as held:
        done = subprocess.run(
            [sys.executable, "-c", _DOOR.format(["togetherctl", "refresh", "acme", "--behind", str(held.descriptor)])],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            pass_fds=(held.descriptor,),
        )
    code, modules = ast.literal_eval(done.stderr)
    assert (code, tls_issuer.counts["/token"]) == (0, 2)
    heavy = {"pydantic", "click", "tomllib", "tomlkit", "httpx2", "authlib", "subprocess"} & top(set(modules))
    assert heavy == set()


# What the plugin itself loads, as kubeconfigs call it: each line here is time that somebody waits.
READY = {"togetherctl", "togetherctl.__main__", "togetherctl.fastpath"}
SERVED = READY | {
    f"togetherctl.{name}"
    for name in (
        "auth",
        "auth.cache",
        "auth.cache.files",
        "auth.cache.login_record",
        "auth.cache.ready_file",
        "auth.cache.record",
        "auth.cache.base",
        "auth.collaborators",
        "auth.engine",
        "auth.issuer_clients",
        "auth.session",
        "auth.session_lock",
        "auth.time_limits",
        "cli",
        "cli.console",
        "cli.exec_plugin",
        "cli.report_error",
        "connection_settings",
        "disk",
        "environment",
        "errors",
        "kube",
        "kube.exec_credential",
        "lock",
        "paths",
        "printable",
        "quick_json",
        "records",
        "config",
        "config.profile_cache",
        "config.profile",
        "config.profile_hints",
        "wiring",
    )
}
REFRESHED = SERVED | {
    f"togetherctl.{name}"
    for name in (
        "auth.claims",
        "auth.client_auth",
        "auth.discovery",
        "auth.login_cooldown",
        "auth.refresh",
        "auth.session_lifecycle",
        "auth.token_response",
        "http_answer",
        "http_failures",
        "loopback",
        "proxies",
        "signals",
        "stdlib_post",
        "transport",
    )
}
_DOOR = """
import os, sys
before = set(sys.modules)
import togetherctl.__main__ as door
def end(code):
    os.write(2, repr([int(code), sorted(set(sys.modules) - before)]).encode())
    really(0)
really, os._exit, sys.exit = os._exit, end, end
sys.argv = {!r}
door.main()
"""


@pytest.fixture
def plugin_loads(environ: dict[str, str]) -> Callable[..., Loaded]:
    """The modules that one call of the plugin loads, in an interpreter that has what Python itself starts with."""

    def call(**changes: str) -> Loaded:
        done = subprocess.run(
            [sys.executable, "-c", _DOOR.format(["togetherctl", "get-token", "--profile", "acme"])],
            env={**environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith('{"apiVersion"')
        code, modules = ast.literal_eval(done.stderr)
        assert code == 0
        return set(modules)

    return call


def test_what_the_plugin_loads_is_a_short_list(
    plugin_loads: Callable[..., Loaded], make_world: MakeWorld, tls_issuer: ScriptedIssuer, tls_config: Path
) -> None:
    from dataclasses import replace

    from tests.support.browser import ScriptedBrowser

    os.utime(tls_config, (time.time() - 100,) * 2)
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    ready = world.paths.ready / "acme"
    # The configuration is not young any more.
    known = world.paths.known / "acme"
    known.write_text(json.dumps({**json.loads(known.read_text()), "text": None}))

    def ours(modules: Loaded) -> Loaded:
        return {name for name in modules if name.startswith("togetherctl")}

    def foreign(modules: Loaded) -> Loaded:
        return {name for name in top(modules) if name not in sys.stdlib_module_names and name != "togetherctl"}

    assert plugin_loads() - {"time"} == READY

    ready.unlink()
    served = plugin_loads()
    assert (ours(served), foreign(served)) == (SERVED, set())
    slow = {"ssl", "http", "socket", "subprocess", "email", "hashlib", "shutil", "asyncio", "datetime"}
    # From 3.12 on, urllib.parse loads math.
    also = {"math"} if sys.version_info < (3, 12) else set()
    assert not (slow | also | {"base64", "json", "signal", "threading"}) & top(served)
    assert "encodings.ascii" not in served
    assert ready.exists()

    ready.unlink()
    expired = replace(session, id_token=Token("expired-token", 1.0, 2.0))
    FileSessions(world.paths.sessions).save(profile.key, expired)
    before = tls_issuer.counts.copy()
    refreshed = plugin_loads()
    assert (ours(refreshed), foreign(refreshed)) == (REFRESHED, set())
    assert {"ssl", "socket"} <= top(refreshed)
    assert not {"subprocess", "asyncio", "tomllib", "importlib.metadata"} & refreshed
    assert not {"http", "email", "datetime", "encodings.idna", "stringprep"} & (refreshed | top(refreshed))
    for loaded in (served, refreshed):
        assert not {"typing", "dataclasses", "inspect", "ast"} & loaded
    assert tls_issuer.counts - before == {"/token": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"TOGETHERCTL_BROWSER": "firefox --new-window {url}", "TOGETHERCTL_PROFILE": "other"},
        {"TOGETHERCTL_BROWSER": "open -a 'Google Chrome' {url}"},
        {"TOGETHERCTL_LOGIN": "never"},
    ],
    ids=" ".join,
)
def test_variables_load_no_library(
    changes: dict[str, str],
    plugin_loads: Callable[..., Loaded],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    acme: Path,
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.profile("acme"), Policy())
    world.ready.drop(None)
    modules = plugin_loads(**changes)
    assert not {"pydantic", "pydantic_settings", "tomllib"} & top(modules)
    assert ("shlex" in modules) is ("'" in changes.get("TOGETHERCTL_BROWSER", ""))
    assert acme.exists()


def test_a_client_with_a_secret_needs_no_library_either(
    plugin_loads: Callable[..., Loaded], make_world: MakeWorld, tls_issuer: ScriptedIssuer, tls_config: Path
) -> None:
    from dataclasses import replace

    from tests.support.browser import ScriptedBrowser

    tls_issuer.client_secret = "correct-horse"
    text = tls_config.read_text()
    tls_config.write_text(text.replace("client_id =", 'client_secret = { env = "ACME_SECRET" }\nclient_id ='))
    world = make_world(browser=ScriptedBrowser(tls_issuer), ACME_SECRET="correct-horse")
    profile = world.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    world.ready.drop(None)
    heavy = {"pydantic", "pydantic_settings", "tomllib", "tomlkit", "httpx2", "authlib", "keyring"}
    assert not (heavy | {"subprocess"}) & top(plugin_loads())
    FileSessions(world.paths.sessions).save(profile.key, replace(session, id_token=Token("expired-token", 1.0, 2.0)))
    world.ready.drop(None)
    before = tls_issuer.counts.copy()
    assert not heavy & top(plugin_loads(ACME_SECRET="correct-horse"))
    assert tls_issuer.counts - before == {"/token": 1}


# Everything that writes the configuration, in an order in which each finds what it needs.
WRITING = {
    "profile set": ("profile", "set", "acme", "margin=30"),
    "config set": ("config", "set", "default_profile=acme"),
    "profile add": ("profile", "add", "more", "--issuer", "acme", "--client-id", "more", "--offline"),
    "issuer set": ("issuer", "set", "acme", "client_auth=post"),
    "cluster add": ("cluster", "add", "west", "--profile", "acme", "--server", "https://w.example"),
    "cluster remove": ("cluster", "remove", "west", "--keep-kubeconfig", "--yes"),
    "profile remove": ("profile", "remove", "more", "--yes"),
    "config edit": ("config", "edit"),
    "login": ("login", "acme"),
    "status": ("status",),
}


def test_after_every_change_a_token_needs_no_library(
    loaded: Callable[..., Loaded],
    plugin_loads: Callable[..., Loaded],
    make_world: MakeWorld,
    browser: ScriptedBrowser,
    acme: Path,
    tmp_path: Path,
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.profile("acme"), Policy())
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\necho '# by hand' >> \"$1\"\n")
    editor.chmod(0o700)
    for what, words in WRITING.items():
        before = acme.read_bytes()
        if what in ("login", "status"):
            # An edit by hand, which they read.
            acme.write_text(f"{acme.read_text()}\n")
        assert "pydantic" in loaded(*words, VISUAL=str(editor)), what
        assert acme.read_bytes() != before, what
        modules = plugin_loads()
        assert not {"pydantic", "pydantic_settings", "tomllib", "tomlkit"} & top(modules), what
        assert "togetherctl.wiring" in modules, what


def test_an_edit_by_hand_is_validated_at_the_next_token_and_once(
    plugin_loads: Callable[..., Loaded], make_world: MakeWorld, browser: ScriptedBrowser, acme: Path
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.profile("acme"), Policy())
    for _ in range(3):
        acme.write_text(f"{acme.read_text()}# by hand\n")
        assert "pydantic" in plugin_loads()
        assert "pydantic" not in plugin_loads()


def test_completing_names_checks_no_config(loaded: Callable[..., Loaded], write_config: WriteConfig) -> None:
    write_config("version = 1\n[profiles.acme]\n")
    for line in ("togetherctl login ", "togetherctl whoami --cluster ", "togetherctl profile show "):
        modules = loaded(_TOGETHERCTL_COMPLETE="bash_complete", COMP_LINE=line)
        assert "togetherctl.config.files" in modules
        assert not {"pydantic", "tomlkit", "httpx2", "authlib", "joserfc", "keyring", "rich"}.intersection(top(modules))


def test_the_terminal_interface_loads_what_an_action_needs_when_it_runs() -> None:
    script = "import sys; import togetherctl.tui.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    used = {name for name in loaded if name.startswith("togetherctl.usecases.")}
    assert used == {"togetherctl.usecases.session_snapshot"}
    assert not {name for name in loaded if name.startswith("togetherctl.importing")}
    screens = {name.rpartition(".")[2] for name in loaded if name.startswith("togetherctl.tui.screens.")}
    assert screens == {"home", "job", "dialog"}
    assert not {"httpx2", "authlib", "joserfc", "cryptography", "keyring", "ruamel", "tomlkit"} & top(loaded)
