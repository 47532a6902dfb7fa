"""What kubelogin's own tests go through, with a real kubectl, `kubectl together-login` and a certified provider."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.support.programs import need
from tests.support.provider import CLIENT_ID, certified_provider
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.discovery import Discovery
from togetherctl.demo.api_server import ApiServer
from togetherctl.demo.certificate import make_certificate
from togetherctl.transport import HTTP, Connection

if TYPE_CHECKING:
    import trustme

    from tests.support.canary import Canary
    from togetherctl.auth.session import Session

PODS = [f"pod/{name}" for name in ("llm-train-0", "llm-train-1", "notebook")]
ALONE = "--listen-address=127.0.0.1:0"
REFRESHABLE = ("--oidc-extra-scope=offline_access", "--oidc-auth-request-extra-params=prompt=consent")


@dataclass
class Cluster:
    """An API server that trusts one client of the provider, and a kubeconfig as together-kubelogin's users have it."""

    issuer: str
    client_id: str
    server: ApiServer
    ca: Path
    environ: dict[str, str]
    folder: Path
    canary: Canary
    command: tuple[str, ...] = ("kubectl", "together-login")

    @property
    def page(self) -> Path:
        """The page the browser ended on."""
        return self.folder / "page.html"

    @property
    def visits(self) -> int:
        log = self.folder / "visits"
        return len(log.read_text().splitlines()) if log.exists() else 0

    @property
    def sessions(self) -> FileSessions:
        return FileSessions(self.folder / "home" / "state")

    def key(self) -> str:
        [path] = self.sessions.folder.glob("*.json")
        return path.stem

    def session(self) -> Session:
        session = self.sessions.load(self.key())
        assert session is not None
        for token in (session.id_token, session.access_token):
            self.canary.watch("a token", token.value if token else "")
        self.canary.watch("a refresh token", session.refresh_token or "")
        return session

    def expire(self, **changes: Any) -> None:
        session = self.session()
        assert session.id_token is not None
        old = replace(session.id_token, obtained_at=1.0, expires_at=2.0)
        self.sessions.save(self.key(), replace(session, id_token=old, **changes))

    def pods(self, *flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
        words = [
            *self.command[1:],
            "get-token",
            f"--oidc-issuer-url={self.issuer}",
            f"--oidc-client-id={self.client_id}",
            "--token-cache-dir=~/state",
            f"--browser-command={self.folder / 'browser'}",
            *flags,
        ]
        user = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": self.command[0],
                "args": words,
                "interactiveMode": "IfAvailable",
            }
        }
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "gpu",
            "contexts": [{"name": "gpu", "context": {"cluster": "gpu", "user": "oidc"}}],
            "clusters": [
                {"name": "gpu", "cluster": {"server": self.server.url, "certificate-authority": str(self.ca)}}
            ],
            "users": [{"name": "oidc", "user": user}],
        }
        (self.folder / "kubeconfig").write_text(json.dumps(kubeconfig))
        done = subprocess.run(
            [need("kubectl"), "get", "pods", "-o", "name"],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if any(self.sessions.folder.glob("*.json")):
            self.session()
        self.canary.saw("kubectl", done.stdout + done.stderr)
        return done

    def works(self, *flags: str) -> None:
        done = self.pods(*flags)
        assert (done.returncode, done.stdout.split()) == (0, PODS), done.stderr


@pytest.fixture
def cluster_at(
    environ: dict[str, str], home: Path, tmp_path: Path, authority: trustme.CA, ca_file: Path, canary: Canary
) -> Callable[..., Any]:
    """A cluster behind a provider that is as the test says."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    certificate = make_certificate(secrets)
    own = authority.issue_cert("localhost")
    own.cert_chain_pems[0].write_to_path(str(secrets / "cert.pem"))
    own.private_key_pem.write_to_path(str(secrets / "key.pem"))
    browser = tmp_path / "browser"
    person = shlex.join([sys.executable, "-m", "tests.support.person", "me"])
    browser.write_text(
        f'#!/bin/sh\necho visited >> "{tmp_path}/visits"\n'
        f'SSL_CERT_FILE="{ca_file}" PYTHONPATH="{ROOT}" exec {person} "$1" "{tmp_path}/page.html"\n'
    )
    browser.chmod(0o700)
    scripts = Path(sys.executable).parent
    variables = {
        **environ,
        "PATH": f"{scripts}{os.pathsep}{environ['PATH']}",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "HOME": str(home),
    }

    @contextmanager
    def make(*, client_id: str = CLIENT_ID, tls: bool = False, **provider: Any) -> Iterator[Cluster]:
        more = {"tls": {"key": str(secrets / "key.pem"), "cert": str(secrets / "cert.pem")}} if tls else {}
        with (
            certified_provider(lifetime=300, **provider, **more) as issuer,
            HTTP(Connection(ca_files=(ca_file,)), {}) as http,
        ):
            keys = Discovery(issuer, http, tmp_path / "discovery.json", lambda: 0.0).keys
            server = ApiServer(issuer=issuer, client_id=client_id, keys=keys, certificate=certificate)
            with server.running():
                yield Cluster(issuer, client_id, server, certificate[0], variables, tmp_path, canary)

    return make


@pytest.fixture
def cluster(cluster_at: Callable[..., Any]) -> Iterator[Cluster]:
    with cluster_at() as made:
        yield made


@pytest.mark.parametrize("command", [("kubectl", "together-login"), ("kubectl-together_login",)])
def test_the_defaults(cluster: Cluster, command: tuple[str, ...]) -> None:
    cluster.command = command
    cluster.works(ALONE)
    assert cluster.session().issuer == cluster.issuer
    # Fresh: nobody is asked again, whatever the issuer could say.
    cluster.works(ALONE)
    assert cluster.visits == 1


def test_where_no_port_is_free_the_flag_that_helps_is_said(cluster: Cluster) -> None:
    with ExitStack() as held:
        addresses = []
        for _ in range(2):
            listening = held.enter_context(socket.socket())
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            addresses.append(f"127.0.0.1:{listening.getsockname()[1]}")
        done = cluster.pods(f"--listen-address={','.join(addresses)}")
    assert all(f"{address}: in use by " in done.stderr for address in addresses)
    assert "add it to --listen-address" in done.stderr
    assert cluster.visits == 0


def test_pkce_enforced(cluster: Cluster) -> None:
    # The provider refuses requests without it.
    cluster.works(ALONE, "--oidc-pkce-method=S256")


def test_pkce_off(cluster: Cluster, cluster_at: Callable[..., Any]) -> None:
    refused = cluster.pods(ALONE, "--oidc-pkce-method=no", "--authentication-timeout-sec=20")
    assert refused.returncode != 0
    assert "invalid_request" in refused.stderr
    with cluster_at(pkce=False) as other:
        other.works(ALONE, "--oidc-pkce-method=no")


@pytest.mark.parametrize("form", ["file", "data"])
def test_tls_with_an_authority_of_its_own(
    cluster_at: Callable[..., Any], ca_file: Path, authority: trustme.CA, form: str
) -> None:
    data = base64.b64encode(authority.cert_pem.bytes()).decode()
    with cluster_at(tls=True) as cluster:
        assert "certificate" in cluster.pods(ALONE).stderr
        cluster.works(
            ALONE,
            f"--certificate-authority={ca_file}" if form == "file" else f"--certificate-authority-data={data}",
        )
        assert cluster.visits == 1


def test_extra_scopes(cluster: Cluster) -> None:
    cluster.works(ALONE, "--oidc-extra-scope", "email", "--oidc-extra-scope", "groups")
    assert cluster.session().identity == "me@example.com"
    assert {user for _, user in cluster.server.seen} == {"me@example.com"}


def test_open_url_after_authentication(cluster: Cluster) -> None:
    cluster.works(ALONE, "--open-url-after-authentication", "https://example.com/success")
    assert 'content="0; url=https://example.com/success"' in cluster.page.read_text()


def test_an_https_redirect_uri(cluster_at: Callable[..., Any], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with cluster_at(client_id="web", webUris=[f"https://localhost:{port}"]) as cluster:
        cluster.works(
            f"--listen-address=127.0.0.1:{port}",
            f"--local-server-cert={tmp_path}/secrets/cert.pem",
            f"--local-server-key={tmp_path}/secrets/key.pem",
        )
        assert "Logged in" in cluster.page.read_text()


def test_extra_parameters_and_a_refresh(cluster: Cluster) -> None:
    cluster.works(ALONE, *REFRESHABLE)
    first = cluster.session()
    assert first.refresh_token
    cluster.expire()
    cluster.works(ALONE, *REFRESHABLE)
    second = cluster.session()
    assert second.id_token != first.id_token
    assert second.refresh_token != first.refresh_token
    assert cluster.visits == 1


def test_a_refresh_that_fails_is_a_login(cluster: Cluster) -> None:
    cluster.works(ALONE, *REFRESHABLE)
    cluster.expire(refresh_token="nobody-knows-it")
    cluster.works(ALONE, *REFRESHABLE)
    assert cluster.visits == 2


def test_force_refresh(cluster: Cluster) -> None:
    cluster.works(ALONE, *REFRESHABLE)
    first = cluster.session()
    cluster.works(ALONE, *REFRESHABLE, "--force-refresh")
    assert cluster.session().id_token != first.id_token
    assert cluster.visits == 1


def test_where_nobody_can_log_in_the_command_to_run_is_said(cluster: Cluster) -> None:
    done = cluster.pods(ALONE, "--oidc-extra-scope=email", CI="1")
    assert done.returncode != 0
    [command] = {line.partition("run: ")[2] for line in done.stderr.splitlines() if "run: " in line}
    assert command.startswith("kubectl together-login get-token --oidc-issuer-url=")
    login = subprocess.run(
        ["/bin/sh", "-c", command], env=cluster.environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (login.returncode, login.stdout) == (0, ""), login.stderr
    assert cluster.pods(ALONE, "--oidc-extra-scope=email", CI="1").returncode == 0
    assert cluster.visits == 1
