"""The catalogue: every entry against discovery documents of its provider."""

from __future__ import annotations

import re
import tomllib

import pytest
from pydantic import ValidationError

from tests.conftest import WriteConfig
from tests.support.discovery import DOCUMENTS, preset_of
from togetherctl.config.config import Config
from togetherctl.config.presets import (
    Preset,
    example,
    find_preset,
    folder,
    json_schema,
    parts,
    preset_names,
    recognise_preset,
)

# Whose URL tells nothing, because anybody may run them anywhere.
ANYWHERE = {
    "dex",
    "hydra",
    "okta-domain",
    "auth0-domain",
    "authentik-global",
    "gitlab-self-managed",
    "zitadel",
    "authelia",
    "casdoor",
    "django-oauth-toolkit",
    "oidc-provider",
    "pocket-id",
    "spring",
}


def preset(name: str) -> Preset:
    found = find_preset(name, "")
    assert found is not None
    return found


def test_every_entry_has_a_document() -> None:
    assert {preset_of(document) for document in DOCUMENTS} == set(preset_names())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_provider_is_recognised(document: str) -> None:
    metadata = DOCUMENTS[document]
    name, issuer = preset_of(document), metadata["issuer"]
    assert recognise_preset(issuer, metadata) == (name, preset(name))
    by_url = recognise_preset(issuer)
    assert (by_url is None) == (document in ANYWHERE)
    if by_url:
        assert by_url[0] == name
    # Metadata tells by itself, too, except of the two that live at one address only.
    elsewhere = {name for name in preset_names() if preset(name).metadata}
    assert set(preset_names()) - elsewhere == {"google", "together"}


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if preset(preset_of(each)).metadata])
def test_metadata_tells_one_provider_alone(document: str) -> None:
    metadata = DOCUMENTS[document]
    issuer = metadata["issuer"].rstrip("/")
    fitting = [
        name
        for name in preset_names()
        if preset(name).metadata
        and all(
            re.fullmatch(pattern.replace("{issuer}", re.escape(issuer)), metadata.get(key, ""))
            for key, pattern in preset(name).metadata.items()
        )
    ]
    assert fitting == [preset_of(document)]


@pytest.mark.parametrize("name", preset_names())
def test_the_examples_of_an_entry_are_its_own(name: str) -> None:
    entry = preset(name)
    if entry.issuer_pattern:
        assert recognise_preset(entry.issuer_example) == (name, entry)
    for pitfall in entry.pitfalls:
        assert [each for each, _ in entry.pitfalls_of(pitfall.issuer_example)] == [pitfall]
        assert recognise_preset(pitfall.issuer_example) == (name, entry)


@pytest.mark.parametrize(
    "lookalike",
    [
        "https://accounts.google.com.evil.example",
        "https://evil.example/accounts.google.com",
        "https://evil.example/?https://gitlab.com",
        "http://accounts.google.com",
        "https://acme.okta.com.evil.example/oauth2/default",
        "https://dex.cloud.together.ai.evil.example/t-abc123",
    ],
)
def test_a_lookalike_is_nobody(lookalike: str) -> None:
    assert recognise_preset(lookalike) is None


@pytest.mark.parametrize(
    ("paths", "more"),
    [
        # FusionAuth and others with addresses like Spring's.
        (("/oauth2/authorize", "/oauth2/token", "/.well-known/jwks.json"), {"userinfo_endpoint": "/oauth2/userinfo"}),
        (("/oauth2/authorize", "/oauth2/token", "/oauth2/jwks"), {"userinfo_endpoint": "/oauth2/userinfo"}),
        # Like Dex's and oidc-provider's.
        (("/auth", "/token", "/jwks"), {"userinfo_endpoint": "/userinfo"}),
        (("/auth", "/token", "/certs"), {}),
        # Like django-oauth-toolkit's, without the slash at the end.
        (("/authorize", "/token", "/.well-known/jwks.json"), {}),
        (("/authorize", "/token", "/jwks"), {}),
    ],
)
def test_addresses_that_only_resemble_a_providers(paths: tuple[str, str, str], more: dict[str, str]) -> None:
    issuer = "https://sso.acme.com/o"
    preset_names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    document = {"issuer": issuer, **{n: issuer + p for n, p in zip(preset_names, paths, strict=True)}}
    document |= {name: issuer + path for name, path in more.items()}
    assert recognise_preset(issuer, document) is None


def test_metadata_of_nobody_in_particular() -> None:
    assert recognise_preset("https://id.acme.com", {}) is None
    assert recognise_preset("https://id.acme.com", {"authorization_endpoint": 7, "token_endpoint": None}) is None
    # An issuer's dots are dots: another host is not its own.
    other = {
        key: str(DOCUMENTS["dex"][key]).replace("auth.acme.com", "auth-acme.com")
        for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")
    }
    assert recognise_preset("https://auth.acme.com/dex", other) is None


@pytest.mark.parametrize("name", preset_names())
def test_the_example_config_of_an_entry_is_sound(name: str, write_config: WriteConfig, environ: dict[str, str]) -> None:
    path = write_config(f"version = 1\n\n{example(name, preset(name))}")
    profile = Config.load(path, environ).profile()
    entry = preset(name)
    assert profile.offline_access == entry.offline_access
    assert profile.auth_params == entry.auth_params
    assert list(profile.scopes) == entry.scopes
    uris = entry.register_there.redirect_uris or ["http://localhost:8000", "http://localhost:18000"]
    assert [loopback.redirect_uri for loopback in profile.loopbacks] == uris
    assert (profile.secret is not None) == entry.needs_client_secret


def test_what_is_not_certain_says_so() -> None:
    said = {text for name in preset_names() for part in parts(preset(name)) for text in part.paragraphs}
    for name in preset_names():
        entry = preset(name)
        facts = [entry.issuer, entry.refresh_token, entry.any_port, *entry.register_there.steps, *entry.notes]
        for fact in facts:
            assert (fact.text if fact.certain else f"{fact.text} (not certain)") in said


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"offline_access": "perhaps"}, "offline_access"),
        ({"needs_client_secret": "yes"}, "needs_client_secret"),
        ({"refresh_token": {"text": "somehow"}}, "refresh_token.by"),
        ({"any_port": {"text": "any", "hosts": ["example.com"]}}, "any_port.hosts.0"),
        ({"title": ""}, "title"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict[str, object], key: str) -> None:
    sound = tomllib.loads((folder() / "providers" / "okta.toml").read_text("utf-8"))
    Preset.model_validate(sound)
    with pytest.raises(ValidationError) as caught:
        Preset.model_validate({**sound, **change})
    assert [".".join(str(part) for part in error["loc"]) for error in caught.value.errors()] == [key]


def test_the_schema_knows_the_keys_as_they_stand_in_the_files() -> None:
    schema = json_schema()
    assert schema["additionalProperties"] is False
    for entry in (folder() / "providers").iterdir():
        assert set(tomllib.loads(entry.read_text("utf-8"))) <= set(schema["properties"])


def test_a_provider_named_in_the_config_brings_its_device_endpoint(
    write_config: WriteConfig, environ: dict[str, str]
) -> None:
    path = write_config(
        '[issuers.git]\nurl = "https://git.acme.com/"\npreset = "gitlab"\n'
        '[issuers.com]\nurl = "https://gitlab.com"\n'
        '[profiles.git]\nissuer = "git"\nclient_id = "x"\n[profiles.com]\nissuer = "com"\nclient_id = "x"\n'
    )
    loaded = Config.load(path, environ)
    assert loaded.profile("git").issuer.usual_device_endpoint == "https://git.acme.com/oauth/authorize_device"
    assert loaded.profile("com").issuer.usual_device_endpoint == "https://gitlab.com/oauth/authorize_device"
    assert loaded.profile("com").issuer.device_authorization_endpoint is None
