"""A bundle, a configuration that took it, and a web server that has it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import WriteConfig
from tests.support.issuer import Reply, ScriptedIssuer

BUNDLE = """\
version = 1

[issuers.acme]
url = "https://acme.okta.com/oauth2/default"

[profiles.acme]
issuer = "acme"
client_id = "0oa1b2c3d4"
scopes = ["openid", "email"]

[clusters.east]
profile = "acme"
server = "https://east.acme.com:6443"
namespace = "training"

[clusters.west]
profile = "acme"
server = "https://west.acme.com:6443"
"""

Took = Callable[..., Path]


@pytest.fixture
def took(write_config: WriteConfig, home: Path) -> Took:
    """A configuration that took `BUNDLE` from `source`, with an edit of its text, and the copy that is kept of it."""

    def write(source: str, *edits: tuple[str, str], copy: bool = True) -> Path:
        digest = hashlib.sha256(BUNDLE.encode()).hexdigest()
        text = BUNDLE
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        path = write_config(f'{text}\n[bundles.team]\nsource = "{source}"\nsha256 = "{digest}"\n')
        if copy:
            kept = home / "tctl" / "state" / "bundles" / f"{digest}.toml"
            kept.parent.mkdir(mode=0o700, parents=True)
            kept.write_text(BUNDLE, encoding="utf-8")
        return path

    return write


@pytest.fixture
def team_file(tmp_path: Path) -> Path:
    """The bundle as a file."""
    path = tmp_path / "team.toml"
    path.write_text(BUNDLE, encoding="utf-8")
    return path


Publish = Callable[..., str]


@pytest.fixture
def publish(tls_issuer: ScriptedIssuer, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Put a bundle on a web server with TLS, and give its address."""
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))

    def at(text: str | bytes = BUNDLE, *, status: int = 200, path: str = "/team.toml", **headers: str) -> str:
        body = text if isinstance(text, bytes) else text.encode()
        tls_issuer.always[path] = Reply(status, body, {"Content-Type": "text/plain", **headers})
        return f"{tls_issuer.url}{path}"

    return at
