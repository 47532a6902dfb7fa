"""ID tokens of every shape at a login and a refresh here: no stricter than an API server without a written reason."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.token_shapes import CLIENT_ID, SHAPES, Shape, jwks
from togetherctl.auth.claims import check_refreshed
from togetherctl.auth.id_token import verify
from togetherctl.errors import Untrusted

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
