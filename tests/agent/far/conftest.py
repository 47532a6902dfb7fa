"""The other side: a machine with a socket that a scripted agent serves, a runtime folder, and no browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.agent import ScriptedAgent

Environ = dict[str, str]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket, which may have some hundred bytes in all."""
    with TemporaryDirectory(prefix="far-") as folder:
        yield Path(folder)


@pytest.fixture
def runtime(environ: Environ, short: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime folder of this user, as a login by SSH gets it from systemd."""
    folder = short / "run"
    folder.mkdir(mode=0o700)
    environ["XDG_RUNTIME_DIR"] = str(folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def agent(runtime: Path) -> Iterator[ScriptedAgent]:
    """The agent that hands out the profile `gpu`, where `togetherctl ssh` puts its socket."""
    with ScriptedAgent(runtime / "togetherctl" / "agents" / "a.sock") as running:
        running.hands_out("gpu")
        yield running


@pytest.fixture
def far(environ: Environ, agent: ScriptedAgent) -> Environ:
    """The environment that names that socket."""
    return {**environ, "TOGETHERCTL_AGENT": str(agent.path)}


@pytest.fixture
def configured(home: Path) -> Path:
    """The configuration that `init agent` writes."""
    path = home / "tctl" / "config.toml"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(
        """version = 1

[issuers.acme]
url = "https://login.acme.com"

[profiles.gpu]
issuer = "acme"
client_id = "kubernetes"
grant = "agent"
session = "gpu"

[clusters.gpu]
profile = "gpu"
server = "https://127.0.0.1:6443"
""",
        encoding="utf-8",
    )
    path.chmod(0o600)
    return path
