"""ID tokens of every shape at a login and a refresh here: no stricter than an API server without a written reason."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.token_shapes import CLIENT_ID, SHAPES, Shape, jwks
from togetherctl.auth.claims import check_refreshed, read_claims
from togetherctl.auth.id_token import verify
from togetherctl.errors import Untrusted
from togetherctl.kube.token_notes import why_refused
from togetherctl.store.profile import Issuer, Profile
from togetherctl.store.store import Cluster
from togetherctl.transport import Connection

ISSUER = "https://localhost:1234"


def _keys(*, refetch: bool) -> dict[str, Any]:
    assert refetch is not None
    return jwks()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_login(shape: Shape) -> None:
    token = shape.token(ISSUER, time.time())
    said = ""
    try:
        verify(token, keys=_keys, issuer=ISSUER, client_id=CLIENT_ID, now=time.time())
    except Untrusted as error:
        said = error.message
    assert (not said) == shape.login, said


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_refresh(shape: Shape) -> None:
    token = shape.token(ISSUER, time.time())
    said = ""
    try:
        check_refreshed(token, issuer=ISSUER, client_id=CLIENT_ID, now=time.time())
    except Untrusted as error:
        said = error.message
    assert (not said) == shape.refreshes, said


def test_a_refresh_differs_from_a_login_where_the_signature_is_looked_at_and_nowhere_else() -> None:
    assert {shape.name for shape in SHAPES if shape.refreshes != shape.login} == {
        "a kid that the issuer does not know",
        "a key for encryption",
        "a key for another algorithm",
    }


def _written(heading: str) -> dict[str, str]:
    """A table of `docs/tokens.md`: what stands in its first column, and its last."""
    text = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
    part = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+?) \|(?:[^|]*\|)*? ([^|]+?) \|$", part, re.MULTILINE)
    return {name: reason for name, reason in rows if name not in {"the token", "---"}}


def test_where_we_are_stricter_the_reason_is_written() -> None:
    written = _written("What an API server takes and a login does not")
    assert set(written) == {shape.name for shape in SHAPES if shape.takes and not shape.login}
    assert all(len(reason) > 20 for reason in written.values())


def test_where_an_api_server_is_stricter_it_is_written_what_is_said() -> None:
    written = _written("What a login takes and an API server does not")
    stricter = {shape.name: shape for shape in SHAPES if shape.login and not shape.by_file}
    assert set(written) == set(stricter)
    profile = Profile("acme", "key", Issuer("acme", ISSUER, Connection()), CLIENT_ID, ("openid", "email"))
    unsaid = Cluster("east", "east", "acme", "https://127.0.0.1:6443")
    for name, said in written.items():
        token = stricter[name].token(ISSUER, time.time())
        heard = {
            why_refused(cluster, profile, read_claims(token), algorithm="RS256", now=time.time())
            for cluster in (unsaid, replace(unsaid, username_claim="email", groups_claim="groups"))
        }
        assert any(said in one for one in heard), (name, heard)
