"""ID tokens of every shape before kube-apiserver's own code: the table in `tests/support/token_shapes.py` is true."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.issuer import Reply, ScriptedIssuer
from tests.support.token_shapes import CLIENT_ID, SHAPES, Shape, jwks
from togetherctl.kube.api_server_setup import CA_FILE, Authentication, Naming
from togetherctl.kube.yaml_text import dump

if TYPE_CHECKING:
    import trustme

    from tests.support.judge import Judge, Verdict


@pytest.fixture
def trust(tls_issuer: ScriptedIssuer, authority: trustme.CA) -> Authentication:
    """An API server's trust in the issuer, told in our own words."""
    tls_issuer.always["/keys"] = Reply(body=jwks())
    pem = authority.cert_pem.bytes().decode()
    return Authentication(tls_issuer.url, CLIENT_ID, Naming("email", groups_claim="groups"), authority=pem)


def files(trust: Authentication) -> dict[str, str]:
    """What the flags name by its path on the API server's machine."""
    return {CA_FILE: trust.authority or ""}


def differing(expected: dict[str, bool], verdicts: list[Verdict]) -> dict[str, Any]:
    """The shapes that the API server says otherwise to, with what it says."""
    given = zip(expected.items(), verdicts, strict=True)
    return {name: verdict.error or "taken" for (name, taken), verdict in given if taken != verdict.taken}


def test_by_an_authentication_configuration(judge: Judge, trust: Authentication) -> None:
    tokens = [shape.token(trust.issuer, time.time()) for shape in SHAPES]
    verdicts = judge.verdicts(tokens, configuration=dump(trust.configuration()))
    assert differing({shape.name: shape.by_file for shape in SHAPES}, verdicts) == {}
    assert {verdict.username for verdict in verdicts if verdict.taken} == {"me@acme.com"}


def test_by_flags(judge: Judge, trust: Authentication) -> None:
    tokens = [shape.token(trust.issuer, time.time()) for shape in SHAPES]
    verdicts = judge.verdicts(tokens, flags=trust.flags(), files=files(trust))
    assert differing({shape.name: shape.flags for shape in SHAPES}, verdicts) == {}


@pytest.mark.parametrize(
    "shape", [shape for shape in SHAPES if shape.by_file and not shape.flags], ids=lambda shape: shape.algorithm
)
def test_by_flags_that_name_the_algorithm(judge: Judge, trust: Authentication, shape: Shape) -> None:
    told = replace(trust, algorithm=shape.algorithm)
    [verdict] = judge.verdicts([shape.token(trust.issuer, time.time())], flags=told.flags(), files=files(told))
    assert verdict.username == "me@acme.com"
