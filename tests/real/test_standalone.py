"""Standalone mode with a real kubectl, which reads, and refreshes, the same tokens in the same file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from tests.support.provider import CLIENT_ID
from togetherctl.auth.claims import read_claims
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from tests.real.conftest import Real
    from tests.support.canary import Canary

ANYWHERE = "--listen-address=127.0.0.1:0"
AGAIN = ("--oidc-auth-request-extra-params=prompt=consent", ANYWHERE)
PODS = ["pod/llm-train-0", "pod/llm-train-1", "pod/notebook"]


@pytest.fixture
def folder(home: Path) -> Path:
    path = home / "secrets"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def files(real: Real, folder: Path) -> list[Path]:
    """Three files, as a KUBECONFIG has them: the contexts, the users, and one that comes too late."""
    contexts, users, late = folder / "contexts", folder / "users", folder / "late"
    contexts.write_text(
        f"""apiVersion: v1
kind: Config
current-context: gpu # mine
clusters:
- name: gpu
  cluster: {{server: "{real.api_server.url}", insecure-skip-tls-verify: true}}
contexts:
- name: gpu
  context: {{cluster: gpu, user: me}}
- name: other
  context: {{cluster: gpu, user: you}}
"""
    )
    user = f"""    auth-provider:
      name: oidc # kubectl knows it
      config:
        idp-issuer-url: {real.issuer}
        client-id: {CLIENT_ID}
        extra-scopes: email,offline_access
"""
    users.write_text(
        f"apiVersion: v1\nkind: Config\nusers:\n# the one\n- name: me\n  user:\n{user}- name: you\n  user:\n{user}"
    )
    late.write_text(f"apiVersion: v1\nkind: Config\nusers:\n- name: me\n  user:\n{user}")
    for path in (contexts, users, late):
        path.chmod(0o600)
    return [contexts, users, late]


@pytest.fixture
def kubectl(real: Real, files: list[Path], canary: Canary) -> Callable[..., subprocess.CompletedProcess[str]]:
    program = need("kubectl")
    scripts = Path(sys.executable).parent
    environ = {
        **real.environ,
        "PATH": f"{scripts}{os.pathsep}{real.environ['PATH']}",
        "KUBECONFIG": os.pathsep.join(map(str, files)),
    }

    def call(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, *arguments],
            env={**environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for path in files[1:]:
            for user in ("me", "you"):
                for kind, token in tokens(path, user).items():
                    canary.watch(kind, token)
        canary.saw(f"kubectl {' '.join(arguments)}", done.stdout + done.stderr)
        return done

    return call


def tokens(path: Path, user: str = "me") -> dict[str, str]:
    for entry in load(path.read_text())["users"]:
        if entry["name"] == user:
            config = entry["user"]["auth-provider"]["config"]
            return {key: config[key] for key in ("id-token", "refresh-token") if key in config}
    return {}


def expire(path: Path) -> None:
    """Put a token in its place that says it has expired; nobody looks at the signature of what is on disk."""
    token = tokens(path)["id-token"]
    claims = read_claims(token) | {"iat": time.time() - 7200, "exp": int(time.time()) - 3600}
    payload = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    header, _, signature = token.split(".")
    path.write_text(path.read_text().replace(token, f"{header}.{payload}.{signature}", 1))


def others(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.strip().startswith(("id-token", "refresh-token"))]


def test_login_refresh_and_kubectl_with_the_same_tokens(
    real: Real, files: list[Path], kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    contexts, users, late = files
    before = [path.read_text() for path in files]
    done = kubectl("together-login", *AGAIN)
    assert done.returncode == 0, done.stderr
    first = tokens(users)
    assert set(first) == {"id-token", "refresh-token"}
    assert (contexts.read_text(), late.read_text()) == (before[0], before[2])
    assert others(users.read_text()) == before[1].splitlines()

    pods = kubectl("get", "pods", "-o", "name")
    assert pods.stdout.split() == PODS, pods.stderr
    assert {user for _, user in real.api_server.seen} == {"me@example.com"}
    assert "already have a valid token" in kubectl("together-login").stderr

    # Ours refreshes without a browser.
    expire(users)
    refreshed = kubectl("together-login", CI="1")
    assert refreshed.returncode == 0, refreshed.stderr
    second = tokens(users)
    assert second["refresh-token"] != first["refresh-token"]
    assert kubectl("get", "pods", "-o", "name").stdout.split() == PODS

    # kubectl refreshes by itself and writes the file anew; ours goes on with what it finds.
    expire(users)
    assert kubectl("get", "pods", "-o", "name").stdout.split() == PODS
    third = tokens(users)
    assert third["refresh-token"] not in (first["refresh-token"], second["refresh-token"])
    assert "already have a valid token" in kubectl("together-login").stderr
    expire(users)
    assert kubectl("together-login", CI="1").returncode == 0
    assert kubectl("get", "pods", "-o", "name").stdout.split() == PODS


@pytest.mark.parametrize("how", [["--context=other"], ["--user", "you"]])
def test_another_context_and_another_user(
    how: list[str], files: list[Path], kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    assert kubectl("together-login", *how, *AGAIN).returncode == 0
    assert (tokens(files[1]), set(tokens(files[1], "you"))) == ({}, {"id-token", "refresh-token"})
    assert kubectl("get", "pods", "--user=you", "-o", "name").stdout.split() == PODS


def test_a_file_that_is_named(files: list[Path], kubectl: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert kubectl("together-login", "--kubeconfig", str(files[2]), "--user=me", *AGAIN).returncode == 0
    assert (tokens(files[1]), set(tokens(files[2]))) == ({}, {"id-token", "refresh-token"})
