"""What other programs are given of our environment: nothing that opens an account, and nothing meant for us alone."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import WriteConfig
from togetherctl.auth.background_refresh import refresh_in_background
from togetherctl.config.config import Config
from togetherctl.environment import CALLERS, for_child
from togetherctl.wiring import World

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.conversation import Remembered

SOURCES = Path(__file__).parents[2] / "togetherctl"
WRITE_ENVIRONMENT = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
STORE = """version = 1
[issuers.acme]
url = "https://issuer.example"
[profiles.acme]
issuer = "acme"
client_id = "a"
{keys}
[profiles.other]
issuer = "acme"
client_id = "b"
client_secret = {{ env = "OTHER_SECRET" }}
"""


@pytest.fixture
def loaded(environ: dict[str, str], canary: Canary) -> dict[str, str]:
    """An environment with everything in it that is not for others."""
    secrets = {
        name: canary.watch(name, f"{name.lower()}-5f1d8c2a")
        for name in ("TOGETHER_API_KEY", "OIDC_CLIENT_SECRET", "OTHER_SECRET")
    }
    return {**environ, **secrets, "KUBERNETES_EXEC_INFO": "{}", "EDITOR": "vi"}


def given(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text())
    return found


def assert_clean(found: dict[str, str]) -> None:
    assert found["EDITOR"] == "vi"
    assert not {"TOGETHER_API_KEY", "OIDC_CLIENT_SECRET", "OTHER_SECRET", "KUBERNETES_EXEC_INFO"} & set(found)


def test_a_browser_is_given_no_secret(
    loaded: dict[str, str], conversation: Remembered, write_config: WriteConfig, tmp_path: Path
) -> None:
    told = tmp_path / "secrets" / "told"
    told.parent.mkdir()
    words = [sys.executable, "-c", WRITE_ENVIRONMENT, str(told)]
    write_config(STORE.format(keys=f"browser = {json.dumps(words)}"))
    world = World(loaded, conversation)
    opened = world._open_browser("https://issuer.example/authorize", world.config.profile("acme"))
    assert opened is not None
    assert opened.process is not None
    assert opened.process.wait(20) == 0
    found = given(told)
    assert_clean(found)
    assert CALLERS not in found


def test_a_command_for_a_client_secret_is_given_no_other_secret(
    loaded: dict[str, str], write_config: WriteConfig, tmp_path: Path
) -> None:
    told = tmp_path / "secrets" / "told"
    told.parent.mkdir()
    words = [sys.executable, "-c", f"{WRITE_ENVIRONMENT}; print('made-up')", str(told)]
    path = write_config(STORE.format(keys=f"client_secret = {{ command = {json.dumps(words)} }}"))
    secret = Config.load(path, loaded).profile("acme").secret
    assert secret is not None
    assert secret() == "made-up"
    found = given(told)
    assert_clean(found)
    assert found[CALLERS] == "acme"


@pytest.mark.skipif(sys.platform == "win32", reason="none is started there")
def test_the_process_that_refreshes_keeps_client_secrets_alone(
    loaded: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs the one its own profile names, whatever the variable, and neither API key nor what kubectl said."""
    import subprocess

    started: list[dict[str, str]] = []

    def start(*_words: object, env: dict[str, str], **_rest: object) -> None:
        started.append(env)

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setattr("togetherctl.auth.background_refresh._STARTED", [])
    refresh_in_background("acme", 0, loaded)
    (found,) = started
    for name in ("OTHER_SECRET", "OIDC_CLIENT_SECRET"):
        assert found[name] == loaded[name]
    assert not {"TOGETHER_API_KEY", "KUBERNETES_EXEC_INFO"} & set(found)


@pytest.mark.skipif(not shutil.which("sh"), reason="there is no sh here")
def test_trying_the_shim_gives_it_no_secret(loaded: dict[str, str], tmp_path: Path) -> None:
    from togetherctl.shim import Shim, shim_for

    told = tmp_path / "secrets" / "told"
    told.parent.mkdir()
    shim = shim_for(loaded, "togetherctl")
    shim.path.parent.mkdir(parents=True)
    shim.path.write_text(f'#!/bin/sh\n{sys.executable} -c "{WRITE_ENVIRONMENT}" {told}\n')
    shim.path.chmod(0o700)
    Shim._run_once(shim)
    found = given(told)
    assert not {"TOGETHER_API_KEY", "OIDC_CLIENT_SECRET", "KUBERNETES_EXEC_INFO"} & set(found)


def test_what_a_child_is_given_is_a_copy() -> None:
    environ = {"PATH": "/bin", "TOGETHER_API_KEY": "made-up", "MINE": "made-up"}
    assert for_child(environ, secrets={"MINE"}) == {"PATH": "/bin"}
    assert len(environ) == 3


def test_every_process_is_started_with_an_environment_made_for_it() -> None:
    """Made by `for_child` or `for_refresh` in the same file, or handed to it where the caller makes it.

    A command that the person runs themselves has all that they have.
    """
    handed = {"auth/browser.py", "demo/walk.py", "usecases/foreground_process.py", "usecases/side_by_side.py"}
    # ssh is run as the person would run it.
    handed |= {"usecases/ssh_far_folder.py", "usecases/ssh_forward.py"}
    for path in sorted(SOURCES.rglob("*.py")):
        text, name = path.read_text("utf-8"), path.relative_to(SOURCES).as_posix()
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            if (name, called) == ("commands/agent/run.py", "os.execve"):
                assert ast.unparse(call.args[2]) == "for_refresh(app.environ)"
                continue
            assert not called.startswith(("os.exec", "os.spawn", "os.posix_spawn", "os.system", "webbrowser.")), name
            if called.startswith(("subprocess.", "asyncio.create_subprocess")) and "Timeout" not in called:
                assert "env" in {keyword.arg for keyword in call.keywords}, f"{name}:{call.lineno} gives all it has"
                made = "for_child(" in text or "for_refresh(" in text or name in handed
                assert made, f"{name}:{call.lineno} has its own idea of it"
