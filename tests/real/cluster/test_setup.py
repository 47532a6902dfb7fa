"""What `setup` prints, used as it stands: on the API server, in the cluster, and on a person's machine."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.provider import CLIENT_ID

if TYPE_CHECKING:
    from tests.real.cluster.conftest import Machine, StartCluster
    from tests.support.kubernetes import Kubernetes

AUTHORITY_THERE = "/etc/kubernetes/pki/oidc-ca.pem"


@dataclass(frozen=True)
class Page:
    """The page that `setup` prints, read as an admin reads it."""

    text: str

    def lines_after(self, heading: str) -> list[str]:
        """The indented lines below a heading."""
        block = self.text.partition(heading)[2].lstrip("\n").partition("\n\n")[0]
        return [line.removeprefix("  ") for line in block.splitlines()]

    @property
    def flags(self) -> list[str]:
        return [
            flag for line in self.lines_after("Either these flags of kube-apiserver:") for flag in shlex.split(line)
        ]

    @property
    def configuration(self) -> str:
        found = re.search(r"/etc/kubernetes/authentication\.yaml with\n\n(.*?)\n\nnamed by", self.text, re.DOTALL)
        assert found is not None, self.text
        return f"{found[1]}\n"

    @property
    def bindings(self) -> list[str]:
        return self.lines_after("choose other roles as you see fit:")

    @property
    def persons_commands(self) -> list[str]:
        return self.lines_after("3. On the machine of each person:")


def log_in_and_read(machine: Machine, issuer: str, ca_file: Path, *words: str) -> Page:
    printed = machine.does(
        shlex.join(
            [
                *("kubectl", "together-login", "setup", f"--oidc-issuer-url={issuer}", f"--oidc-client-id={CLIENT_ID}"),
                *("--oidc-extra-scope=email,groups", "--listen-address=127.0.0.1:0"),
                *("--certificate-authority", str(ca_file), *words),
            ]
        )
    )
    return Page(printed)


def bind(cluster: Kubernetes, machine: Machine, page: Page) -> None:
    assert len(page.bindings) == 2
    for command in page.bindings:
        machine.does(command, KUBECONFIG=str(cluster.admin))


def work_as_a_person(cluster: Kubernetes, machine: Machine, page: Page) -> dict[str, object]:
    """Run each person's commands, with the cluster's own words filled in and a free port; gives who they are."""
    *commands, whoami = page.persons_commands
    kubeconfig = {"KUBECONFIG": str(machine.home / "kubeconfig")}
    for command in commands:
        words = command.replace("https://API_SERVER:6443", cluster.url).replace(
            "API_SERVER_CA.pem", str(cluster.ca_file)
        )
        machine.does(words.replace("http://localhost:8000", "http://localhost:0"), **kubeconfig)
    answer = json.loads(machine.does(f"{whoami} -o json", **kubeconfig))
    # The name of a group and of a person: one is bound to view, the other to cluster-admin.
    machine.does("kubectl create configmap made-by-a-person", **kubeconfig)
    assert (
        machine.does("kubectl get configmap made-by-a-person -o name", **kubeconfig) == "configmap/made-by-a-person\n"
    )
    user: dict[str, object] = answer["status"]["userInfo"]
    return user


@pytest.mark.parametrize(
    ("words", "username", "group"),
    [
        ([], "me@example.com", "gpu-users"),
        (["--username-claim=sub", "--groups-prefix=oidc:"], "{issuer}#me", "oidc:gpu-users"),
    ],
)
def test_the_flags(
    machine: Machine,
    issuer: str,
    ca_file: Path,
    start_cluster: StartCluster,
    words: list[str],
    username: str,
    group: str,
) -> None:
    page = log_in_and_read(machine, issuer, ca_file, *words)
    # The page says where the authority goes on the API server's machine; here it stays where it is.
    assert f"--oidc-ca-file={AUTHORITY_THERE}" in page.flags
    cluster = start_cluster(*[flag.replace(AUTHORITY_THERE, str(ca_file)) for flag in page.flags])
    bind(cluster, machine, page)
    user = work_as_a_person(cluster, machine, page)
    assert user["username"] == username.format(issuer=issuer)
    assert user["groups"] == [group, "system:authenticated"]


def test_the_authentication_configuration(
    machine: Machine, issuer: str, ca_file: Path, start_cluster: StartCluster, home: Path
) -> None:
    page = log_in_and_read(machine, issuer, ca_file, "--username-prefix=oidc:")
    configuration = home / "authentication.yaml"
    configuration.write_text(page.configuration, encoding="utf-8")
    cluster = start_cluster(f"--authentication-config={configuration}")
    bind(cluster, machine, page)
    user = work_as_a_person(cluster, machine, page)
    assert (user["username"], user["groups"]) == ("oidc:me@example.com", ["gpu-users", "system:authenticated"])
