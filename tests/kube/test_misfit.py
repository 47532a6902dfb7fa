"""Why an API server may refuse a token, as far as that can be told from here."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.token_shapes import CLIENT_ID, SHAPES, Shape
from togetherctl.auth.claims import read_claims, read_header
from togetherctl.config.config import Cluster
from togetherctl.config.profile import Issuer, Profile
from togetherctl.kube.token_rejection import misfits, what_must_fit, why_refused
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
    "change", [{}, {"aud": ["x", "the-client"]}, {"email": None}, {"groups": ["a"]}, {"exp": "2000"}]
)
def test_what_fits(change: dict[str, Any]) -> None:
    assert found(change) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iss": f"{URL}/"}, [f"its issuer (iss) is {URL}/, not {URL}"]),
        ({"iss": None}, [f"its issuer (iss) is missing, not {URL}", "its issuer (iss) is not https"]),
        ({"iss": "http://x"}, ["its issuer (iss) is http://x, not", "is not https, and kube-apiserver takes no other"]),
        ({"aud": "other"}, ["its audience (aud) is other, not the client the-client"]),
        ({"aud": ["a", "b"]}, ["its audience (aud) is a, b, not"]),
        ({"aud": []}, ["its audience (aud) is missing, and API servers take no token without one"]),
        ({"aud": None}, ["its audience (aud) is missing, and API servers take no token without one"]),
        ({"aud": {"a": "\x1b"}}, ["its audience (aud) is no text and no list of texts"]),
        ({"exp": 999}, ["it has expired"]),
        ({"exp": None}, ["it does not say when it expires (exp)"]),
        ({"nbf": 1090}, ["it begins 90 s in the future (nbf), by this machine's clock"]),
        ({"iat": "now"}, ["its iat is not a time"]),
        ({"at_hash": 7}, ["its at_hash is no text"]),
    ],
)
def test_what_does_not(change: dict[str, Any], said: list[str]) -> None:
    wrong = found(change)
    assert len(wrong) == len(said)
    assert all(part in clause for part, clause in zip(said, wrong, strict=True)), wrong


@pytest.mark.parametrize("algorithm", ["HS256", "none", "None", "EdDSA"])
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


def why(change: dict[str, Any], algorithm: str = "RS256", *, profile: Profile = PROFILE, **keys: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    return why_refused(replace(CLUSTER, **keys), profile, claims, algorithm=algorithm, now=1000)


BY_ACCESS_TOKEN = replace(PROFILE, token="access")
WITH_EMAIL = replace(PROFILE, scopes=("openid", "email"))
MUST_FIT = "the API server must be told just that"


def test_where_the_issuer_alone_is_not_https_what_must_fit_is_said_too() -> None:
    url = "http://localhost:9"
    profile = replace(PROFILE, issuer=replace(PROFILE.issuer, url=url))
    said = why({"iss": url}, profile=profile)
    assert "is not https, and kube-apiserver takes no other; if this one does, it is from the issuer (iss)" in said
    assert said.endswith(MUST_FIT)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "RS512"])
def test_an_algorithm_that_flags_do_not_take_by_themselves_is_named(algorithm: str) -> None:
    said = why({}, algorithm)
    assert f"it is signed with {algorithm}, and kube-apiserver's flags take RS256 alone" in said
    assert f"--oidc-signing-algs={algorithm}" in said
    assert said.endswith(MUST_FIT)
    assert "signed" not in why({})


def test_an_access_token_is_for_an_audience_of_its_own() -> None:
    change = {"aud": "api://cluster", "email": None}
    said = why(change, profile=BY_ACCESS_TOKEN)
    assert "not the client" not in said
    assert "for the audience (aud) api://cluster" in said
    # What is really wrong is not hidden behind it.
    assert "has no claim upn" in why(change, profile=BY_ACCESS_TOKEN, username_claim="upn")
    assert "is missing, and API servers take no token without one" in why({"aud": None}, profile=BY_ACCESS_TOKEN)


def test_an_unverified_email_is_named_where_the_config_does_not_say_what_the_server_reads() -> None:
    assert "its email is not verified (email_verified)" in why({"email_verified": False})
    assert "email is not verified" in why({"email_verified": False}, username_claim="email")
    assert "verified" not in why({"email_verified": False}, username_claim="sub")


def test_an_email_that_was_asked_for_and_did_not_come_is_named() -> None:
    assert "though the scope email was granted" in why({"email": None}, profile=WITH_EMAIL)
    assert "granted" not in why({"email": None})
    assert "granted" not in why({"email": None}, profile=WITH_EMAIL, username_claim="sub")


def test_an_email_that_is_no_text_is_named() -> None:
    assert "its email is no text" in why({"email": ["me@acme.com"]})


def test_groups_that_are_no_list_are_named() -> None:
    assert "its groups are no text and no list of texts" in why({"groups": [7]})
    assert "groups" not in why({"groups": [7]}, groups_claim="roles")


def test_groups_that_are_elsewhere_are_named() -> None:
    change = {"_claim_names": {"groups": "src1"}}
    assert "its groups are not in it but elsewhere (_claim_names)" in why(change)
    assert "its groups are not in it" in why(change, groups_claim="groups")
    assert "elsewhere" not in why(change, groups_claim="roles")
    assert "elsewhere" not in why({**change, "groups": ["a"]})


def test_clocks_that_differ_are_named() -> None:
    assert "issued 600 s in the future by this machine's clock" in why({"iat": 1600})
    assert "it expires in 5 s, and API servers give no leeway" in why({"exp": 1005})


READING = replace(CLUSTER, username_claim="email", groups_claim="groups")
# Whether an API server can get them there, only that server knows.
ELSEWHERE = "groups are elsewhere"
UNSIGNED = {"a kid that the issuer does not know", "crit with a name", "parts padded with =", "a space at its start"}


@pytest.mark.parametrize(
    "shape",
    [
        shape
        for shape in SHAPES
        if shape.name not in {*UNSIGNED, ELSEWHERE} and len(shape.claims.get("more", "")) < 60_000
    ],
    ids=lambda shape: shape.name,
)
def test_a_cause_is_named_for_every_shape_that_api_servers_refuse_and_for_no_other(shape: Shape) -> None:
    now = time.time()
    token = shape.token(URL, now).strip()
    profile = replace(PROFILE, client_id=CLIENT_ID)
    header = read_header(token)
    wrong = misfits(READING, profile, read_claims(token), algorithm=header["alg"], now=now)
    assert bool(wrong) != shape.by_file, wrong
    said = why_refused(READING, profile, read_claims(token), algorithm=header["alg"], now=now)
    assert ("--oidc-signing-algs" in said) == (shape.by_file and not shape.flags), said
