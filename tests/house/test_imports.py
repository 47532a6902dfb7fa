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


# What the plugin itself loads, as kubeconfigs call it: each line here is time that somebody waits.
READY = {"togetherctl", "togetherctl.__main__", "togetherctl.fastpath"}
SERVED = READY | {
    f"togetherctl.{name}"
    for name in (
        "auth",
        "auth.token_response",
        "auth.cache",
        "auth.cache.files",
        "auth.cache.login_record",
        "auth.cache.ready_file",
        "auth.cache.record",
        "auth.cache.base",
        "auth.claims",
        "auth.client_auth",
        "auth.engine",
        "auth.issuer_clients",
        "auth.session_lifecycle",
        "auth.login_cooldown",
        "auth.refresh",
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
        "http_failures",
        "paths",
        "printable",
        "records",
        "config",
        "config.profile_cache",
        "config.profile",
        "config.profile_hints",
        "signals",
        "wiring",
    )
}
REFRESHED = SERVED | {
    f"togetherctl.{name}" for name in ("auth.discovery", "stdlib_post", "loopback", "proxies", "transport")
}
_DOOR = """
import os, sys
before = set(sys.modules)
import togetherctl.__main__ as door
def end(code):
    os.write(2, repr([int(code), sorted(set(sys.modules) - before)]).encode())
    really(0)
really, os._exit, sys.exit = os._exit, end, end
sys.argv = ["togetherctl", "get-token", "--profile", "acme"]
door.main()
"""


@pytest.fixture
def plugin_loads(environ: dict[str, str]) -> Callable[[], Loaded]:
    """The modules that one call of the plugin loads, in an interpreter that has what Python itself starts with."""

    def call() -> Loaded:
        done = subprocess.run(
            [sys.executable, "-c", _DOOR],
            env=environ,
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
    plugin_loads: Callable[[], Loaded], make_world: MakeWorld, tls_issuer: ScriptedIssuer, tls_config: Path
) -> None:
    from dataclasses import replace

    from tests.support.browser import ScriptedBrowser

    os.utime(tls_config, (time.time() - 100,) * 2)
    world = make_world(browser=ScriptedBrowser(tls_issuer))
    profile = world.profile("acme")
    session, _ = world.engine.login(profile, Policy())
    ready = world.paths.ready / "acme"

    def ours(modules: Loaded) -> Loaded:
        return {name for name in modules if name.startswith("togetherctl")}

    def foreign(modules: Loaded) -> Loaded:
        return {name for name in top(modules) if name not in sys.stdlib_module_names and name != "togetherctl"}

    assert plugin_loads() - {"time"} == READY

    ready.unlink()
    served = plugin_loads()
    assert (ours(served), foreign(served)) == (SERVED, set())
    assert not {"ssl", "http", "socket", "subprocess", "email", "hashlib", "shutil", "asyncio", "datetime"} & top(
        served
    )
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
