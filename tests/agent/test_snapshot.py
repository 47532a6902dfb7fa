"""What the agent knows of the configuration: one fault stops only what it is about, and no child runs in vain."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import RunningAgent, call
from togetherctl.agent.protocol import Ended, Errand, Failure
from togetherctl.agent.snapshot import Configuration, Snapshot

if TYPE_CHECKING:
    from tests.conftest import MakeConfig
    from tests.support.issuer import ScriptedIssuer

CREDENTIAL = "/v1/credentials/acme"


@pytest.fixture
def with_clusters(config_at: MakeConfig, issuer: ScriptedIssuer) -> Callable[[Path], Path]:
    """Adds a cluster with this CA file to a profile that the agent lets out, and one to a profile that it does not."""

    def write(ca_file: Path) -> Path:
        path = config_at(issuer, profile_keys='forward = "always"')
        more = f"""
[profiles.kept]
issuer = "acme"
client_id = "kept"
[clusters.gone]
profile = "kept"
server = "https://127.0.0.1:6444"
ca_file = "/nonexistent/ca.pem"
[clusters.west]
profile = "acme"
server = "https://127.0.0.1:6445"
ca_file = "{ca_file}"
"""
        path.write_text(path.read_text("utf-8") + more, encoding="utf-8")
        return path

    return write


def offered(agent: RunningAgent) -> dict[str, str]:
    """The clusters that are offered, and the certificate authority of each."""
    status, document = call(agent.socket, "GET", "/v1/profiles")
    assert status == 200, document
    return {one["name"]: one["ca_data"] for profile in document["profiles"] for one in profile["clusters"]}


def children(agent: RunningAgent) -> int:
    return int(call(agent.control, "GET", "/v1/status")[1]["children"])


def test_a_ca_file_that_is_gone_takes_its_cluster_along_and_nothing_else(
    agent: RunningAgent, with_clusters: Callable[[Path], Path], tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    with_clusters(ca_file)
    agent.start()
    assert call(agent.socket, "GET", CREDENTIAL)[0] == 401
    assert "west" not in offered(agent)
    before = children(agent)
    for _ in range(5):
        offered(agent)
    assert children(agent) == before
    said = agent.stop()
    assert said.count("cluster west is not offered to other machines") == 1
    assert f"{ca_file}: No such file or directory" in said
    # The other one goes nowhere, so it is not looked at.
    assert "nonexistent" not in said


def test_a_ca_file_that_is_there_again_is_offered_again(
    agent: RunningAgent, with_clusters: Callable[[Path], Path], tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    with_clusters(ca_file)
    agent.start()
    assert "west" not in offered(agent)
    ca_file.write_bytes(b"certificate")
    agent.until(lambda: "west" in offered(agent), "the cluster")
    assert base64.b64decode(offered(agent)["west"]) == b"certificate"


class Failing:
    """Children that end without an answer."""

    def __init__(self) -> None:
        self.started = 0

    def run(self, errand: Errand, ended: Callable[[Ended], None]) -> Callable[[], None]:
        assert errand.words == ["snapshot"]
        # It takes no turn behind the children of slow issuers.
        assert errand.apart
        self.started += 1
        ended(Ended(1, b""))
        return lambda: None


def test_what_failed_is_tried_again_after_some_seconds_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Snapshot | Failure] = []
    children, now = Failing(), time.monotonic()
    monkeypatch.setattr("togetherctl.agent.snapshot.time.monotonic", lambda: now)
    configuration = Configuration(tmp_path / "config.toml", children, lambda _found: None)
    for _ in range(5):
        configuration.ask(told.append)
    assert (len(told), children.started) == (5, 1)
    assert all(isinstance(one, Failure) and one.code == "failed" for one in told)
    now += 11
    configuration.ask(told.append)
    assert children.started == 2
    # Another configuration is read at once.
    (tmp_path / "config.toml").touch()
    configuration.ask(told.append)
    assert children.started == 3
