"""Flags that are checked without pydantic mean, and are refused for, what they are with it."""

from __future__ import annotations

import base64

import pytest

from togetherctl.errors import UsageError
from togetherctl.kubelogin import profile as module
from togetherctl.kubelogin.flags import parse
from togetherctl.kubelogin.plain_tables import check_plainly
from togetherctl.kubelogin.profile import profile_of

USUAL = ("--oidc-issuer-url=https://login.acme.com/x/", "--oidc-client-id=kubernetes")
BUNDLE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n").decode()
RIGHT: list[tuple[str, ...]] = [
    (),
    ("--oidc-extra-scope=email,profile", "--oidc-extra-scope=email", "--oidc-use-access-token"),
    ("--oidc-client-id=a client ü",),
    ("--certificate-authority=/a.pem", "--certificate-authority=~/b c.pem", "--insecure-skip-tls-verify"),
    (f"--certificate-authority-data={BUNDLE}",),
    (f"--certificate-authority-data={BUNDLE}", f"--certificate-authority-data={BUNDLE}"),
    ("--oidc-request-header=x-key=a value",),
    ("--username=me@acme.com",),
    ("--grant-type=device-code", "--oidc-auth-request-extra-params=a=b"),
    ("--oidc-auth-request-extra-params=audience=ü b,prompt=",),
    ("--grant-type=client-credentials", "--token-cache-storage=none"),
    ("--token-cache-storage=keyring", "--token-cache-dir=/somewhere"),
    ("--oidc-issuer-url=http://localhost:8080",),
    ("--oidc-issuer-url=https://[::1]:8443/a",),
]
WRONG: list[tuple[str, ...]] = [
    ("--oidc-issuer-url=login.acme.com",),
    ("--oidc-issuer-url=http://login.acme.com",),
    ("--oidc-issuer-url=https://login.acme.com?x",),
    ("--oidc-issuer-url=https://user@login.acme.com",),
    ("--oidc-issuer-url=https://a b",),
    ("--oidc-issuer-url=https://login.acme.com:99999",),
    ("--oidc-issuer-url=https://login\udcff.acme.com",),
    ("--oidc-client-id=a\u200bb",),
    ("--oidc-client-id=\udcff",),
    ("--oidc-extra-scope=two words",),
    ("--oidc-extra-scope=a,,b",),
    ("--certificate-authority=",),
    ("--certificate-authority=a\x01",),
    ("--certificate-authority-data=@@",),
    ("--certificate-authority-data=YQ==",),
    ("--oidc-request-header=x y=1",),
    ("--oidc-request-header=x=a\x7f",),
    ("--oidc-auth-request-extra-params=scope=x",),
    ("--username=a\nb",),
]

# What the library lets pass and the plain checks leave to it.
ODD: list[tuple[str, ...]] = [("--oidc-auth-request-extra-params=a=\udcff",)]


def outcome(words: tuple[str, ...]) -> object:
    try:
        return profile_of(parse([*USUAL, *words]), {"HOME": "/home/me"})
    except UsageError as error:
        return (type(error), error.message, error.remedy)


@pytest.mark.parametrize("words", RIGHT + WRONG + ODD, ids=ascii)
def test_both_checks_come_to_the_same(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def watched(issuer: dict[str, object], profile: dict[str, object]) -> object:
        taken.append(check_plainly(issuer, profile))
        return taken[-1]

    monkeypatch.setattr(module, "check_plainly", watched)
    plain = outcome(words)
    assert (taken[0] is not None) == (words in RIGHT)
    monkeypatch.setattr(module, "check_plainly", lambda _issuer, _profile: None)
    assert plain == outcome(words)
    assert isinstance(plain, tuple) == (words in WRONG)


def test_every_check_of_the_models_is_made() -> None:
    """A key of the tables that flags begin to fill in gets its check here."""
    from togetherctl.config.models import IssuerTable, ProfileTable
    from togetherctl.kubelogin.plain_tables import PlainIssuer, PlainProfile

    assert {*PlainIssuer.__annotations__} <= {*IssuerTable.model_fields}
    assert {*PlainProfile.__annotations__} <= {*ProfileTable.model_fields}
