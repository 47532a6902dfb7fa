"""A person at a certified provider over TLS, and API servers that trust it: nothing here is a fake."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT
from tests.real.conftest import watched
from tests.support.kubernetes import Kubernetes, api_server, etcd
from tests.support.programs import need_kubernetes
from tests.support.provider import CLIENT_ID, certified_provider

if TYPE_CHECKING:
    import trustme

    from tests.support.canary import Canary

StartCluster = Callable[..., Kubernetes]


@pytest.fixture(scope="session")
def etcd_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with etcd(tmp_path_factory.mktemp("etcd")) as url:
        yield url


@pytest.fixture
def start_cluster(etcd_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCluster]:
    """Start an API server with the flags that are given."""
    with ExitStack() as stack:

        def start(*flags: str) -> Kubernetes:
            # Not in the test's own folder: etcd and the server may store what the canary watches for.
            folder = tmp_path_factory.mktemp("cluster")
            folder.rmdir()
            return stack.enter_context(api_server(folder, etcd_url, *flags))

        yield start


@dataclass(frozen=True)
class Machine:
    """A person's machine: what they type runs in `environ`, where kubectl is the cluster's version."""

    environ: dict[str, str]
    home: Path
    canary: Canary

    def run(self, command: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run one line of a shell, as it was printed."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env={**self.environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        watched(self.home, self.canary)
        # Printing a token is what get-token is for.
        printed = done.stderr if "get-token" in command else done.stdout + done.stderr
        self.canary.saw(f"what {command} printed", printed)
        return done

    def does(self, command: str, **changes: str) -> str:
        """What it prints; it has to succeed."""
        done = self.run(command, **changes)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def whoami(self, code: int = 0) -> dict[str, Any]:
        """What `togetherctl whoami` says of the one cluster; `code` is how it has to end."""
        done = self.run("togetherctl whoami -o json")
        assert done.returncode == code, done.stderr
        [cluster] = json.loads(done.stdout)["item"]["clusters"]
        found: dict[str, Any] = cluster
        return found

    def doctor(self, check: str, *options: str) -> dict[str, Any]:
        """What `togetherctl doctor` says of one check, where it says one thing of it."""
        done = self.run(shlex.join(["togetherctl", "doctor", "acme", "-o", "json", *options]))
        [found] = [item for item in json.loads(done.stdout)["items"] if item["check"] == check]
        one: dict[str, Any] = found
        return one


@pytest.fixture
def machine(environ: dict[str, str], home: Path, ca_file: Path, canary: Canary) -> Machine:
    programs = f"{need_kubernetes()}{os.pathsep}{Path(sys.executable).parent}"
    person = shlex.join([sys.executable, "-m", "tests.support.person", "me"])
    browser = home / "browser"
    browser.write_text(f'#!/bin/sh\nSSL_CERT_FILE="{ca_file}" PYTHONPATH="{ROOT}" exec {person} "$1"\n')
    browser.chmod(0o700)
    variables = {
        **environ,
        "PATH": f"{programs}{os.pathsep}{environ['PATH']}",
        "TOGETHERCTL_BROWSER": str(browser),
    }
    return Machine(variables, home, canary)


@pytest.fixture
def lifetime() -> int:
    return 300


@pytest.fixture
def issuer(lifetime: int, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The certified provider over TLS, with the tests' own authority: API servers take https alone."""
    need_kubernetes()
    folder = tmp_path_factory.mktemp("tls")
    own = authority.issue_cert("localhost")
    own.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    own.private_key_pem.write_to_path(str(folder / "key.pem"))
    tls = {"key": str(folder / "key.pem"), "cert": str(folder / "cert.pem")}
    with certified_provider(lifetime=lifetime, tls=tls) as url:
        yield url


@pytest.fixture
def cluster_of(machine: Machine, issuer: str, ca_file: Path, start_cluster: StartCluster) -> StartCluster:
    """A cluster that trusts the issuer, its profile and its kubeconfig; `client` and `flags` are the API server's."""

    def make(*flags: str, client: str = CLIENT_ID) -> Kubernetes:
        trust = [f"--oidc-issuer-url={issuer}", f"--oidc-client-id={client}", f"--oidc-ca-file={ca_file}"]
        cluster = start_cluster(*trust, *flags)
        for words in (
            ["profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID, "--ca-file", str(ca_file)],
            ["profile", "set", "acme", "scopes=email,groups", "auth_params.prompt=consent"],
            ["profile", "set", "acme", "redirect_uris=http://localhost:0"],
            ["cluster", "add", "gpu", "--profile", "acme", "--server", cluster.url, "--ca-file", str(cluster.ca_file)],
            ["kubeconfig", "write", "gpu", "--set-current"],
        ):
            machine.does(shlex.join(["togetherctl", *words]))
        return cluster

    return make
