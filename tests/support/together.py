"""Together AI's API as a script: clusters in the shapes it gives them, and whatever else a test wants it to say."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support.issuer import Asked, Reply, ScriptedServer

if TYPE_CHECKING:
    from tests.support.canary import Canary

CA_DATA = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIBcluster\n-----END CERTIFICATE-----\n").decode()
ISSUER_CA = "-----BEGIN CERTIFICATE-----\nMIIBissuer\n-----END CERTIFICATE-----\n"
WHOAMI = "/v3/whoami"
CLUSTERS = "/v1/compute/clusters"


class ScriptedTogether(ScriptedServer):
    """Clusters and replies are plain attributes that a test may change."""

    def __init__(self, *, clock: Callable[[], float], canary: Canary) -> None:
        super().__init__(clock=clock, canary=canary, host="127.0.0.1")
        self.key = canary.watch("an API key", f"tgp_v1_{secrets.token_urlsafe(24)}")
        self.caller: dict[str, Any] = {
            "type": "project_api_key",
            "api_key": {"id": "key_1"},
            "project": {"id": "proj_1", "name": "research", "slug": "research"},
            "organization": {"id": "org_1", "name": "Acme"},
        }
        self.listed: list[Any] = []

    @property
    def environ(self) -> dict[str, str]:
        """What points togetherctl here."""
        return {"TOGETHER_API_KEY": self.key, "TOGETHER_BASE_URL": self.url}

    def reply(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return Reply(
                401, {"error": {"message": f"Invalid API key provided: {self.key}", "code": "invalid_api_key"}}
            )
        if asked.path == WHOAMI:
            return Reply(body=self.caller)
        if asked.path == CLUSTERS:
            return Reply(body={"clusters": self.listed})
        return Reply(404, {"error": {"message": "not found"}})

    def add(self, name: str = "h100-east", **changes: Any) -> dict[str, Any]:
        """List a cluster with OIDC and an admin's kubeconfig, apart from `changes`; None leaves a field out."""
        cluster = {
            "cluster_id": f"0b6d1f6a-6c1e-4c58-9d59-{len(self.listed):012d}",
            "cluster_name": name,
            "cluster_type": "KUBERNETES",
            "status": "Ready",
            "region": "us-central-2",
            "project_id": "proj_1",
            "control_plane_ready": True,
            "kube_config": self.kube_config(),
            "oidc_config": oidc(),
            "cluster_config": {"load_balancer": "cilium", "ssh_ca_enabled": True},
            "gpu_type": "H100_SXM",
            "num_gpus": 8,
            "control_plane_nodes": [{"host_name": "cp-1", "public_ipv4": "203.0.113.7"}],
            "gpu_worker_nodes": [],
            "add_ons": [],
            "created_at": "2026-11-01T10:00:00Z",
            **changes,
        }
        cluster = {field: value for field, value in cluster.items() if value is not None}
        self.listed.append(cluster)
        return cluster

    def kube_config(self, *, user: str = "certificate", **changes: Any) -> str:
        """A kubeconfig in base64 whose user is a `certificate`, `token` or `exec`; `changes` are of its cluster."""
        text = f"""apiVersion: v1
kind: Config
current-context: kubernetes-admin@kubernetes
clusters:
- name: kubernetes
  cluster:
{_indented({"server": "https://203.0.113.7:6443", "certificate-authority-data": CA_DATA, **changes})}
contexts:
- name: kubernetes-admin@kubernetes
  context:
    cluster: kubernetes
    user: kubernetes-admin
users:
- name: kubernetes-admin
  user:
{self._user(user)}
"""
        return self.canary.watch("a kubeconfig of the API", base64.b64encode(text.encode()).decode())

    def _user(self, kind: str) -> str:
        def secret(what: str) -> str:
            return self.canary.watch(f"{what} in a kubeconfig of the API", secrets.token_urlsafe(32))

        if kind == "certificate":
            key, certificate = secret("a client key"), secret("a client certificate")
            return _indented({"client-key-data": key, "client-certificate-data": certificate})
        if kind == "token":
            return _indented({"token": secret("a token")})
        return (
            "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      command: kubectl\n"
            "      args: [together-login, get-token, --oidc-issuer-url=https://elsewhere.example, "
            f"--oidc-client-id=other, --oidc-client-secret={secret('a client secret')}]"
        )


def oidc(**changes: Any) -> dict[str, Any]:
    """The OIDC settings of a cluster; None leaves one out."""
    settings = {
        "issuer_url": "https://acme.eu.auth0.com/",
        "client_id": "the-client",
        "username_claim": "email",
        "username_prefix": "oidc:",
        "group_claim": "groups",
        "group_prefix": "",
        "ca_cert": ISSUER_CA,
        **changes,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _indented(body: dict[str, Any]) -> str:
    values = {name: value for name, value in body.items() if value is not None}
    return "\n".join(f"    {name}: {'true' if value is True else value}" for name, value in values.items())
