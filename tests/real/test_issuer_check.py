"""`issuer check` at a certified provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.provider import CLIENT_ID

if TYPE_CHECKING:
    from tests.conftest import Run


def test_a_client_that_is_registered_and_one_that_is_not(issuer: str, cli: Run) -> None:
    done = cli("issuer", "check", issuer, "--client-id", CLIENT_ID)
    assert done.code == 0, done.stdout
    assert f"it calls itself {issuer}, to the letter" in done.stdout
    assert f"good   client {CLIENT_ID} with http://localhost:8000 is registered" in done.stdout
    assert f"good   client {CLIENT_ID} with http://localhost:18000 is registered" in done.stdout
    done = cli("issuer", "check", issuer, "--client-id", "nobody", "-o", "json")
    item = json.loads(done.stdout)["item"]
    assert (done.code, item["usable"], item["error"]["code"]) == (5, False, "untrusted")
    assert "client nobody with http://localhost:8000: one of the two is not registered (HTTP 400)" in done.stdout


def test_redirect_uris_of_the_config_that_are_not_registered(issuer: str, cli: Run) -> None:
    added = cli("profile", "add", "acme", "--issuer", issuer, "--client-id", CLIENT_ID)
    assert added.code == 0, added.stderr
    assert cli("profile", "set", "acme", "redirect_uris=http://localhost:8000/").code == 0
    done = cli("issuer", "check", "acme", "--client-id", CLIENT_ID)
    assert (done.code, "http://localhost:8000/: one of the two is not registered" in done.stdout) == (5, True)
