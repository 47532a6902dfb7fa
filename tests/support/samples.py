"""Entries that several tests add to a configuration with the issuer and profile acme and the cluster east."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.kube.test_kubeconfig import THEIRS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

# Another profile of the same client, whose session is its own.
LAB = """
[profiles.lab]
issuer = "acme"
client_id = "the-client"
scopes = ["groups"]
redirect_uris = ["http://localhost:0"]
"""
WEST = '\n[clusters.west]\nprofile = "acme"\nserver = "https://127.0.0.1:6444"\nnamespace = "gpu"\n'


def write_east_and_west(config: Path, home: Path, cli: Run, option: str) -> Path:
    """The kubeconfig of both clusters, written with `option`, beside a foreign entry that is current."""
    config.write_text(config.read_text() + WEST)
    path = home / ".kube" / "config"
    path.parent.mkdir()
    path.write_text(THEIRS)
    assert cli("kubeconfig", "write", option).code == 0
    return path
