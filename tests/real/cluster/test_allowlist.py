"""A kuberc that lets kubectl run no plugin but ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.real.cluster.conftest import Machine, StartCluster


def test_kubectl_runs_what_the_list_names_and_nothing_else(machine: Machine, cluster_of: StartCluster) -> None:
    cluster_of("--oidc-username-claim=email")
    machine.does("togetherctl login acme")
    kuberc = machine.home / ".kube" / "kuberc"
    kuberc.parent.mkdir(exist_ok=True)
    kuberc.write_text(machine.does("togetherctl kubeconfig allowlist"), encoding="utf-8")
    done = machine.run("kubectl auth whoami -o jsonpath='{.status.userInfo.username}'")
    assert (done.returncode, done.stdout, done.stderr) == (0, "me@example.com", "")

    # The same answer from a plugin that is not on the list: kubectl does not run it.
    shim = machine.does("kubectl config view -o jsonpath='{.users[0].user.exec.command}'")
    other = machine.home / "other-plugin"
    other.write_text(f'#!/bin/sh\ntouch "{machine.home}/was-run"\nexec "{shim}" "$@"\n', encoding="utf-8")
    other.chmod(0o700)
    machine.does(f"kubectl config view --raw | sed 's|{shim}|{other}|' > {machine.home}/other.yaml")
    refused = machine.run("kubectl auth whoami", KUBECONFIG=str(machine.home / "other.yaml"))
    assert (refused.returncode, "not permitted by the credential plugin allowlist" in refused.stderr) == (1, True)
    assert not (machine.home / "was-run").exists()

    # Without the policy it is run: the list is what held it back.
    kuberc.unlink()
    assert machine.run("kubectl auth whoami", KUBECONFIG=str(machine.home / "other.yaml")).returncode == 0
    assert (machine.home / "was-run").exists()
