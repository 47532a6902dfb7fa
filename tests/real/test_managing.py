"""A real kubectl goes on without a login while everything gets other names, and stops once it is removed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.support.programs import need

if TYPE_CHECKING:
    from tests.conftest import Done, Run
    from tests.real.conftest import Real


def kubectl(real: Real, *words: str) -> Done:
    from tests.conftest import Done

    done = subprocess.run(
        [need("kubectl"), *words], env=real.environ, capture_output=True, text=True, timeout=60, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_kubectl_follows_every_new_name_without_a_login(real: Real, cli: Run) -> None:
    pods = kubectl(real, "get", "pods", "-o", "name")
    assert (pods.code, "pod/notebook" in pods.stdout) == (0, True), pods.stderr
    session = real.watch()
    assert session is not None
    # Whoever logged in again would need a browser now.
    real.environ["TOGETHERCTL_LOGIN"] = "never"
    for words in (
        ["profile", "rename", "acme", "corp"],
        ["issuer", "rename", "acme", "okta"],
        ["cluster", "rename", "gpu", "h100"],
        ["kubeconfig", "write", "--context-template", "{issuer}.{profile}.{cluster}"],
        ["profile", "rename", "corp", "me@acme.com"],
        ["kubeconfig", "write", "--context-template", "{context}"],
    ):
        done = cli(*words, **real.environ)
        assert done.code == 0, done.stderr
        again = kubectl(real, "get", "pods", "-o", "name")
        assert (again.code, again.stdout) == (0, pods.stdout), (words, again.stderr)
        current = kubectl(real, "config", "current-context").stdout.strip()
        assert kubectl(real, "config", "get-contexts", "-o", "name").stdout.split() == [current]
    assert real.watch() == session

    folder = real.home / "clusters"
    assert cli("kubeconfig", "write", "--output-dir", str(folder), **real.environ).code == 0
    own = kubectl(real, "--kubeconfig", str(folder / "h100.yaml"), "get", "pods", "-o", "name")
    assert (own.code, own.stdout) == (0, pods.stdout)

    assert cli("cluster", "remove", "h100", "--yes", **real.environ).code == 0
    assert kubectl(real, "config", "get-contexts", "-o", "name").stdout == ""
    assert kubectl(real, "config", "get-users").stdout.split() == ["NAME"]
    assert kubectl(real, "config", "current-context").code != 0
