"""Standalone mode and setup at the certified provider, through kubectl as people type them."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs import need
from tests.support.provider import CLIENT_ID
from togetherctl.kube.yaml_text import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.conftest import Real
    from tests.support.canary import Canary

ALONE = "--listen-address=127.0.0.1:0"
PODS = ["pod/llm-train-0", "pod/llm-train-1", "pod/notebook"]


@pytest.fixture
def kubectl(real: Real, canary: Canary) -> Callable[..., subprocess.CompletedProcess[str]]:
    scripts = str(Path(sys.executable).parent)

    def call(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [need("kubectl"), *arguments],
            env={**real.environ, "PATH": f"{scripts}:{real.environ['PATH']}", **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        canary.saw(f"kubectl {' '.join(arguments[:2])}", done.stdout + done.stderr)
        return done

    return call


@pytest.fixture
def users(real: Real) -> Path:
    """Two files, as some people have them: where the contexts are, and where the users are, which is given."""
    folder = real.home / "kube"
    folder.mkdir()
    contexts, users = folder / "contexts", folder / "state"
    ours = load((real.home / "kubeconfig").read_text())
    [cluster] = ours["clusters"]
    del cluster["cluster"]["extensions"]
    contexts.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "gpu",
                "clusters": [cluster],
                "contexts": [{"name": "gpu", "context": {"cluster": cluster["name"], "user": "me"}}],
            }
        )
    )
    users.write_text(
        "apiVersion: v1\nkind: Config\nusers: # by hand\n- name: me\n  user:\n    auth-provider:\n      name: oidc\n"
        f"      config:\n        idp-issuer-url: {real.issuer}\n        client-id: {CLIENT_ID}\n"
        "        extra-scopes: email,groups,offline_access\n"
    )
    users.chmod(0o600)
    real.environ["KUBECONFIG"] = f"{contexts}:{users}"
    return users


def tokens(users: Path, canary: Canary) -> dict[str, Any]:
    config = dict(load(users.read_text())["users"][0]["user"]["auth-provider"]["config"])
    for name in ("id-token", "refresh-token"):
        canary.watch(f"the {name}", config.get(name, ""))
    return config


def expired(issuer: str) -> str:
    parts = ({"alg": "RS256"}, {"iss": issuer, "aud": CLIENT_ID, "sub": "me", "iat": 1, "exp": 2})
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.c2ln"


def test_standalone_mode_from_the_login_to_the_refresh(
    real: Real, users: Path, kubectl: Callable[..., subprocess.CompletedProcess[str]], canary: Canary
) -> None:
    contexts = (users.parent / "contexts").read_bytes()
    done = kubectl("together-login", ALONE, "--oidc-auth-request-extra-params=prompt=consent")
    assert done.returncode == 0, done.stderr
    first = tokens(users, canary)
    assert "You got a valid token until" in done.stderr
    assert users.read_text().startswith("apiVersion: v1\nkind: Config\nusers: # by hand\n")
    assert (users.parent / "contexts").read_bytes() == contexts

    # kubectl itself knows what to do with them, as long as it ships that provider.
    pods = kubectl("get", "pods", "-o", "name")
    assert (pods.returncode, pods.stdout.split()) == (0, PODS), pods.stderr

    again = kubectl("together-login", ALONE)
    assert (again.returncode, "You already have a valid token until" in again.stderr) == (0, True)
    assert tokens(users, canary) == first

    users.write_text(users.read_text().replace(first["id-token"], expired(real.issuer)))
    refreshed = kubectl("together-login", ALONE, TOGETHERCTL_BROWSER="false")
    assert refreshed.returncode == 0, refreshed.stderr
    assert "browser" not in refreshed.stderr
    second = tokens(users, canary)
    assert second["id-token"] not in (first["id-token"], expired(real.issuer))
    assert second["refresh-token"] != first["refresh-token"], "the provider rotates"
    assert kubectl("get", "pods", "-o", "name").stdout.split() == PODS


def test_setup_prints_what_this_token_needs(
    real: Real, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    flags = [f"--oidc-issuer-url={real.issuer}", f"--oidc-client-id={CLIENT_ID}", "--oidc-extra-scope=email,groups"]
    done = kubectl("together-login", "setup", *flags, ALONE, "-o", "json")
    assert done.returncode == 0, done.stderr
    item = json.loads(done.stdout)["item"]
    assert (item["username"], item["groups"]) == ("me@example.com", ["gpu-users"])
    assert item["claims"]["iss"] == real.issuer
    # What the demo's API server, which follows these rules, says of the same person.
    assert {user for _, user in real.api_server.seen} <= {"me@example.com"}
