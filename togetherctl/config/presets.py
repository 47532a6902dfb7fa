"""Recognise and describe known identity providers: the presets in the top-level folder `profiles/`."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from togetherctl.config.types import DEFAULT_REDIRECT_URIS, DEFAULT_SCOPES, OfflineAccess

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


Host = Literal["localhost", "127.0.0.1", "[::1]"]
Sentence = Annotated[str, Field(min_length=1)]
UNCERTAIN = "(not certain)"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PresetFact(_Table):
    """Something to know about a provider."""

    text: Sentence
    """A sentence or two."""
    certain: bool = True
    """`false` for what was reported elsewhere or is likely, and not read in the provider's code or documents."""


class Pitfall(PresetFact):
    """An issuer URL of this provider that leads somewhere else than most people mean."""

    issuer_pattern: str
    """A regular expression for the whole issuer URL."""
    issuer_example: Sentence
    """Such a URL."""
    hint: Sentence
    """The way out; `{issuer}` is the URL without a slash at its end."""

    def hint_for(self, issuer: str) -> str:
        """The way out for this very URL."""
        return _fill_in(self.hint, issuer)


class RefreshToken(PresetFact):
    """How a client comes to a refresh token here."""

    by: Literal["offline_access", "parameter", "always", "client_secret"]
    """By the scope `offline_access`, by a parameter of the authorization request, with every login, or with every login
    of a client that has a secret, and never without one."""


class AnyPort(PresetFact):
    """What the provider makes of the port in a loopback redirect URI (RFC 8252, 7.3)."""

    hosts: list[Host] = Field(default_factory=list)
    """Hosts with which any port will do, so that a profile may have port 0; empty: registered to the letter."""


class Registration(_Table):
    """What to register at the provider, once, for everyone who logs in."""

    app: Sentence
    """The kind of application, in the provider's words."""
    grants: list[Sentence]
    """The grants to allow, in the provider's words."""
    redirect_uris: list[Sentence] = Field(default_factory=lambda: list(DEFAULT_REDIRECT_URIS))
    """The redirect URIs to register, to the letter; empty where loopback addresses need not be."""
    steps: list[PresetFact] = Field(default_factory=list)
    """What else has to be set there."""
    certain: bool = True
    """`false` where the provider may call these by other words."""


class Preset(_Table):
    """One identity provider: what a login there needs, how it is recognised, and what a person should know."""

    title: Sentence
    """The provider's name for people."""
    issuer: PresetFact
    """What its issuer URL looks like."""
    issuer_example: Sentence
    """An issuer as it may be."""
    issuer_pattern: str | None = None
    """A regular expression for the whole issuer URL, where the URL alone tells the provider."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """Keys of its metadata and regular expressions for their whole values, by which it is recognised where the URL
    does not tell; `{issuer}` is the issuer without a slash at its end."""
    scopes: list[Sentence] = Field(default_factory=lambda: list(DEFAULT_SCOPES))
    """The scopes to ask for in an ordinary profile."""
    offline_access: OfflineAccess = "auto"
    """Whether the scope `offline_access` gets a refresh token here."""
    auth_params: dict[str, str] = Field(default_factory=dict)
    """Parameters every authorization request needs here."""
    device_authorization_endpoint: str | None = None
    """The endpoint for device codes where metadata lacks it; `{issuer}` is the issuer without a slash at its end."""
    unlisted_scopes: bool = False
    """Whether scopes are granted that its metadata does not list."""
    public_clients_revoke: bool | None = None
    """Whether a client without a secret may revoke its tokens here; left out, its metadata is all that tells."""
    needs_client_secret: bool = False
    """Whether a client is always given a secret, and has to send it."""
    refresh_token: RefreshToken
    """How a client comes to a refresh token."""
    any_port: AnyPort
    """What becomes of the port in a loopback redirect URI."""
    register_there: Registration = Field(alias="register")
    """What to register at the provider."""
    notes: list[PresetFact] = Field(default_factory=list)
    """What else differs here."""
    pitfalls: list[Pitfall] = Field(default_factory=list)
    """Issuer URLs that are rarely the ones that are meant."""

    def device_endpoint(self, issuer: str) -> str | None:
        """Where device codes of `issuer` come from, if its metadata does not say."""
        return self.device_authorization_endpoint and _fill_in(self.device_authorization_endpoint, issuer)

    def pitfalls_of(self, issuer: str) -> list[tuple[Pitfall, str]]:
        """What is unusual about this issuer URL, each with its hint for it."""
        fitting = [pitfall for pitfall in self.pitfalls if re.fullmatch(pitfall.issuer_pattern, issuer)]
        return [(pitfall, pitfall.hint_for(issuer)) for pitfall in fitting]


def preset_names() -> tuple[str, ...]:
    """The catalogue's entries, sorted."""
    return tuple(sorted(_catalogue()))


def find_preset(name: str | None, issuer: str) -> Preset | None:
    """The entry called `name`; without a name the one whose pattern fits the issuer URL."""
    if name is not None:
        return _catalogue().get(name)
    found = recognise_preset(issuer)
    return found[1] if found else None


def recognise_preset(issuer: str, metadata: Mapping[str, Any] | None = None) -> tuple[str, Preset] | None:
    """The entry, with its name, whose pattern fits the issuer URL, else the one that such metadata tells of."""
    for name, preset in sorted(_catalogue().items()):
        if preset.issuer_pattern and re.fullmatch(preset.issuer_pattern, issuer):
            return name, preset
    for name, preset in sorted(_catalogue().items()):
        if metadata and preset.metadata and all(_fits(issuer, metadata, *each) for each in preset.metadata.items()):
            return name, preset
    return None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a catalogue entry (2020-12)."""
    from togetherctl.config.descriptions import describe

    describe(sys.modules[__name__])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Preset.model_json_schema()}


def folder() -> Traversable:
    """`profiles/`, in the wheel or beside the package in a checkout."""
    packaged = files("togetherctl") / "profiles"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "profiles"


def _fits(issuer: str, metadata: Mapping[str, Any], key: str, pattern: str) -> bool:
    value = metadata.get(key)
    own = pattern.replace("{issuer}", re.escape(issuer.rstrip("/")))
    return isinstance(value, str) and re.fullmatch(own, value) is not None


def _fill_in(template: str, issuer: str) -> str:
    return template.replace("{issuer}", issuer.rstrip("/"))


@cache
def _catalogue() -> dict[str, Preset]:
    providers = folder() / "providers"
    return {
        entry.name.removesuffix(".toml"): Preset.model_validate(tomllib.loads(entry.read_text("utf-8")))
        for entry in providers.iterdir()
        if entry.name.endswith(".toml")
    }


class Part(NamedTuple):
    """A heading and its paragraphs; `listed`: the paragraphs are items of a list."""

    heading: str
    paragraphs: list[str]
    listed: bool = False


def parts(preset: Preset) -> list[Part]:
    """The entry in the order in which a person sets a provider up."""
    there = preset.register_there
    device_endpoint = preset.device_endpoint("ISSUER")
    every = [
        Part("Issuer", [_sentence(preset.issuer), preset.issuer_example]),
        Part("Register", [f"{_capitalize(there.app)}{'' if there.certain else f' {UNCERTAIN}'}."]),
        Part("Grants", there.grants),
        Part("Redirect URIs", there.redirect_uris),
        Part("Ports", [_sentence(preset.any_port)]),
        Part("Besides", [_sentence(step) for step in there.steps], listed=True),
        Part("Scopes", [", ".join(preset.scopes)]),
        Part("Refresh token", [_sentence(preset.refresh_token)]),
        Part("Always sent", [f"{name}={value}" for name, value in preset.auth_params.items()]),
        Part("Device codes", [device_endpoint] if device_endpoint else []),
        Part("To know", [_sentence(note) for note in preset.notes], listed=True),
        Part("Beware", [_warning(pitfall) for pitfall in preset.pitfalls], listed=True),
    ]
    return [part for part in every if part.paragraphs]


def example(name: str, preset: Preset) -> str:
    """An issuer and a profile as TOML, with the preset's `name` where the URL does not tell it and it matters."""
    lines = ["[issuers.acme]", f'url = "{preset.issuer_example}"']
    if not preset.issuer_pattern and (
        preset.offline_access != "auto" or preset.auth_params or preset.device_authorization_endpoint
    ):
        lines.append(f'preset = "{name}"')
    lines += ["", "[profiles.acme]", 'issuer = "acme"', 'client_id = "CLIENT_ID"']
    if preset.needs_client_secret:
        lines.append("client_secret = { keyring = true }")
    if preset.scopes != list(DEFAULT_SCOPES):
        lines.append(f"scopes = {json.dumps(preset.scopes)}")
    if preset.register_there.redirect_uris not in (list(DEFAULT_REDIRECT_URIS), []):
        lines += ["redirect_uris = [", *(f'  "{uri}",' for uri in preset.register_there.redirect_uris), "]"]
    return "\n".join(lines) + "\n"


def _sentence(fact: PresetFact) -> str:
    return fact.text if fact.certain else f"{fact.text} {UNCERTAIN}"


def _warning(pitfall: Pitfall) -> str:
    return f"{pitfall.issuer_example}: {_sentence(pitfall)} {_capitalize(pitfall.hint_for(pitfall.issuer_example))}."


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]
