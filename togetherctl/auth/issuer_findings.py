"""Findings of an issuer check: what the metadata and the client's registration mean for a login."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from togetherctl.auth.claims import ALGORITHMS
from togetherctl.auth.discovery import Metadata
from togetherctl.config.presets import Preset
from togetherctl.config.types import DEFAULT_REDIRECT_URIS, OfflineAccess
from togetherctl.errors import Remedy, run
from togetherctl.finding import Finding, Status

# What kube-apiserver takes where it is told of the issuer by flags, and nothing is said of algorithms.
_BY_FLAGS = "RS256"
_NOT_CERTAIN = " (not certain)"


@dataclass(frozen=True)
class ClientNeeds:
    """What a profile will want of the issuer; by default what a new one does.

    `has_secret` is None where it was not said whether the client has one; `device_endpoint` and
    `revocation_endpoint` are the configuration's;
    `by_browser` is False where no login goes through a browser on this machine. With `client_id` the issuer is asked
    whether that client and its redirect URIs are registered. `profile` and `issuer` are their names in the
    configuration, for the commands that help.
    """

    scopes: tuple[str, ...] = ("openid", "email")
    redirect_uris: tuple[str, ...] = DEFAULT_REDIRECT_URIS
    offline_access: OfflineAccess = "auto"
    has_secret: bool | None = None
    device_endpoint: str | None = None
    revocation_endpoint: str | None = None
    by_browser: bool = True
    pkce: bool = True
    client_id: str | None = None
    profile: str | None = None
    issuer: str | None = None

    def command(self, kind: Literal["profile", "issuer"], *words: str, does: str = "") -> Remedy:
        """The command `togetherctl KIND …` for the profile or issuer, whose name is `{}` among `words`.

        Where no name is known, it is words that cannot be run as they stand. `does` is what it does.
        """
        name = self.profile if kind == "profile" else self.issuer
        argv = ["togetherctl", kind, *(word.format(name or "NAME") for word in words)]
        if name is None:
            return Remedy(" ".join([*argv, *filter(None, [does])]))
        return run(*argv, words=f"this {does}" if does else "")


def findings(
    issuer: str, document: Mapping[str, Any], metadata: Metadata, preset: Preset | None, wishes: ClientNeeds
) -> Iterator[Finding]:
    """Everything the metadata of `issuer` says, `document` as it was sent, in the order of a login."""
    yield from pitfalls(issuer, preset)
    yield from _endpoints(issuer, document, metadata, wishes)
    if wishes.by_browser:
        yield _pkce(metadata, wishes)
    yield from _signatures(issuer, document)
    yield from _scopes(metadata, preset, wishes)
    yield _refresh_token(metadata, preset, wishes)
    yield from _client_secret(preset, wishes)
    if wishes.by_browser:
        yield from _redirect_uris(preset, wishes)
    yield from _after_the_login(issuer, metadata, preset, wishes)


def _all(about: str, *rows: tuple[object, Status, str, Remedy | str | None]) -> list[Finding]:
    """The findings about one thing; a row is: whether it is so, how bad that is, the sentence, and a hint."""
    return [Finding(level, text, hint, about) for is_so, level, text, hint in rows if is_so]


def pitfalls(issuer: str, preset: Preset | None) -> Iterator[Finding]:
    """What the catalogue knows against this very URL."""
    for pitfall, hint in preset.pitfalls_of(issuer) if preset else ():
        yield Finding("warning", f"{pitfall.text}{'' if pitfall.certain else _NOT_CERTAIN}", hint, "issuer")


def _endpoints(issuer: str, document: Mapping[str, Any], metadata: Metadata, wishes: ClientNeeds) -> Iterator[Finding]:
    browser = ("authorization_endpoint",) if wishes.by_browser else ()
    for name in (*browser, "token_endpoint", "jwks_uri"):
        if getattr(metadata, name) is None:
            yield Finding("failed", f"the metadata names no {name}", "its operator has to mend that", "endpoints")
    if wishes.by_browser:
        yield from _requests(document, metadata)
    named = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri, metadata.revocation_endpoint)
    others = sorted({urlsplit(endpoint).netloc for endpoint in named if endpoint} - {urlsplit(issuer).netloc})
    if others:
        yield Finding(
            "warning",
            f"its endpoints are elsewhere: {', '.join(others)}",
            "proxies must let those pass too",
            "endpoints",
        )


def _requests(document: Mapping[str, Any], metadata: Metadata) -> list[Finding]:
    """What it takes of authorization requests, where that is not what every issuer takes."""
    types = _list(document, "response_types_supported")
    pushed, endpoint = metadata.require_pushed_authorization_requests, metadata.pushed_authorization_request_endpoint
    return _all(
        "endpoints",
        (
            types and "code" not in types,
            "failed",
            f"it does not offer the authorization code flow (response types: {', '.join(types)})",
            "its operator turns it on",
        ),
        (
            document.get("require_signed_request_object") is True,
            "failed",
            "it takes only signed authorization requests (RFC 9101), which togetherctl does not send",
            "its operator can allow plain ones for this client",
        ),
        (pushed and endpoint, "ok", "authorization requests are pushed to it first, as it wants (RFC 9126)", None),
        (
            pushed and not endpoint,
            "failed",
            "it takes only pushed authorization requests (RFC 9126), and names no endpoint for them",
            "its operator has to mend that",
        ),
    )


def _pkce(metadata: Metadata, wishes: ClientNeeds) -> Finding:
    methods = metadata.code_challenge_methods_supported
    return _all(
        "pkce",
        (
            not wishes.pkce,
            "warning",
            'pkce = "no" in the profile: nothing proves that a login is the one that began',
            None,
        ),
        ("S256" in methods, "ok", "PKCE with S256", None),
        (not methods, "ok", "PKCE is not advertised; S256 is sent anyway", None),
        (
            True,
            "failed",
            f"it does not offer PKCE with S256, only {', '.join(methods)}",
            'pkce = "no" in the profile goes without; ask the operator to turn it on instead',
        ),
    )[0]


def _signatures(issuer: str, document: Mapping[str, Any]) -> list[Finding]:
    """Whether ID tokens are signed as API servers take them."""
    listed = _list(document, "id_token_signing_alg_values_supported")
    accepted = [name for name in listed if name in ALGORITHMS]
    return [
        *_all(
            "api_server",
            (
                not issuer.startswith("https://"),
                "warning",
                "kube-apiserver takes no issuer that is not https, so this one serves for a try at most",
                None,
            ),
        ),
        *_all(
            "algorithms",
            (not listed, "warning", "it does not say how ID tokens are signed", None),
            (
                listed and not accepted,
                "failed",
                f"ID tokens are signed with {', '.join(listed)} alone: neither togetherctl nor an API server takes it",
                f"its operator can choose one of {', '.join(ALGORITHMS)}",
            ),
            (accepted, "ok", f"ID tokens are signed with {', '.join(accepted)}", None),
        ),
        *_all(
            "api_server",
            (
                accepted and _BY_FLAGS not in accepted,
                "warning",
                f"an API server that is told by flags takes {_BY_FLAGS} alone, unless they name another algorithm",
                f"on the API server: --oidc-signing-algs={','.join(accepted)}",
            ),
        ),
    ]


def _scopes(metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    listed = () if preset and preset.unlisted_scopes else metadata.scopes_supported
    unknown = [scope for scope in wishes.scopes if listed and scope not in listed and scope != "offline_access"]
    if unknown:
        yield Finding(
            "warning",
            f"not among the scopes it lists: {', '.join(unknown)}; it may refuse the login with invalid_scope",
            f"it lists {', '.join(listed[:20])}",
            "scopes",
        )


def _refresh_token(metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Finding:
    """Whether there will be a refresh token, and how it is asked for, as far as that can be known beforehand."""
    by = preset.refresh_token.by if preset else "offline_access"
    known = f"{preset.refresh_token.text}{'' if preset.refresh_token.certain else _NOT_CERTAIN}" if preset else None
    offered = "offline_access" in metadata.scopes_supported
    asked = wishes.offline_access == "always" or "offline_access" in wishes.scopes
    return _all(
        "refresh_token",
        (
            by == "client_secret" and not wishes.has_secret,
            "warning",
            "no refresh token comes to a client without a secret: you log in again whenever a token expires",
            known,
        ),
        (by != "offline_access", "ok", "a refresh token comes with the login", known),
        (
            asked or (offered and wishes.offline_access == "auto"),
            "ok",
            "a refresh token is asked for, by the scope offline_access",
            (known or 'where none comes all the same, auth_params = { prompt = "consent" } of the profile often helps'),
        ),
        (
            offered,
            "warning",
            "it offers a refresh token, but the profile does not ask for it: you log in again when a token expires",
            wishes.command("profile", "set", "{}", "offline_access=auto"),
        ),
        (
            True,
            "warning",
            "the scope offline_access is not listed: the first login tells whether a refresh token comes without it",
            (known or "if none comes, you log in again whenever a token expires; the issuer's operator can mend that"),
        ),
    )[0]


def _client_secret(preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    if preset and preset.needs_client_secret and not wishes.has_secret:
        yield Finding(
            "warning",
            f"{preset.title} wants the client secret, PKCE or not",
            wishes.command("profile", "secret", "{}", does="keeps it in your keyring"),
            "client_secret",
        )


def _redirect_uris(preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    rule = f"{preset.any_port.text}{'' if preset.any_port.certain else _NOT_CERTAIN}" if preset else None
    uris = " and ".join(wishes.redirect_uris)
    if preset and not preset.register_there.redirect_uris:
        yield Finding("ok", f"redirect URIs on this machine need not be registered: {uris}", rule, "redirect_uris")
    else:
        # Not looked at here: only the issuer knows, if it can be asked at all.
        yield Finding("skipped", f"to be registered there, to the letter: {uris}", rule, "redirect_uris")
    for uri in wishes.redirect_uris:
        parts = urlsplit(uri)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if parts.port == 0 and preset and host not in preset.any_port.hosts:
            yield Finding(
                "warning",
                f"{uri} means any free port, which {preset.title} does not take with {host}",
                wishes.command("profile", "set", "{}", f"redirect_uris={','.join(DEFAULT_REDIRECT_URIS)}"),
                "redirect_uris",
            )


def _after_the_login(issuer: str, metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    """Device codes, revocation and the logout page: what an issuer may have or not."""
    listed = wishes.device_endpoint or metadata.device_authorization_endpoint
    known = f"device codes, which the metadata does not list but {preset.title} has" if preset else ""
    yield _all(
        "device_codes",
        (listed, "ok", "device codes, for logins without a browser at hand", None),
        (preset and preset.device_endpoint(issuer), "ok", known, None),
        (True, "warning", "no device codes: over SSH you paste the address of a page instead", None),
    )[0]
    may = preset.public_clients_revoke if preset else None
    methods = metadata.revocation_endpoint_auth_methods_supported
    yield _all(
        "revocation",
        (
            not metadata.revocation_endpoint and not wishes.revocation_endpoint,
            "warning",
            "tokens cannot be revoked: logging out deletes them here alone",
            None,
        ),
        (
            wishes.has_secret or may or (may is None and (not methods or "none" in methods)),
            "ok",
            "logging out revokes tokens",
            None,
        ),
        (
            may is False,
            "warning",
            "it does not let a client without a secret revoke tokens: logging out deletes them here alone",
            None,
        ),
        (
            True,
            "warning",
            "it may not let a client without a secret revoke tokens: logging out tries, and deletes them here",
            None,
        ),
    )[0]
    yield _all(
        "end_session",
        (metadata.end_session_endpoint, "ok", "logout --sso ends the browser's session too", None),
        (True, "warning", "no logout page: the browser stays logged in there", None),
    )[0]


def _list(document: Mapping[str, Any], name: str) -> list[str]:
    listed = document.get(name)
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
