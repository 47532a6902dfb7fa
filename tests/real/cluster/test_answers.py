"""What a real API server answers to our tokens, and what is said of it: who you are, 401, 403."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.cluster.conftest import Machine, StartCluster


def test_who_you_are(machine: Machine, cluster_of: StartCluster) -> None:
    cluster_of("--oidc-username-claim=email", "--oidc-groups-claim=groups")
    assert "Logged in as me@example.com" in machine.run("togetherctl login acme").stderr
    found = machine.whoami()
    assert (found["username"], found["groups"]) == ("me@example.com", ["gpu-users", "system:authenticated"])
    review = json.loads(machine.does("kubectl auth whoami -o json"))
    assert review["apiVersion"] == "authentication.k8s.io/v1"
    assert review["status"]["userInfo"]["username"] == "me@example.com"
    # The older versions of the review are gone: 404.
    for version in ("v1beta1", "v1alpha1"):
        path = f"/apis/authentication.k8s.io/{version}/selfsubjectreviews"
        assert machine.run(f"kubectl get --raw {path}").returncode != 0


def test_no_rights_yet(machine: Machine, cluster_of: StartCluster) -> None:
    cluster = cluster_of("--oidc-username-claim=email")
    machine.does("togetherctl login acme")
    assert machine.whoami()["username"] == "me@example.com"
    done = machine.run("kubectl get pods")
    assert (done.returncode, 'User "me@example.com" cannot list resource "pods"' in done.stderr) == (1, True)

    # Where even asking who you are is not allowed, the command that allows it is said.
    cluster.kubectl("delete", "clusterrolebinding", "system:basic-user")
    refused = machine.run("togetherctl whoami")
    end = time.monotonic() + 20
    while refused.returncode == 0 and time.monotonic() < end:
        refused = machine.run("togetherctl whoami")
    assert (refused.returncode, "knows you as me@example.com" in refused.stderr) == (5, True), refused.stderr
    [command] = re.findall(r"kubectl create clusterrolebinding .*", refused.stderr)
    found = machine.doctor("cluster-access")
    assert (found["status"], found["hint"]) == ("failed", f"the cluster's admin can run: {command}")
    machine.does(command, KUBECONFIG=str(cluster.admin))
    end = time.monotonic() + 20
    while machine.run("togetherctl whoami").returncode and time.monotonic() < end:
        pass
    assert machine.whoami()["username"] == "me@example.com"
    found = machine.doctor("cluster-access")
    assert (found["status"], found["message"]) == ("ok", "it knows you as me@example.com, in no group of the issuer")


def test_a_cluster_for_another_client(machine: Machine, cluster_of: StartCluster) -> None:
    cluster = cluster_of("--oidc-username-claim=email", client="another-client")
    machine.does("togetherctl login acme")
    done = machine.run("kubectl get pods")
    assert done.returncode != 0
    assert "Unauthorized" in done.stderr or "must be logged in" in done.stderr
    said = json.dumps(machine.whoami(code=5))
    assert "401" in said
    # Only the server's own log knows: the client has to be told where to look.
    assert 'expected audience \\"another-client\\"' in cluster.log.read_text()

    # The doctor says the same without a refresh, and with --fix forces one, once.
    before = cluster.log.read_text().count("expected audience")
    found = machine.doctor("cluster-access")
    assert (found["status"], "must be told just that" in found["message"]) == ("failed", True), found
    for _ in range(2):
        found = machine.doctor("cluster-access", "--fix", "--yes")
        assert "this is the token of a refresh that was forced less than ten minutes ago" in found["message"]
    assert cluster.log.read_text().count("expected audience") > before


def test_an_authority_of_another_cluster(machine: Machine, cluster_of: StartCluster, ca_file: Path) -> None:
    cluster_of("--oidc-username-claim=email")
    machine.does("togetherctl login acme")
    assert (found := machine.doctor("cluster-tls"))["status"] == "ok", found
    machine.does(f"togetherctl cluster set gpu ca_file={ca_file}")
    found = machine.doctor("cluster-tls")
    assert (found["status"], "signed by itself" in found["message"]) == ("failed", True), found
    assert machine.doctor("cluster-access")["status"] == "skipped"
