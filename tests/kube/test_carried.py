"""A kubeconfig is used from places that know nothing of the shell it was written in: it carries what it needs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.conftest import Run


@pytest.fixture
def config(home: Path) -> Path:
    return home / ".kube" / "config"


def stanza(config: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(config.read_text())["users"][-1]["user"]["exec"]
    return found


def run(config: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """What a program that was started elsewhere gets: its own few variables, and those of the stanza."""
    called = stanza(config)
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TOGETHERCTL_NO_INPUT": "1"}
    environ |= {item["name"]: item["value"] for item in called.get("env", [])}
    words = [called["command"], *called["args"]]
    return subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=60)


def moved(acme: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(acme.read_text())
    to.chmod(0o600)
    return to


def test_a_config_of_its_own_is_carried(acme: Path, home: Path, config: Path, cli: Run) -> None:
    mine = moved(acme, home / "x" / "my.toml")
    acme.unlink()
    assert cli("kubeconfig", "write", TOGETHERCTL_CONFIG=str(mine), TOGETHERCTL_HOME="").code == 0
    assert stanza(config)["env"] == [{"name": "TOGETHERCTL_CONFIG", "value": str(mine)}]
    done = run(config, home)
    assert (done.returncode, "login required" in done.stderr or "togetherctl login" in done.stderr) == (3, True)
    shown = load(cli("kubeconfig", "show", TOGETHERCTL_CONFIG=str(mine), TOGETHERCTL_HOME="").stdout)
    assert shown["users"][0]["user"]["exec"]["env"] == stanza(config)["env"]


@pytest.mark.parametrize("words", [(), ("--no-shim",)])
def test_a_home_of_its_own_is_carried(words: tuple[str, ...], acme: Path, home: Path, config: Path, cli: Run) -> None:
    assert cli("kubeconfig", "write", *words).code == 0
    carried = [{"name": "TOGETHERCTL_HOME", "value": str(acme.parent)}] if words else None
    assert stanza(config).get("env") == carried
    assert run(config, home).returncode == 3


def test_the_shim_finds_its_config_from_another_home(
    acme: Path, home: Path, config: Path, cli: Run, tmp_path: Path
) -> None:
    """As under sudo, and in a snap."""
    moved(acme, home / ".config" / "togetherctl" / "config.toml")
    acme.unlink()
    assert cli("kubeconfig", "write", TOGETHERCTL_HOME="").code == 0
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    assert run(config, other).returncode == 3
    assert list(other.iterdir()) == []


def test_a_portable_file_carries_nothing(acme: Path, home: Path, config: Path, cli: Run) -> None:
    mine = moved(acme, home / "x" / "my.toml")
    assert cli("kubeconfig", "write", "--portable", TOGETHERCTL_CONFIG=str(mine)).code == 0
    assert "env" not in stanza(config)


def test_variables_of_its_owner_stay_and_ours_follow(acme: Path, home: Path, config: Path, cli: Run) -> None:
    mine = moved(acme, home / "x" / "my.toml")
    changes = {"TOGETHERCTL_CONFIG": str(mine), "TOGETHERCTL_HOME": ""}
    cli("kubeconfig", "write", **changes)
    text = config.read_text()
    config.write_text(
        text.replace("      env:\n", "      env:\n      - {name: BROWSER, value: w3m}   # in a terminal\n")
    )
    before = config.read_text()
    assert cli("kubeconfig", "write", **changes).code == 0
    assert config.read_text() == before
    assert cli("kubeconfig", "write").code == 0
    assert stanza(config)["env"] == [{"name": "BROWSER", "value": "w3m"}]
    assert "# in a terminal" in config.read_text()


def test_a_profile_that_is_not_there_is_said_with_the_config(acme: Path, cli: Run) -> None:
    done = cli("get-token", "--profile", "nobody")
    assert (done.code, f"there is no profile nobody; known: acme (in {acme})" in done.stderr) == (2, True)


def test_converting_carries_it_too(home: Path, cli: Run, acme: Path) -> None:
    old = home / "old"
    words = "[get-token, '--oidc-issuer-url=https://id.acme.com', --oidc-client-id=k8s]"
    old.write_text(
        f"users:\n- name: me\n  user:\n    exec: {{command: kubelogin, args: {words}, env: [{{name: A, value: b}}]}}\n"
    )
    mine = moved(acme, home / "x" / "my.toml")
    done = cli("kubeconfig", "convert", "--kubeconfig", str(old), TOGETHERCTL_CONFIG=str(mine), TOGETHERCTL_HOME="")
    assert done.code == 0, done.stderr
    assert stanza(old)["env"] == [{"name": "A", "value": "b"}, {"name": "TOGETHERCTL_CONFIG", "value": str(mine)}]
