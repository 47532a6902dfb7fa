"""A cluster whose tokens live for seconds, and a program that asks it through one of many clients."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from togetherctl.demo import api_server

if TYPE_CHECKING:
    import trustme

    from tests.real.conftest import Real
    from tests.support.canary import Canary
    from togetherctl.auth.claims import Claims

SECONDS = 10
PERSON = """#!/bin/sh
echo visited >> {log}
exec {python} -m tests.support.person me "$1"
"""


@pytest.fixture
def lifetime() -> int:
    """Of a token, in seconds."""
    return SECONDS


@dataclass(frozen=True)
class Answered:
    """A line for each request, and all that the program wrote."""

    lines: list[str]
    text: str


@dataclass
class Around:
    """What is around a program: `bare` counts requests without a token; `visits` the browser's."""

    real: Real
    folder: Path
    canary: Canary
    bare: list[str] = field(default_factory=list)

    @property
    def visits(self) -> int:
        log = self.folder / "visits"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def run(self, program: list[str], *words: str, seconds: float = 120, **changes: str) -> Answered:
        done = subprocess.run(
            [*program, *words],
            env={**self.real.environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            # As services run: without a terminal.
            start_new_session=True,
            check=False,
        )
        self.real.watch()
        self.canary.saw(f"what {program[-1]} wrote", done.stdout + done.stderr)
        lines = [line for line in done.stdout.splitlines() if line[:3].isdigit() or line.startswith("error: ")]
        return Answered(lines, done.stdout + done.stderr)


@pytest.fixture(autouse=True)
def vouched_for(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate with an authority above it: rustls takes no authority for a server."""

    def make(folder: Path) -> tuple[Path, Path]:
        issued = authority.issue_cert("127.0.0.1")
        certificate, key = folder / "ca.crt", folder / "server.key"
        chain = [*issued.cert_chain_pems, authority.cert_pem]
        certificate.write_bytes(b"".join(pem.bytes() for pem in chain))
        key.write_bytes(issued.private_key_pem.bytes())
        return certificate, key

    monkeypatch.setattr("tests.real.conftest.make_certificate", make)


@pytest.fixture
def around(real: Real, tmp_path: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch) -> Around:
    found = Around(real, tmp_path, canary)
    browser = tmp_path / "browser"
    browser.write_text(PERSON.format(log=shlex.quote(str(tmp_path / "visits")), python=shlex.quote(sys.executable)))
    browser.chmod(0o700)
    real.environ["TOGETHERCTL_BROWSER"] = str(browser)
    # client-java and kube look there for more than the kubeconfig.
    real.environ["HOME"] = str(tmp_path)
    authenticate: Callable[[str], Claims | None] = real.api_server.authenticate

    def counting(authorization: str) -> Claims | None:
        if not authorization:
            found.bare.append("a request")
        return authenticate(authorization)

    monkeypatch.setattr(real.api_server, "authenticate", counting)
    # Once: the client that fetches them is for one thread, and this server answers on many.
    keys = real.api_server._keys(refetch=True)
    monkeypatch.setattr(real.api_server, "_keys", lambda **_how: keys)
    # How kr8s spells it.
    monkeypatch.setitem(api_server._OBJECTS, ("GET", "/version/"), api_server._OBJECTS["GET", "/version"])
    secrets = {"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": []}
    # Where Helm keeps what it has installed.
    monkeypatch.setitem(
        api_server._OBJECTS, ("GET", "/api/v1/namespaces/default/secrets"), lambda _claims, _accept: secrets
    )
    return found
