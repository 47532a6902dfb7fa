"""An API server's flags, and the AuthenticationConfiguration that says the same."""

from __future__ import annotations

from typing import Any

import pytest

from togetherctl.kube.rbac import Authentication, Naming
from togetherctl.kube.yaml_text import dump, load

ISSUER = "https://issuer.acme.com"
BASE = [f"--oidc-issuer-url={ISSUER}", "--oidc-client-id=kube"]
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("naming", "flags", "mappings"),
    [
        (Naming("email"), ["--oidc-username-claim=email"], {"username": {"claim": "email", "prefix": ""}}),
        (Naming("sub"), ["--oidc-username-claim=sub"], {"username": {"claim": "sub", "prefix": f"{ISSUER}#"}}),
        (
            Naming("sub", "-"),
            ["--oidc-username-claim=sub", "--oidc-username-prefix=-"],
            {"username": {"claim": "sub", "prefix": ""}},
        ),
        (
            Naming("email", "oidc:", "groups"),
            ["--oidc-username-claim=email", "--oidc-username-prefix=oidc:", "--oidc-groups-claim=groups"],
            {"username": {"claim": "email", "prefix": "oidc:"}, "groups": {"claim": "groups", "prefix": ""}},
        ),
        (
            Naming("email", None, "roles", "-"),
            ["--oidc-username-claim=email", "--oidc-groups-claim=roles", "--oidc-groups-prefix=-"],
            {"username": {"claim": "email", "prefix": ""}, "groups": {"claim": "roles", "prefix": "-"}},
        ),
        (
            Naming("email", None, None, "x:"),
            ["--oidc-username-claim=email"],
            {"username": {"claim": "email", "prefix": ""}},
        ),
    ],
)
def test_both_forms_say_the_same(naming: Naming, flags: list[str], mappings: dict[str, Any]) -> None:
    authentication = Authentication(ISSUER, "kube", naming)
    assert authentication.flags() == [*BASE, *flags]
    assert authentication.configuration() == {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{"issuer": {"url": ISSUER, "audiences": ["kube"]}, "claimMappings": mappings}],
    }
    assert authentication.remarks() == []


def test_an_authority_of_its_own() -> None:
    authentication = Authentication(ISSUER, "kube", Naming("email"), authority=PEM)
    assert authentication.flags()[-1] == "--oidc-ca-file=/etc/kubernetes/pki/oidc-ca.pem"
    assert authentication.configuration()["jwt"][0]["issuer"]["certificateAuthority"] == PEM
    assert "/etc/kubernetes/pki/oidc-ca.pem" in authentication.remarks()[0]


@pytest.mark.parametrize(
    ("algorithm", "flag", "taken"),
    [
        ("RS256", [], True),
        ("ES256", ["--oidc-signing-algs=ES256"], True),
        ("EdDSA", ["--oidc-signing-algs=EdDSA"], False),
    ],
)
def test_the_flags_name_what_signs_if_it_is_not_the_usual(algorithm: str, flag: list[str], taken: bool) -> None:  # noqa: FBT001 # a column of the table
    authentication = Authentication(ISSUER, "kube", Naming("email"), algorithm=algorithm)
    assert authentication.flags()[3:] == flag
    assert (authentication.remarks() == []) == taken


def test_an_issuer_without_tls_is_none_for_an_api_server() -> None:
    assert "https issuers only" in Authentication("http://localhost:1", "kube", Naming("email")).remarks()[0]


@pytest.mark.parametrize(
    "text", ["yes", "a: b", "#x", "'", '"', "\x1b[2J", "a\nb: c", "- x", "Ünï", "\u202e", "1e3", "{a}"]
)
def test_whatever_a_name_holds_survives_yaml(text: str) -> None:
    naming = Naming(text, text, text, text)
    configuration = Authentication(ISSUER, text, naming, authority=PEM).configuration()
    written = dump(configuration)
    assert load(written) == configuration
    assert written.isascii()
    assert all(line.isprintable() for line in written.splitlines())
