"""`init together`: from an API key to a kubeconfig, and what is said of clusters that cannot be taken."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.issuer import Reply
from tests.support.keyrings import InMemory
from tests.support.together import CLUSTERS, ScriptedTogether

if TYPE_CHECKING:
    from tests.conftest import CliIn, Run, UseKeyring
    from tests.support.clock import StoppedClock

FLAGS = ("--yes", "--no-login", "--offline")


@pytest.fixture
def cli(cli_in: CliIn, clock: StoppedClock) -> Run:
    return cli_in(clock=clock, sleep=clock.sleep)


@pytest.fixture
def kubeconfig(home: Path, environ: dict[str, str], together: ScriptedTogether) -> Path:
    """The file that `KUBECONFIG` names, with the environment of somebody who has an API key."""
    path = home / "kubeconfig"
    environ |= {"KUBECONFIG": str(path), **together.environ}
    return path


@pytest.fixture
def config_file(home: Path) -> Path:
    return home / "tctl" / "config.toml"


def test_from_an_api_key(together: ScriptedTogether, cli: Run, kubeconfig: Path, config_file: Path) -> None:
    together.add("h100-east")
    together.add("h100-west")
    together.add("h100-old", oidc_config=None)
    together.add("h100-soon", status="Scheduled", control_plane_ready=False)
    done = cli("init", "together", *FLAGS)
    assert done.code == 0, done.stderr
    assert "h100-old cannot be taken, because it was made without OIDC" in done.stderr
    assert "h100-soon cannot be taken, because it is not ready yet" in done.stderr
    config = tomllib.loads(config_file.read_text())
    assert list(config["clusters"]) == ["h100-east", "h100-west"]
    assert {table["profile"] for table in config["clusters"].values()} == set(config["profiles"]) == {"acme"}
    assert together.key not in config_file.read_text() + kubeconfig.read_text() + done.stdout + done.stderr

    together.add("h100-new")
    again = cli("init", "together", *FLAGS)
    assert again.code == 0, again.stderr
    assert "new cluster h100-new" in again.stderr
    assert list(tomllib.loads(config_file.read_text())["clusters"]) == ["h100-east", "h100-west", "h100-new"]


def test_a_server_that_moved(together: ScriptedTogether, cli: Run, kubeconfig: Path, config_file: Path) -> None:
    cluster = together.add("h100-east")
    assert cli("init", "together", *FLAGS).code == 0
    assert cli("cluster", "rename", "h100-east", "mine").code == 0
    cluster["kube_config"] = together.kube_config(server="https://203.0.113.99:6443")
    done = cli("init", "together", *FLAGS)
    assert done.code == 0, done.stderr
    assert 'cluster mine: server: "https://203.0.113.7:6443" -> "https://203.0.113.99:6443"' in done.stderr
    assert tomllib.loads(config_file.read_text())["clusters"]["mine"]["server"] == "https://203.0.113.99:6443"
    assert "203.0.113.99" in kubeconfig.read_text()


def test_chosen_clusters_and_a_project(
    together: ScriptedTogether, cli: Run, kubeconfig: Path, config_file: Path
) -> None:
    for name in ("h100-east", "h100-west", "h100-north"):
        together.add(name)
    done = cli("profile", "import", "together", "--project", "proj_1", "--clusters", "h100-west, h100-north", "--yes")
    assert done.code == 0, done.stderr
    assert list(tomllib.loads(config_file.read_text())["clusters"]) == ["h100-west", "h100-north"]
    assert not kubeconfig.exists()
    assert [asked.query.get("projectId") for asked in together.asked if asked.path == CLUSTERS] == ["proj_1"]


@pytest.mark.usefixtures("kubeconfig")
def test_the_key_is_kept_if_wanted(
    together: ScriptedTogether, cli: Run, use_keyring: UseKeyring, environ: dict[str, str]
) -> None:
    keyring = InMemory()
    use_keyring(keyring)
    together.add()
    assert cli("init", "together", *FLAGS).code == 0
    assert cli("init", "together", *FLAGS, TOGETHER_API_KEY="").code == 2, "it was kept nowhere"
    done = cli("init", "together", *FLAGS, "--keep-api-key")
    assert "The API key is in the keyring." in done.stderr
    done = cli("init", "together", *FLAGS, TOGETHER_API_KEY="")
    assert done.code == 0, done.stderr
    assert environ["TOGETHER_API_KEY"] == together.key


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (500, 4)])
def test_an_api_that_says_no(status: int, code: int, together: ScriptedTogether, cli: Run, config_file: Path) -> None:
    together.always[CLUSTERS] = Reply(status)
    assert cli("init", "together", *FLAGS).code == code
    assert not config_file.exists()


@pytest.mark.usefixtures("kubeconfig")
def test_no_cluster_at_all(together: ScriptedTogether, cli: Run) -> None:
    del together
    done = cli("init", "together", *FLAGS)
    assert done.code == 1
    assert "project research cannot be taken, because the API lists no cluster for this key" in done.stderr
    assert "there is nothing to take in Together AI (research)" in done.stderr
