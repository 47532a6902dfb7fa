"""What a call from afar loads: it is as light as one that serves a session of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support.agent import ScriptedAgent

Environ = dict[str, str]
_DOOR = """
import os, sys
import togetherctl.__main__ as door
def end(code):
    os.write(2, repr([int(code), sorted(sys.modules)]).encode())
    really(0)
really, os._exit, sys.exit = os._exit, end, end
sys.argv = ["togetherctl", "get-token", "--profile", "gpu"]
door.main()
"""
# What is heavy, and what asking a socket could do with; pathlib brings urllib and re in any case.
HEAVY = {
    "asyncio",
    "click",
    "dataclasses",
    "email",
    "h11",
    "http",
    "httpx2",
    "json",
    "pydantic",
    "rich",
    "socket",
    "ssl",
    "typing",
}


def loaded(environ: Environ) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{_DOOR}"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, modules = ast.literal_eval(done.stderr)
    assert code == 0, done.stderr
    return set(modules)


def test_asking_the_agent_loads_nothing_heavy(far: Environ, agent: ScriptedAgent) -> None:
    modules = loaded(far)
    assert len(agent.asked) == 1
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()


def test_what_lies_ready_loads_no_client(far: Environ, agent: ScriptedAgent) -> None:
    loaded(far)
    modules = loaded(far)
    assert len(agent.asked) == 1
    ours = {name for name in modules if name.startswith("togetherctl")}
    assert ours == {"togetherctl", "togetherctl.__main__", "togetherctl.fastpath"}


def test_a_profile_of_the_configuration_loads_as_little(
    environ: Environ, agent: ScriptedAgent, configured: Path
) -> None:
    os.utime(configured, (time.time() - 100,) * 2)
    loaded(environ)  # which leaves the profile behind, without the configuration's library for the next
    (Path(environ["XDG_RUNTIME_DIR"]) / "togetherctl" / "ready" / "gpu").unlink()
    modules = loaded(environ)
    assert len(agent.asked) == 2
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()
