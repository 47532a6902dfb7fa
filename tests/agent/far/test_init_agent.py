"""`init agent`: clusters and profiles of a forwarded agent, without a secret, taken once and again."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.agent import TOKEN, ScriptedAgent
from tests.support.cluster import ScriptedCluster
from tests.support.programs import need

if TYPE_CHECKING:
    import trustme

    from tests.conftest import Run

Environ = dict[str, str]


@pytest.fixture
def cluster(authority: trustme.CA) -> Iterator[ScriptedCluster]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedCluster(context) as running:
        yield running


@pytest.fixture
def offered(agent: ScriptedAgent, cluster: ScriptedCluster, ca_file: Path) -> dict[str, Any]:
    """The profile `gpu` with the cluster `gpu-east`, as the agent offers it."""
    profile = {
        "name": "gpu",
        "forward": "always",
        "issuer": "https://login.acme.com",
        "client_id": "kubernetes",
        "clusters": [
            {
                "name": "gpu-east",
                "context": "east",
                "server": cluster.url,
                "ca_data": base64.b64encode(ca_file.read_bytes()).decode(),
                "tls_server_name": None,
                "proxy_url": None,
                "insecure_skip_tls_verify": False,
                "namespace": "ml",
            }
        ],
    }
    agent.offers(profile)
    return profile


def config(home: Path) -> dict[str, Any]:
    return tomllib.loads((home / "tctl" / "config.toml").read_text())


@pytest.mark.usefixtures("offered")
def test_kubectl_works_after_it(cli: Run, home: Path, cluster: ScriptedCluster, environ: Environ) -> None:
    done = cli("init", "agent", "--yes", "-o", "json", "--set-current")
    assert done.code == 0, done.stderr
    record = json.loads(done.stdout)["item"]
    assert record["profiles"] == ["gpu"]
    assert [one["username"] for one in record["clusters"]] == ["me@acme.com"]
    written = config(home)
    assert written["profiles"]["gpu"] == {
        "issuer": "acme",
        "client_id": "kubernetes",
        "grant": "agent",
        "session": "gpu",
    }
    assert written["issuers"] == {"acme": {"url": "https://login.acme.com"}}
    assert {key: written["clusters"]["gpu-east"][key] for key in ("profile", "server", "context", "namespace")} == {
        "profile": "gpu",
        "server": cluster.url,
        "context": "east",
        "namespace": "ml",
    }
    cluster.bearers.clear()
    kubectl = subprocess.run(
        [need("kubectl"), "auth", "whoami", "-o", "json"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert kubectl.returncode == 0, kubectl.stderr
    assert set(cluster.bearers) == {f"Bearer {TOKEN}"}


def test_no_agent_weakens_tls_or_chooses_a_proxy(
    cli: Run, home: Path, agent: ScriptedAgent, offered: dict[str, Any]
) -> None:
    offered["clusters"][0] |= {
        "insecure_skip_tls_verify": True,
        "proxy_url": "http://proxy.acme.com:3128",
        "ca_data": None,
    }
    agent.offers(offered)
    done = cli("init", "agent", "--yes", "--no-login")
    assert done.code == 0, done.stderr
    assert not {"insecure_skip_tls_verify", "proxy_url"} & config(home)["clusters"]["gpu-east"].keys()
    said = " ".join(done.stderr.split())
    assert "togetherctl lets no agent weaken what protects a login" in said
    assert "togetherctl lets no agent choose a proxy" in said
    # The person may.
    assert cli("cluster", "set", "gpu-east", "insecure_skip_tls_verify=true", "--yes").code == 0
    assert cli("init", "agent", "--yes", "--no-login").code == 0
    assert config(home)["clusters"]["gpu-east"]["insecure_skip_tls_verify"] is True


def test_again_follows_what_the_agent_says_and_keeps_what_is_the_persons(
    cli: Run, home: Path, agent: ScriptedAgent, offered: dict[str, Any]
) -> None:
    assert cli("init", "agent", "--yes", "--no-login").code == 0
    again = cli("init", "agent", "--yes", "--no-login")
    assert "have all of this already" in again.stderr
    assert cli("cluster", "set", "gpu-east", "namespace=mine", "--yes").code == 0
    offered["clusters"][0] |= {"tls_server_name": "api.acme.com", "namespace": "theirs"}
    agent.offers(offered, {**offered, "name": "web", "clusters": []})
    done = cli("init", "agent", "--yes", "--no-login")
    assert done.code == 0, done.stderr
    written = config(home)
    assert written["clusters"]["gpu-east"]["tls_server_name"] == "api.acme.com"
    assert written["clusters"]["gpu-east"]["namespace"] == "mine"
    assert written["profiles"]["web"]["session"] == "web"


@pytest.mark.usefixtures("offered")
def test_a_name_that_is_taken_still_asks_for_the_agents_profile(cli: Run, home: Path, agent: ScriptedAgent) -> None:
    (home / "tctl").mkdir(mode=0o700, exist_ok=True)
    (home / "tctl" / "config.toml").write_text(
        """version = 1
[issuers.other]
url = "https://login.other.com"
[profiles.gpu]
issuer = "other"
client_id = "kubernetes"
"""
    )
    (home / "tctl" / "config.toml").chmod(0o600)
    done = cli("init", "agent", "--yes", "-o", "json")
    assert done.code == 0, done.stderr
    [name] = json.loads(done.stdout)["item"]["profiles"]
    assert name != "gpu"
    assert config(home)["profiles"][name]["session"] == "gpu"
    assert "GET /v1/credentials/gpu" in agent.asked


def test_an_agent_without_profiles(cli: Run, agent: ScriptedAgent) -> None:
    agent.offers()
    done = cli("init", "agent", "--yes")
    assert done.code == 1
    assert "togetherctl profile set NAME forward=ask" in done.stderr


def test_no_agent(cli: Run, home: Path) -> None:
    done = cli("init", "agent", "--yes")
    assert done.code == 4
    assert "togetherctl ssh HOST" in done.stderr
    assert not (home / "tctl" / "config.toml").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "ftp://x"},
        {"issuer": None},
        {"client_id": 7},
        {"name": ""},
        {"clusters": [{"name": "x", "server": "http://evil.example:1/\x1b[2J"}]},
    ],
)
def test_what_makes_no_sense_is_left_out_and_said(
    cli: Run, home: Path, agent: ScriptedAgent, offered: dict[str, Any], changes: dict[str, Any]
) -> None:
    agent.offers({**offered, **changes})
    done = cli("init", "agent", "--yes", "--no-login")
    assert done.code == 1
    assert "cannot be taken, because" in done.stderr
    assert "\x1b" not in done.stderr
    assert not (home / "tctl" / "config.toml").exists()


@pytest.mark.usefixtures("offered")
def test_profile_import_takes_it_too(cli: Run, home: Path) -> None:
    done = cli("profile", "import", "agent", "--yes")
    assert done.code == 0, done.stderr
    assert "gpu" in config(home)["profiles"]
