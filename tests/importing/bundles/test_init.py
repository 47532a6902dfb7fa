"""`init` with a bundle: shown, agreed to host by host, written, and taken again without losing edits."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.importing.bundles.conftest import BUNDLE, Publish
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run

HOSTS = ("acme.okta.com", "east.acme.com", "west.acme.com")
TRUST = tuple(word for host in HOSTS for word in ("--trust-host", host))
FLAGS = ("--yes", "--no-login", "--offline")


@pytest.fixture
def kubeconfig(home: Path, environ: dict[str, str]) -> Path:
    path = home / "kubeconfig"
    environ["KUBECONFIG"] = str(path)
    return path


@pytest.fixture
def config(home: Path) -> Path:
    return home / "tctl" / "config.toml"


def clusters(config: Path) -> list[str]:
    return list(tomllib.loads(config.read_text())["clusters"])


def test_a_bundle_from_the_network_needs_its_hosts_agreed_to(
    publish: Publish, cli: Run, config: Path, kubeconfig: Path, ca_file: Path
) -> None:
    url, trusting = publish(), {"SSL_CERT_FILE": str(ca_file)}
    refused = cli("init", url, *FLAGS, **trusting)
    assert refused.code == 2
    assert all(f"--trust-host {host}" in refused.stderr for host in HOSTS)
    assert not config.exists()
    assert not kubeconfig.exists()
    looked = cli("init", url, "--yes", "--no-login", **trusting)
    assert (looked.code, "--trust-host" in looked.stderr) == (2, True), "no host is asked anything before"
    done = cli("init", url, *FLAGS, *TRUST, **trusting)
    assert done.code == 0, done.stderr
    assert clusters(config) == ["east", "west"]
    assert tomllib.loads(config.read_text())["bundles"]["team"]["source"] == url
    assert [entry["name"] for entry in load(kubeconfig.read_text())["contexts"]] == ["east", "west"]
    again = cli("init", url, *FLAGS, **trusting)
    assert again.code == 0, again.stderr
    assert "have all of this already" in again.stderr


def test_a_file(team_file: Path, cli: Run, config: Path, kubeconfig: Path) -> None:
    dry = cli("init", str(team_file), "--dry-run", "--offline")
    assert dry.code == 0, dry.stderr
    assert '+server = "https://east.acme.com:6443"' in dry.stdout
    assert not config.exists()
    done = cli("init", str(team_file), *FLAGS, "--clusters", "east")
    assert done.code == 0, done.stderr
    assert clusters(config) == ["east"]
    assert load(kubeconfig.read_text())["current-context"] == "east"
    assert cli("cluster", "set", "east", "namespace=mine").code == 0
    team_file.write_text(BUNDLE.replace("training", "serving"))
    refused = cli("init", str(team_file), *FLAGS)
    assert (refused.code, "add --trust-host west.acme.com" in refused.stderr) == (2, True), "a login it has goes there"
    done = cli("init", str(team_file), *FLAGS, "--trust-host", "WEST.acme.com:6443")
    assert done.code == 0, done.stderr
    assert clusters(config) == ["east", "west"]
    assert tomllib.loads(config.read_text())["clusters"]["east"]["namespace"] == "mine"


def test_standard_input_and_import(process: Run, config: Path, kubeconfig: Path) -> None:
    done = process("profile", "import", "-", "--yes", stdin=BUNDLE)
    assert done.code == 0, done.stderr
    assert clusters(config) == ["east", "west"]
    assert not kubeconfig.exists()


def test_what_a_bundle_must_not_hold(team_file: Path, cli: Run, config: Path) -> None:
    team_file.write_text(BUNDLE + '[profiles.evil]\nissuer = "acme"\nclient_id = "x"\nbrowser = ["sh", "-c", "id"]\n')
    done = cli("init", str(team_file), *FLAGS)
    assert done.code == 2
    assert "togetherctl lets no bundle run programs" in done.stderr
    assert not config.exists()


def test_a_bundle_goes_alone(team_file: Path, tmp_path: Path, cli: Run, config: Path) -> None:
    other = tmp_path / "x.yaml"
    other.write_text('clusters: [{name: a, cluster: {server: "https://a"}}]\n')
    for words in ((str(other), str(team_file)), (str(team_file), str(other)), (str(team_file), str(team_file))):
        done = cli("init", *words, *FLAGS)
        assert (done.code, "one init for each" in done.stderr) == (2, True), done.stderr
    assert not config.exists()
