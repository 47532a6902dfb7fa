"""Why an API server may refuse a token, as far as that can be told from here."""

from __future__ import annotations

from typing import Any

import pytest

from togetherctl.kube.misfit import misfits, what_must_fit
from togetherctl.store.profile import Issuer, Profile
from togetherctl.store.store import Cluster
from togetherctl.transport import Connection

URL = "https://login.acme.com"
PROFILE = Profile("acme", "key", Issuer("acme", URL, Connection()), "the-client", ("openid",))
CLUSTER = Cluster("east", "east", "acme", "https://127.0.0.1:6443")
GOOD = {"iss": URL, "aud": "the-client", "sub": "user-1", "email": "me@acme.com", "exp": 2000}


def found(change: dict[str, Any], algorithm: str = "RS256", **keys: str) -> list[str]:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    cluster = Cluster("east", "east", "acme", "https://127.0.0.1:6443", **keys)  # type: ignore[arg-type] # claims alone
    return misfits(cluster, PROFILE, claims, algorithm=algorithm, now=1000)


@pytest.mark.parametrize(
    "change", [{}, {"aud": ["x", "the-client"]}, {"email": None}, {"groups": ["a"]}, {"exp": None}]
)
def test_what_fits(change: dict[str, Any]) -> None:
    assert found(change) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iss": f"{URL}/"}, [f"its issuer (iss) is {URL}/, not {URL}"]),
        ({"iss": None}, [f"its issuer (iss) is missing, not {URL}", "its issuer (iss) is not https"]),
        ({"iss": "http://x"}, ["its issuer (iss) is http://x, not", "is not https, and API servers take no other"]),
        ({"aud": "other"}, ["its audience (aud) is other, not the client the-client"]),
        ({"aud": ["a", "b"]}, ["its audience (aud) is a, b, not"]),
        ({"aud": []}, ["its audience (aud) is missing, not"]),
        ({"aud": {"a": "\x1b"}}, ["its audience (aud) is {'a': '\\x1b'}, not"]),
        ({"exp": 999}, ["it has expired"]),
    ],
)
def test_what_does_not(change: dict[str, Any], said: list[str]) -> None:
    wrong = found(change)
    assert len(wrong) == len(said)
    assert all(part in clause for part, clause in zip(said, wrong, strict=True)), wrong


@pytest.mark.parametrize("algorithm", ["HS256", "none", "None"])
def test_how_it_is_signed(algorithm: str) -> None:
    assert found({}, algorithm) == [f"it is signed with {algorithm}, which API servers do not take"]


def test_the_claims_that_name_the_user() -> None:
    assert "the token has no claim upn" in found({}, username_claim="upn")[0]
    assert "email is not verified" in found({"email_verified": False}, username_claim="email")[0]
    assert "is no text and no list of texts" in found({"roles": 7}, groups_claim="roles")[0]


def test_where_all_fits_it_is_said_what_the_server_must_be_told() -> None:
    assert what_must_fit(CLUSTER, GOOD) == (
        f"it is from the issuer (iss) {URL} for the audience (aud) the-client, and its email is me@acme.com; "
        "the API server must be told just that"
    )
