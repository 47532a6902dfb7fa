"""Real Kubernetes clients over the generated kubeconfig."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import NODE_FOLDER, need, need_node

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real
    from tests.support.canary import Canary

PODS = "llm-train-0 llm-train-1 notebook"
ME = "me@example.com"


@pytest.fixture
def kubectl(real: Real, canary: Canary) -> Callable[..., subprocess.CompletedProcess[str]]:
    program = need("kubectl")

    def call(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, *arguments],
            env={**real.environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        real.watch()
        canary.saw(f"kubectl {' '.join(arguments)}", done.stdout + done.stderr)
        return done

    return call


def test_kubectl_from_the_first_login_to_the_logout(
    real: Real, kubectl: Callable[..., subprocess.CompletedProcess[str]], process: Run
) -> None:
    refused = kubectl("get", "pods", TOGETHERCTL_LOGIN="never")
    assert refused.returncode != 0
    assert "togetherctl login acme" in refused.stderr
    assert real.api_server.seen == []

    first = kubectl("get", "pods")
    assert first.returncode == 0, first.stderr
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["NAME", *PODS.split()]
    assert {user for _, user in real.api_server.seen} == {ME}

    second = kubectl("get", "pods", TOGETHERCTL_LOGIN="never")
    assert second.stdout == first.stdout
    assert "browser" not in second.stderr

    who = kubectl("auth", "whoami", "-o", "json", TOGETHERCTL_LOGIN="never")
    review = json.loads(who.stdout)["status"]["userInfo"]
    assert (review["username"], review["groups"]) == (ME, ["gpu-users", "system:authenticated"])
    ours = process("whoami", "-o", "json", TOGETHERCTL_LOGIN="never", **real.environ)
    [cluster] = json.loads(ours.stdout)["item"]["clusters"]
    assert cluster == {"cluster": "gpu", "username": review["username"], "groups": review["groups"], "error": None}
    assert "v1.34.0-togetherctl-demo" in kubectl("version", TOGETHERCTL_LOGIN="never").stdout

    assert process("refresh", **real.environ).code == 0
    assert kubectl("get", "pods", TOGETHERCTL_LOGIN="never").stdout == first.stdout
    assert process("logout", **real.environ).code == 0
    assert kubectl("get", "pods", TOGETHERCTL_LOGIN="never").returncode != 0


def test_kubectl_with_v1beta1(real: Real, kubectl: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    path = real.home / "kubeconfig"
    path.write_text(
        path.read_text().replace("client.authentication.k8s.io/v1\n", "client.authentication.k8s.io/v1beta1\n")
    )
    done = kubectl("get", "pods", "-o", "name")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"pod/{name}" for name in PODS.split()]


def test_the_plugin_name_is_the_same_program(
    real: Real, kubectl: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    import sys
    from pathlib import Path

    scripts = str(Path(sys.executable).parent)
    done = kubectl("together-login", "version", PATH=f"{scripts}:{real.environ['PATH']}")
    assert (done.returncode, "interpreter" in done.stdout) == (0, True), done.stderr


def test_the_official_python_client(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes import client, config

    for name, value in real.environ.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        configuration = client.Configuration()
        config.load_kube_config(real.environ["KUBECONFIG"], client_configuration=configuration)
        with client.ApiClient(configuration) as api:
            pods = client.CoreV1Api(api).list_namespaced_pod("default")
            assert [pod.metadata.name for pod in pods.items if pod.metadata] == PODS.split()
        real.watch()
    assert {user for _, user in real.api_server.seen} == {ME}


def test_the_official_node_client(real: Real) -> None:
    done = subprocess.run(
        [need_node(), "pods.mjs"],
        cwd=NODE_FOLDER,
        env=real.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [PODS, PODS]
    assert {user for _, user in real.api_server.seen} == {ME}
