"""The doctor at a certified provider: a client that is registered there, and one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.diagnosis import diagnose
from tests.support.provider import CLIENT_ID

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, Run


def test_a_client_that_is_registered_and_one_that_is_not(issuer: str, cli: Run, make_world: MakeWorld) -> None:
    add = ("profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID)
    assert cli(*add).code == 0
    results = diagnose(make_world(), "issuer-discovery", "issuer-keys", "issuer-refresh", "issuer-client")
    # It is on this machine and plain http, which no API server takes; nothing else is said against it.
    assert [each.check.name for each in results if each.finding.status != "ok"] == ["issuer-keys"]
    assert f"client {CLIENT_ID} with http://localhost:8000 is registered" in results[-1].finding.message

    assert cli("profile", "set", "acme", "client_id=another-client").code == 0
    found = [each.finding for each in diagnose(make_world(), "issuer-client")]
    assert [(each.status, each.exit_code) for each in found] == [("failed", 5), ("failed", 5)]
    assert "client another-client with http://localhost:8000: one of the two is not registered" in found[0].message


def test_a_redirect_uri_that_is_not_registered(issuer: str, cli: Run, make_world: MakeWorld) -> None:
    assert cli("profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID).code == 0
    for uris, status in (
        ("http://localhost:8000,http://localhost:8000/", "warning"),
        ("http://localhost:8000/,http://localhost:8000", "failed"),
    ):
        assert cli("profile", "set", "acme", f"redirect_uris={uris}").code == 0
        [found] = [each.finding for each in diagnose(make_world(), "issuer-client")]
        assert (found.status, "http://localhost:8000/: one of the two" in found.message) == (status, True)
