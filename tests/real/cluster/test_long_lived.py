"""A watch that outlives its token: an API server looks at a token when a request begins."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real.cluster.conftest import Machine, StartCluster


def expiry(machine: Machine) -> float:
    """When the token that get-token gives ends."""
    token = json.loads(machine.does("togetherctl get-token --profile acme"))["status"]["token"]
    body = token.split(".")[1]
    return float(json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])


@pytest.mark.parametrize("lifetime", [20])
def test_a_watch_across_expiry(machine: Machine, cluster_of: StartCluster) -> None:
    cluster = cluster_of("--oidc-username-claim=email")
    cluster.give("cluster-admin", "me@example.com")
    machine.does("togetherctl login acme")
    with subprocess.Popen(
        [cluster.programs / "kubectl", "get", "configmaps", "--watch", "--output=name"],
        env=machine.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            assert watching.stdout is not None
            cluster.kubectl("create", "configmap", "before")
            while watching.stdout.readline() != "configmap/before\n":
                assert watching.poll() is None, watching.communicate()
            # The watch began with this token, or with an older one.
            ends = expiry(machine)
            time.sleep(max(ends - time.time(), 0) + 2)
            cluster.kubectl("create", "configmap", "after")
            assert watching.stdout.readline() == "configmap/after\n"
            # A new request has a new token, without a login.
            assert "configmap/after" in machine.does("kubectl get configmaps --output=name", TOGETHERCTL_NO_INPUT="1")
            assert expiry(machine) > ends
        finally:
            watching.terminate()
            watching.communicate(timeout=20)
