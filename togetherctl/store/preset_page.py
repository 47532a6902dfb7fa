"""A catalogue entry in words: what a person should know before and after registering a client there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from togetherctl.store.presets import Fact, Pitfall, Preset

UNCERTAIN = "(not certain)"


class Part(NamedTuple):
    """A heading and what stands below it; `listed`: each paragraph is a thing of its own."""

    heading: str
    paragraphs: list[str]
    listed: bool = False


def parts(preset: Preset) -> Iterator[Part]:
    """The entry in the order somebody sets a provider up."""
    there = preset.register_there
    yield Part("Issuer", [_said(preset.issuer), preset.issuer_example])
    yield Part("Register", [f"{_capital(there.app)}{'' if there.certain else f' {UNCERTAIN}'}."])
    if there.grants:
        yield Part("Grants", there.grants)
    if there.redirect_uris:
        yield Part("Redirect URIs", there.redirect_uris)
    yield Part("Ports", [_said(preset.any_port)])
    if there.steps:
        yield Part("Besides", [_said(step) for step in there.steps], listed=True)
    yield Part("Scopes", [", ".join(preset.scopes)])
    yield Part("Refresh token", [_said(preset.refresh_token)])
    if preset.auth_params:
        yield Part("Always sent", [f"{name}={value}" for name, value in preset.auth_params.items()])
    if preset.device_authorization_endpoint:
        yield Part("Device codes", [preset.device_endpoint("ISSUER") or ""])
    if preset.notes:
        yield Part("To know", [_said(note) for note in preset.notes], listed=True)
    if preset.pitfalls:
        yield Part("Beware", [_warning(pitfall) for pitfall in preset.pitfalls], listed=True)


def example(name: str, preset: Preset) -> str:
    """An issuer and a profile of the store, as TOML; the entry's `name` where the URL does not tell and it counts."""
    lines = ["[issuers.acme]", f'url = "{preset.issuer_example}"']
    if not preset.issuer_pattern and (
        preset.offline_access != "auto" or preset.auth_params or preset.device_authorization_endpoint
    ):
        lines.append(f'preset = "{name}"')
    lines += ["", "[profiles.acme]", 'issuer = "acme"', 'client_id = "CLIENT_ID"']
    if preset.needs_client_secret:
        lines.append("client_secret = { keyring = true }")
    usual = type(preset).model_fields["scopes"].get_default(call_default_factory=True)
    if preset.scopes != usual:
        lines.append(f"scopes = [{_quoted(preset.scopes)}]")
    default = type(preset.register_there).model_fields["redirect_uris"].get_default(call_default_factory=True)
    if preset.register_there.redirect_uris not in (default, []):
        lines += ["redirect_uris = [", *(f'  "{uri}",' for uri in preset.register_there.redirect_uris), "]"]
    return "\n".join(lines) + "\n"


def _said(fact: Fact) -> str:
    return fact.text if fact.certain else f"{fact.text} {UNCERTAIN}"


def _warning(pitfall: Pitfall) -> str:
    return f"{pitfall.issuer_example}: {_said(pitfall)} {_capital(pitfall.hint_for(pitfall.issuer_example))}."


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
