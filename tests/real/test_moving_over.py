"""Real kubectl through a kubeconfig that was kubelogin's an hour ago, with kubelogin's own tokens and no browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import need
from tests.support.provider import CLIENT_ID
from togetherctl.kube.yaml_text import dump

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real
    from tests.support.canary import Canary

PODS = ["pod/llm-train-0", "pod/llm-train-1", "pod/notebook"]


@pytest.fixture
def old(real: Real, cli: Run, home: Path) -> Path:
    """A home with kubelogin's kubeconfig and cache, and nothing of ours; the folder of the cache."""
    assert cli("login", **real.environ).code == 0
    session = real.watch()
    assert session is not None
    assert session.id_token is not None
    cache = home / "secrets" / "oidc-login"
    cache.mkdir(parents=True, mode=0o700)
    tokens = cache / "0d9c4f"
    tokens.write_text(json.dumps({"id_token": session.id_token.value, "refresh_token": session.refresh_token}))
    tokens.chmod(0o600)
    words = [
        *("oidc-login", "get-token", f"--oidc-issuer-url={real.issuer}", f"--oidc-client-id={CLIENT_ID}"),
        *("--oidc-extra-scope=email,groups", f"--token-cache-dir={cache}"),
    ]
    stanza = {"apiVersion": "client.authentication.k8s.io/v1", "command": "kubectl", "interactiveMode": "IfAvailable"}
    kubeconfig = home / "kubeconfig"
    [cluster] = [entry for entry in json.loads(_view(real))["clusters"] if entry["name"] == "gpu"]
    del cluster["cluster"]["extensions"]
    kubeconfig.write_text(
        dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "oidc@gpu",
                "clusters": [cluster],
                "contexts": [{"name": "oidc@gpu", "context": {"cluster": "gpu", "user": "oidc"}}],
                "users": [{"name": "oidc", "user": {"exec": {**stanza, "args": words}}}],
            }
        )
    )
    real.environ["TOGETHERCTL_HOME"] = str(home / "new")
    real.environ["TOGETHERCTL_LOGIN"] = "never"
    del real.environ["TOGETHERCTL_BROWSER"]
    return cache


def _view(real: Real) -> str:
    return subprocess.run(
        [need("kubectl"), "config", "view", "--raw", "-o", "json"],
        env=real.environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def _pods(real: Real, canary: Canary, **changes: str) -> list[str]:
    done = subprocess.run(
        [need("kubectl"), "get", "pods", "-o", "name"],
        env={**real.environ, **changes},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    canary.saw("kubectl get pods", done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.usefixtures("old")
def test_kubectl_goes_on_where_kubelogin_was(real: Real, process: Run, canary: Canary, home: Path) -> None:
    done = process("kubeconfig", "convert", "--import-cache", **real.environ)
    assert done.code == 0, done.stderr
    assert "takes over the session of me@example.com" in done.stderr
    assert _pods(real, canary) == PODS
    assert {user for _, user in real.api_server.seen} == {"me@example.com"}
    assert process("refresh", **real.environ).code == 0
    _watch(home / "new", canary)
    assert _pods(real, canary) == PODS
    written = process("kubeconfig", "write", **real.environ)
    assert written.code == 0, written.stderr
    assert _pods(real, canary) == PODS


def _watch(home: Path, canary: Canary) -> None:
    for path in (home / "state" / "sessions").glob("*.json"):
        session = json.loads(path.read_text())
        canary.watch("a refresh token", session["refresh_token"])
        canary.watch("an ID token", session["id_token"]["value"])
