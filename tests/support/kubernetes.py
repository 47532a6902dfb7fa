"""A real API server: kube-apiserver over etcd, as processes on loopback that end with the test."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.programs import need_kubernetes
from tests.support.running import free_port, running
from togetherctl.demo.certificate import make_certificate

_ADMIN = "the-admins-own-token"
_SECONDS = 90


@contextmanager
def etcd(folder: Path) -> Iterator[str]:
    """Run etcd with its data in `folder`; gives its URL. API servers with different prefixes share it."""
    need_kubernetes()
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    words = ["etcd", "--name=tests", f"--data-dir={folder / 'etcd'}", f"--initial-cluster=tests={peer}"]
    words += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
    words += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
    with running(words, folder / "etcd.log") as server:
        server.wait_for(f"{client}/health", seconds=_SECONDS)
        yield client


@dataclass(frozen=True)
class Kubernetes:
    """One API server. `programs` holds the kubectl of its version, `admin` is a kubeconfig that may do everything."""

    url: str
    ca_file: Path
    programs: Path
    admin: Path
    log: Path

    def kubectl(self, *words: str) -> str:
        """What kubectl prints for the admin; it has to succeed."""
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def give(self, role: str, user: str) -> None:
        """Bind a cluster role that may list config maps to a user; in force when this returns, after a moment.

        `view` and `edit` are empty here: a controller, which is not run, would fill them.
        """
        self.kubectl("create", "clusterrolebinding", f"{role}-of-tests", f"--clusterrole={role}", f"--user={user}")
        end = time.monotonic() + _SECONDS
        while self._run("auth", "can-i", "list", "configmaps", f"--as={user}").returncode:
            assert time.monotonic() < end, f"{user} does not get {role}"

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.programs / "kubectl", "--kubeconfig", self.admin, *words],
            env={"HOME": str(self.admin.parent), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def api_server(folder: Path, etcd_url: str, *flags: str) -> Iterator[Kubernetes]:
    """Run kube-apiserver with RBAC and `flags`; ready, which means that RBAC's own roles are there."""
    programs = need_kubernetes()
    folder.mkdir()
    certificate, key = make_certificate(folder)
    service_key = folder / "service-accounts.pem"
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    service_key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "tokens.csv").write_text(f"{_ADMIN},admin,1,system:masters\n", encoding="utf-8")
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    admin = folder / "admin.yaml"
    admin.write_text(
        f"""apiVersion: v1
kind: Config
current-context: admin
clusters: [{{name: tests, cluster: {{server: "{url}", certificate-authority: "{certificate}"}}}}]
contexts: [{{name: admin, context: {{cluster: tests, user: admin}}}}]
users: [{{name: admin, user: {{token: {_ADMIN}}}}}]
""",
        encoding="utf-8",
    )
    words = [
        str(programs / "kube-apiserver"),
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        f"--etcd-servers={etcd_url}",
        f"--etcd-prefix=/{folder.name}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={service_key}",
        f"--service-account-signing-key-file={service_key}",
        "--service-cluster-ip-range=10.0.0.0/24",
        # There is no controller to make service accounts, and no address but loopback to make known.
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        *flags,
    ]
    log = folder / "kube-apiserver.log"
    with running(words, log) as server:
        admins = {"Authorization": f"Bearer {_ADMIN}"}
        server.wait_for(f"{url}/readyz", seconds=_SECONDS, ca_file=certificate, headers=admins)
        yield Kubernetes(url, certificate, programs, admin, log)
