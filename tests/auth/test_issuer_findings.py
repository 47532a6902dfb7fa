"""What the metadata of each provider means for a login there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.discovery import DOCUMENTS
from togetherctl.auth.discovery import parse_metadata
from togetherctl.auth.issuer_findings import ClientNeeds, findings, pitfalls
from togetherctl.config.presets import recognise_preset
from togetherctl.finding import Finding


def found(document: dict[str, Any], wishes: ClientNeeds | None = None) -> dict[str, list[Finding]]:
    issuer = document["issuer"]
    known = recognise_preset(issuer, document)
    named: dict[str, list[Finding]] = {}
    for finding in findings(
        issuer, document, parse_metadata(document), known[1] if known else None, wishes or ClientNeeds()
    ):
        named.setdefault(finding.about, []).append(finding)
    return named


REFRESH_TOKEN = {
    "keycloak": ("ok", "comes with the login"),
    "dex": ("ok", "by the scope offline_access"),
    "okta": ("ok", "by the scope offline_access"),
    "auth0": ("ok", "by the scope offline_access"),
    "entra": ("ok", "by the scope offline_access"),
    "google": ("ok", "comes with the login"),
    "hydra": ("ok", "by the scope offline_access"),
    "zitadel": ("ok", "by the scope offline_access"),
    "authentik": ("ok", "by the scope offline_access"),
    "authentik-global": ("warning", "the scope offline_access is not listed"),
    "gitlab": ("ok", "comes with the login"),
    "gitlab-self-managed": ("ok", "comes with the login"),
    "together": ("ok", "by the scope offline_access"),
    "authelia": ("ok", "by the scope offline_access"),
    "casdoor": ("ok", "comes with the login"),
    "django-oauth-toolkit": ("ok", "comes with the login"),
    "oidc-provider": ("ok", "by the scope offline_access"),
    "pocket-id": ("ok", "comes with the login"),
    "spring": ("warning", "no refresh token comes to a client without a secret"),
}


@pytest.mark.parametrize("document", REFRESH_TOKEN)
def test_how_a_refresh_token_comes(document: str) -> None:
    level, text = REFRESH_TOKEN[document]
    [finding] = found(DOCUMENTS[document])["refresh_token"]
    assert finding.status == level
    assert text in finding.message
    assert finding.remedy


def test_google_says_how() -> None:
    [finding] = found(DOCUMENTS["google"])["refresh_token"]
    assert finding.remedy is not None
    assert "access_type=offline" in str(finding.remedy)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_wrong_with_a_provider_as_it_is(document: str) -> None:
    assert not [each for group in found(DOCUMENTS[document]).values() for each in group if each.status == "failed"]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_a_provider_lacks_is_a_note(document: str) -> None:
    groups = found(DOCUMENTS[document])
    lacking = {name for name in ("device_codes", "revocation", "end_session") if groups[name][0].status == "warning"}
    entra, dex = {"revocation"}, {"revocation", "end_session"}
    expected = {"entra": entra, "entra-common": entra, "dex": dex, "together": dex}
    expected |= {"casdoor": {"revocation"}, "pocket-id": {"revocation"}, "spring": {"revocation", "device_codes"}}
    # Its revocation endpoint is in other metadata than this.
    expected["django-oauth-toolkit"] = {"revocation", "end_session", "device_codes"}
    no_page = {"google", "auth0", "auth0-domain", "gitlab", "gitlab-self-managed", "authelia"}
    assert lacking == (expected.get(document) or ({"end_session"} if document in no_page else set()))


def test_pkce_is_sent_whatever_is_listed() -> None:
    for document in ("entra", "authentik-global"):
        assert found(DOCUMENTS[document])["pkce"] == [
            Finding("ok", "PKCE is not advertised; S256 is sent anyway", about="pkce")
        ]
    [finding] = found({**DOCUMENTS["keycloak"], "code_challenge_methods_supported": ["plain"]})["pkce"]
    assert (finding.status, finding.message) == ("failed", "it does not offer PKCE with S256, only plain")


def test_okta_without_an_authorization_server_of_its_own() -> None:
    [finding] = found(DOCUMENTS["okta-org"])["issuer"]
    assert finding.status == "warning"
    assert "bare domain" in finding.message
    assert str(finding.remedy) == "if that is not the one you mean, use https://acme.okta.com/oauth2/default"
    assert "issuer" not in found(DOCUMENTS["okta"])


def test_entra_for_many_tenants() -> None:
    issuer = "https://login.microsoftonline.com/common/v2.0"
    known = recognise_preset(issuer)
    assert known is not None
    [finding] = pitfalls(issuer, known[1])
    assert (finding.status, finding.about) == ("warning", "issuer")
    assert "is no issuer" in finding.message
    assert "issuer" not in found(DOCUMENTS["entra"])


def test_google_wants_a_secret() -> None:
    assert found(DOCUMENTS["google"])["client_secret"][0].status == "warning"
    assert "client_secret" not in found(DOCUMENTS["google"], ClientNeeds(has_secret=True))
    assert "client_secret" not in found(DOCUMENTS["okta"])


def test_endpoints_elsewhere_are_named() -> None:
    [finding] = found(DOCUMENTS["google"])["endpoints"]
    assert finding.message == "its endpoints are elsewhere: oauth2.googleapis.com, www.googleapis.com"
    assert "endpoints" not in found(DOCUMENTS["keycloak"])


@pytest.mark.parametrize(
    ("document", "uri", "level", "text"),
    [
        ("okta", "http://localhost:0", "warning", "which Okta does not take with localhost"),
        ("hydra", "http://localhost:0", "warning", "which Ory Hydra does not take with localhost"),
        ("hydra", "http://[::1]:0/callback", None, ""),
        ("hydra", "http://127.0.0.1:0", None, ""),
        ("keycloak", "http://localhost:0", None, ""),
        ("keycloak", "http://[::1]:0", "warning", "with [::1]"),
        ("entra", "http://127.0.0.1:0", "warning", "with 127.0.0.1"),
    ],
)
def test_any_free_port_where_it_will_not_do(document: str, uri: str, level: str | None, text: str) -> None:
    first, *more = found(DOCUMENTS[document], ClientNeeds(redirect_uris=(uri,)))["redirect_uris"]
    assert uri in first.message
    assert [finding.status for finding in more] == ([level] if level else [])
    assert all(text in finding.message for finding in more)


def test_redirect_uris_to_register_come_with_the_rule() -> None:
    [finding] = found(DOCUMENTS["okta"])["redirect_uris"]
    assert finding.message == "to be registered there, to the letter: http://localhost:8000 and http://localhost:18000"
    assert str(finding.remedy) == "Redirect URIs count to the letter, port included."
    [finding] = found(DOCUMENTS["google"])["redirect_uris"]
    assert finding.status == "ok"
    assert finding.remedy is not None
    assert str(finding.remedy).endswith("(not certain)")


def test_device_codes_that_only_the_catalogue_or_the_config_knows() -> None:
    assert found(DOCUMENTS["gitlab-self-managed"])["device_codes"][0].status == "ok"
    bare = {key: value for key, value in DOCUMENTS["zitadel"].items() if key != "device_authorization_endpoint"}
    assert found(bare)["device_codes"][0].status == "warning"
    assert found(bare, ClientNeeds(device_endpoint="https://sign-in.acme.com/device"))["device_codes"][0].status == "ok"


@pytest.mark.parametrize(
    ("change", "about", "text"),
    [
        ({"token_endpoint": None}, "endpoints", "the metadata names no token_endpoint"),
        ({"jwks_uri": None}, "endpoints", "the metadata names no jwks_uri"),
        ({"response_types_supported": ["id_token"]}, "endpoints", "does not offer the authorization code flow"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "algorithms", "signed with HS256, none alone"),
    ],
)
def test_what_nobody_logs_in_with(change: dict[str, Any], about: str, text: str) -> None:
    wrong = [each for each in found({**DOCUMENTS["keycloak"], **change})[about] if each.status == "failed"]
    assert [text in finding.message for finding in wrong] == [True]
    assert wrong[0].remedy


@pytest.mark.parametrize("algorithms", [None, "RS256", []])
def test_algorithms_that_are_not_said(algorithms: object) -> None:
    [finding] = found({**DOCUMENTS["dex"], "id_token_signing_alg_values_supported": algorithms})["algorithms"]
    assert (finding.status, finding.message) == ("warning", "it does not say how ID tokens are signed")


def test_scopes_that_are_not_listed() -> None:
    wishes = ClientNeeds(scopes=("openid", "groups", "offline_access"))
    [finding] = found(DOCUMENTS["keycloak"], wishes)["scopes"]
    assert "groups; it may refuse the login with invalid_scope" in finding.message
    assert "scopes" not in found(DOCUMENTS["dex"], wishes)


def test_a_profile_that_wants_no_refresh_token() -> None:
    never = ClientNeeds(offline_access="never")
    [finding] = found(DOCUMENTS["okta"], never)["refresh_token"]
    assert (finding.status, str(finding.remedy)) == ("warning", "togetherctl profile set NAME offline_access=auto")
    always = replace(never, offline_access="always")
    assert found(DOCUMENTS["authentik-global"], always)["refresh_token"][0].status == "ok"
    unknown = {**DOCUMENTS["keycloak"], "issuer": "https://other.acme.com", "scopes_supported": ["openid"]}
    [finding] = found(unknown)["refresh_token"]
    assert (finding.status, "if none comes, you log in again" in str(finding.remedy)) == ("warning", True)
    # It makes a login fail at some, and a refresh token comes without it.
    assert "offline_access=always" not in str(finding.remedy)


def test_a_refresh_token_may_want_consent() -> None:
    unknown = {**DOCUMENTS["keycloak"], "issuer": "https://other.acme.com"}
    [finding] = found(unknown)["refresh_token"]
    assert finding.status == "ok"
    assert 'auth_params = { prompt = "consent" }' in str(finding.remedy)
    assert "prompt=consent, which is always sent" in str(found(DOCUMENTS["oidc-provider"])["refresh_token"][0].remedy)


def test_a_client_with_a_secret_gets_what_a_public_one_does_not() -> None:
    for secret, refresh_token, revocation in (
        (True, "ok", "ok"),
        (False, "warning", "warning"),
        (None, "warning", "warning"),
    ):
        groups = found(DOCUMENTS["spring"], ClientNeeds(has_secret=secret))
        assert groups["refresh_token"][0].status == refresh_token
        assert groups["revocation"][0].status == revocation


def test_who_may_revoke_is_told_as_far_as_it_is_known() -> None:
    listed = {**DOCUMENTS["dex"], "issuer": "https://other.acme.com", "revocation_endpoint": "https://other.acme.com/r"}
    closed = {**listed, "revocation_endpoint_auth_methods_supported": ["client_secret_basic"]}
    assert found(listed)["revocation"][0].status == "ok"
    assert found(closed, ClientNeeds(has_secret=True))["revocation"][0].status == "ok"
    [finding] = found(closed)["revocation"]
    assert (finding.status, "may not let a client without a secret revoke" in finding.message) == ("warning", True)
    # Keycloak lists no method for public clients, and lets them.
    keycloak = {**DOCUMENTS["keycloak"], "revocation_endpoint_auth_methods_supported": ["client_secret_basic"]}
    assert found(keycloak)["revocation"][0].status == "ok"
    assert found(DOCUMENTS["dex"], ClientNeeds(revocation_endpoint="https://x/r"))["revocation"][0].status == "ok"


def test_requests_that_have_to_be_pushed() -> None:
    wants = {**DOCUMENTS["dex"], "require_pushed_authorization_requests": True}
    assert [each.status for each in found(wants)["endpoints"]] == ["failed"]
    wants["pushed_authorization_request_endpoint"] = "https://auth.acme.com/par"
    assert [each.status for each in found(wants)["endpoints"]] == ["ok"]
    signed = {**DOCUMENTS["dex"], "require_signed_request_object": True}
    assert [each.status for each in found(signed)["endpoints"]] == ["failed"]
    assert "endpoints" not in found(signed, ClientNeeds(by_browser=False))


def test_a_scope_that_is_granted_though_it_is_not_listed_is_no_note() -> None:
    assert "email" not in DOCUMENTS["hydra"]["scopes_supported"]
    assert "scopes" not in found(DOCUMENTS["hydra"])


def test_what_an_issuer_sends_is_made_printable() -> None:
    evil: Callable[[str], str] = lambda text: f"{text}\x1b[2J"  # noqa: E731 # short, and used twice
    document = {**DOCUMENTS["keycloak"], "id_token_signing_alg_values_supported": [evil("XS1")]}
    document["scopes_supported"] = [evil("openid")]
    groups = found(document)
    shown = "".join(f"{each.message}{each.remedy}" for group in groups.values() for each in group)
    assert "\x1b" not in shown
    assert "XS1\\x1b[2J" in shown
