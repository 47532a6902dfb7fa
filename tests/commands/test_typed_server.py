"""An API server that is typed: what answers there is told for what it is, with and without a certificate."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import ScriptedCluster
from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.terminal import terminal
from togetherctl.importing.certificates import authority_table
from togetherctl.kube.server_look import ServerLook, look_at_server

if TYPE_CHECKING:
    import trustme


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (Reply(200, {"major": "1", "gitVersion": "v1.31.0"}), ServerLook("kubernetes", 200)),
        (Reply(403, {"kind": "Status", "reason": "Forbidden"}), ServerLook("kubernetes", 403)),
        (Reply(401, {"error": "who are you?"}), ServerLook("gateway", 401)),
        (Reply(200, {"version": "2.4"}), ServerLook("other", 200)),
        (Reply(404, {"error": "not found"}), ServerLook("other", 404)),
        (Reply(302, {}, headers={"Location": "/login"}), ServerLook("other", 302)),
    ],
)
def test_what_answers(
    reply: Reply, seen: ServerLook, environ: dict[str, str], authority: trustme.CA, ca_file: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_data = authority_table(ca_file, keep_file=False)["ca_data"]
    with ScriptedCluster(context) as cluster:
        cluster.always = reply
        assert look_at_server(cluster.url, ca_data=ca_data, environ=environ) == seen
        assert cluster.bearers == [None]


def _typed(server: str) -> list[str]:
    return [sys.executable, "-m", "togetherctl", "init", "--profile", "acme", "--server", server]


def test_plain_http_is_not_said_to_have_a_certificate(acme: Path, environ: dict[str, str], tmp_path: Path) -> None:
    assert acme.exists()
    with ScriptedCluster() as cluster, terminal(_typed(cluster.url), environ, tmp_path, columns=200) as person:
        screen = person.until("What to call the cluster:")
        assert "It is there; http:// has no certificate, so nothing proves what it is." in screen
        person.press("C-c")


def test_what_is_no_api_server_is_not_taken_for_one(
    acme: Path, environ: dict[str, str], tmp_path: Path, issuer: ScriptedIssuer
) -> None:
    assert acme.exists()
    with terminal(_typed(issuer.url), environ, tmp_path, columns=200) as person:
        screen = person.until("What now?")
        said = f"what is at {issuer.url} does not answer as a Kubernetes API server does: HTTP 404 for /version"
        assert (said in screen, "It is there" in screen) == (True, False)
        person.press("Down")
        person.press("Enter")
        person.until("What to call the cluster:")
        assert "A PEM file" not in person.everything(), "nothing was wrong with a certificate"
        person.press("C-c")
