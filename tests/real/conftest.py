"""The whole way on real parts:

a certified provider, an API server that checks its tokens, a configuration and a kubeconfig.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT, Run
from tests.support.provider import CLIENT_ID, certified_provider
from togetherctl.auth.cache.record import decode
from togetherctl.auth.discovery import Discovery
from togetherctl.demo.api_server import ApiServer
from togetherctl.demo.certificate import make_certificate
from togetherctl.transport import HTTP, Connection

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from togetherctl.auth.session import Session


@dataclass(frozen=True)
class Real:
    """Everything that runs; `environ` is what a client needs to find it."""

    issuer: str
    api_server: ApiServer
    environ: dict[str, str]
    home: Path
    watch: Callable[[], Session | None]


@pytest.fixture
def lifetime() -> int:
    return 300


@pytest.fixture
def issuer(lifetime: int) -> Iterator[str]:
    with certified_provider(lifetime=lifetime) as url:
        yield url


@pytest.fixture
def real(issuer: str, environ: dict[str, str], home: Path, tmp_path: Path, cli: Run, canary: Canary) -> Iterator[Real]:
    folder = tmp_path / "secrets"
    folder.mkdir()
    certificate = make_certificate(folder)
    with HTTP(Connection(), {}) as http:
        discovery = Discovery(issuer, http, tmp_path / "discovery.json", lambda: 0.0)
        server = ApiServer(issuer=issuer, client_id=CLIENT_ID, keys=discovery.keys, certificate=certificate)
        with server.running():
            environ["KUBECONFIG"] = str(home / "kubeconfig")
            environ["PYTHONPATH"] = str(ROOT)
            environ["TOGETHERCTL_BROWSER"] = shlex.join([sys.executable, "-m", "tests.support.person", "me", "{url}"])
            for words in (
                ["profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID],
                ["profile", "set", "acme", "scopes=email,groups", "auth_params.prompt=consent"],
                [
                    "cluster",
                    "add",
                    "gpu",
                    "--profile",
                    "acme",
                    "--server",
                    server.url,
                    "--ca-file",
                    str(certificate[0]),
                ],
                ["kubeconfig", "write", "gpu", "--set-current"],
            ):
                done = cli(*words)
                assert done.code == 0, done.stderr
            yield Real(issuer, server, environ, home, lambda: watched(home, canary))
            watched(home, canary)


def watched(home: Path, canary: Canary) -> Session | None:
    """The session on disk, its tokens watched for from now on."""
    for path in (home / "tctl" / "state" / "sessions").glob("*.json"):
        session = decode(path.read_bytes())
        for kind, value in (
            ("an ID token", session.id_token and session.id_token.value),
            ("an access token", session.access_token and session.access_token.value),
            ("a refresh token", session.refresh_token),
        ):
            canary.watch(kind, value or "")
        return session
    return None
