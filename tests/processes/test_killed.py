"""SIGKILL at every step of a change of configuration and kubeconfigs:

both are whole, and the same command does the rest.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from togetherctl.config.validation import validate
from togetherctl.kube.yaml_text import load

STANZAS = """\
# mine
apiVersion: v1
kind: Config
current-context: east
clusters:
- name: east
  cluster: {server: "https://east.acme.com:6443"}
contexts:
- name: east
  context: {cluster: east, user: me}
users:
- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: kubectl-together_login
      args: [get-token, "--oidc-issuer-url=https://acme.okta.com", --oidc-client-id=k8s, --oidc-client-secret=made-up]
"""
PREPARE: dict[str, list[list[str]]] = {
    "convert": [],
    "init": [],
    "import": [],
    "import a bundle": [],
    "rename a cluster": [["init", "{sent}", "--yes", "--no-login", "--offline", "--secret", "env:ACME"]],
    "rename a profile": [["init", "{sent}", "--yes", "--no-login", "--offline", "--secret", "env:ACME"]],
}
COMMANDS: dict[str, list[str]] = {
    "convert": ["kubeconfig", "convert", "--all", "--no-shim", "--kubeconfig", "{sent}", "--secret", "file:{home}/key"],
    "init": ["init", "{sent}", "--yes", "--no-login", "--offline", "--secret", "file:{home}/key"],
    "import": ["profile", "import", "{sent}", "--yes", "--secret", "file:{home}/key"],
    "import a bundle": ["init", "{home}/team.toml", "--yes", "--no-login", "--offline"],
    "rename a cluster": ["cluster", "rename", "east", "west"],
    "rename a profile": ["profile", "rename", "acme", "work"],
}
BUNDLE = """\
[issuers.team]
url = "https://team.okta.com"

[profiles.team]
issuer = "team"
client_id = "k8s"

[clusters.north]
profile = "team"
server = "https://north.acme.com:6443"
"""


@pytest.mark.parametrize("what", COMMANDS)
def test_killed_at_each_step(what: str, tmp_path: Path, environ: dict[str, str]) -> None:
    home = tmp_path / "secrets"
    home.mkdir()
    (home / "sent.yaml").write_text(STANZAS)
    (home / "team.toml").write_text(BUNDLE)
    environ = {**environ, "HOME": str(home), "TOGETHERCTL_HOME": str(home / "t"), "KUBECONFIG": str(home / "config")}

    def filled(words: list[str]) -> list[str]:
        return [word.replace("{home}", str(home)).replace("{sent}", str(home / "sent.yaml")) for word in words]

    for words in PREPARE[what]:
        done = subprocess.run(
            [sys.executable, "-m", "togetherctl", *filled(words)],
            env=environ,
            check=False,
            timeout=60,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
    before = {path.name: path.read_text() for path in home.iterdir() if path.is_file()}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.cut", str(home), *filled(COMMANDS[what])],
        env=environ,
        check=True,
        timeout=240,
        capture_output=True,
    )
    lines = ran.stdout.decode().splitlines()
    records: list[dict[str, Any]] = json.loads(lines[-1])
    *cut, whole = records
    assert whole["code"] == 0, ran.stderr
    assert len(cut) > 8, "a command that writes takes many steps"
    for number, record in enumerate(cut, 1):
        # A rename that was done to the end has nothing left to do, and the old name is that of nothing.
        ended = what.startswith("rename") and record["seen"].get("config") == whole["after"].get("config")
        assert record["code"] == (2 if ended else 0), f"step {number}: the same command does not go on"
        assert "config.lock" not in record["after"], f"step {number}: a lock is left behind"
        for name in ("sent.yaml", "config"):
            texts = {before.get(name, ""), whole["after"].get(name, "")}
            assert record["seen"].get(name, "") in texts, f"step {number}: {name} is neither old nor new"
            assert record["after"].get(name) == whole["after"].get(name), f"step {number}: {name}"
        config = tomllib.loads(record["seen"].get("t/config.toml", "version = 1"))
        assert validate(config)[1] == [], f"step {number}: the configuration is broken"
        assert record["after"].get("t/config.toml") == whole["after"].get("t/config.toml"), f"step {number}"
        _names_what_the_config_has(record["seen"].get("config", ""), config, number, renaming=what.startswith("rename"))
        assert record["after"].get("key") == whole["after"].get("key"), f"step {number}"


def _names_what_the_config_has(text: str, config: dict[str, Any], number: int, *, renaming: bool) -> None:
    """No kubeconfig calls a profile that the configuration lacks; while renaming it may, until the same command ends
    that.
    """
    for user in (load(text) or {}).get("users", []):
        words = user["user"].get("exec", {}).get("args", [])
        if words[:2] == ["get-token", "--profile"] and not renaming:
            assert words[2] in config["profiles"], f"step {number}"
