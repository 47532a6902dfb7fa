"""Findings of an issuer check: what the metadata and the client's registration mean for a login."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from togetherctl.auth.claims import ALGORITHMS
from togetherctl.auth.discovery import Metadata
from togetherctl.config.presets import Preset
from togetherctl.config.types import DEFAULT_REDIRECT_URIS, OfflineAccess
from togetherctl.errors import Refused, Remedy, Unreachable, remedy_of
from togetherctl.printable import printable
from togetherctl.transport import Answer


class Asker(Protocol):
    """Asks for a page, and follows no redirect."""

    def get(self, url: str, *, follow: bool) -> Answer: ...


Level = Literal["good", "note", "wrong"]
# What kube-apiserver takes where it is told of the issuer by flags, and nothing is said of algorithms.
_BY_FLAGS = "RS256"
_NOT_CERTAIN = " (not certain)"


@dataclass(frozen=True)
class Finding:
    """One thing that was found: `good`, a `note` to know of, or `wrong`: with it nobody logs in.

    `about` is a word for programs; `remedy` is what helps. Both are safe to show.
    """

    level: Level
    text: str
    hint: InitVar[Remedy | str | None] = None
    about: str = ""
    remedy: Remedy | None = field(init=False, default=None)

    def __post_init__(self, hint: Remedy | str | None) -> None:
        object.__setattr__(self, "text", printable(self.text, limit=2000))
        object.__setattr__(self, "remedy", remedy_of(hint))


@dataclass(frozen=True)
class ClientNeeds:
    """What a profile will want of the issuer; by default what a new one does.

    `has_secret` is None where nobody has said whether the client has one; `device_endpoint` and
    `revocation_endpoint` are the configuration's;
    `by_browser` is False where no login goes through a browser on this machine. With `client_id` the issuer is asked
    whether that client and its redirect URIs are registered.
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


def findings(
    issuer: str, document: Mapping[str, Any], metadata: Metadata, preset: Preset | None, wishes: ClientNeeds
) -> Iterator[Finding]:
    """Everything the metadata of `issuer` says, `document` as it was sent, in the order of a login."""
    yield from pitfalls(issuer, preset)
    yield from _endpoints(issuer, document, metadata, wishes)
    yield from _pkce(metadata, wishes)
    yield from _https(issuer)
    yield from _algorithms(document)
    yield from _scopes(metadata, preset, wishes)
    yield refresh_token(metadata, preset, wishes)
    yield from _client_secret(preset, wishes)
    yield from _redirect_uris(preset, wishes)
    yield _device_codes(issuer, metadata, preset, wishes)
    yield _revocation(metadata, preset, wishes)
    yield _logout_page(metadata)


def pitfalls(issuer: str, preset: Preset | None) -> Iterator[Finding]:
    """What the catalogue knows against this very URL."""
    for pitfall, hint in preset.pitfalls_of(issuer) if preset else ():
        yield Finding("note", f"{pitfall.text}{'' if pitfall.certain else _NOT_CERTAIN}", hint, "issuer")


def _endpoints(issuer: str, document: Mapping[str, Any], metadata: Metadata, wishes: ClientNeeds) -> Iterator[Finding]:
    browser = ("authorization_endpoint",) if wishes.by_browser else ()
    for name in (*browser, "token_endpoint", "jwks_uri"):
        if getattr(metadata, name) is None:
            yield Finding("wrong", f"the metadata names no {name}", "its operator has to mend that", "endpoints")
    types = _listed(document, "response_types_supported")
    if wishes.by_browser and types and "code" not in types:
        yield Finding(
            "wrong",
            f"it does not offer the authorization code flow (response types: {', '.join(types)})",
            "its operator turns it on",
            "endpoints",
        )
    if wishes.by_browser:
        yield from _requests(document, metadata)
    own = urlsplit(issuer).netloc
    named = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri, metadata.revocation_endpoint)
    others = sorted({urlsplit(endpoint).netloc for endpoint in named if endpoint} - {own})
    if others:
        yield Finding(
            "note", f"its endpoints are elsewhere: {', '.join(others)}", "proxies must let those pass too", "endpoints"
        )


def _requests(document: Mapping[str, Any], metadata: Metadata) -> Iterator[Finding]:
    """What it wants of authorization requests beyond what every issuer takes."""
    if document.get("require_signed_request_object") is True:
        text = "it takes only signed authorization requests (RFC 9101), which togetherctl does not send"
        yield Finding("wrong", text, "its operator can allow plain ones for this client", "endpoints")
    if not metadata.require_pushed_authorization_requests:
        return
    if metadata.pushed_authorization_request_endpoint:
        yield Finding(
            "good", "authorization requests are pushed to it first, as it wants (RFC 9126)", about="endpoints"
        )
        return
    text = "it takes only pushed authorization requests (RFC 9126), and names no endpoint for them"
    yield Finding("wrong", text, "its operator has to mend that", "endpoints")


def _pkce(metadata: Metadata, wishes: ClientNeeds) -> Iterator[Finding]:
    methods = metadata.code_challenge_methods_supported
    if not wishes.by_browser:
        return
    if not wishes.pkce:
        yield Finding(
            "note", 'pkce = "no" in the profile: nothing proves that a login is the one that began', about="pkce"
        )
        return
    if "S256" in methods:
        yield Finding("good", "PKCE with S256", about="pkce")
        return
    if not methods:
        yield Finding("good", "PKCE is not advertised; S256 is sent anyway", about="pkce")
        return
    yield Finding(
        "wrong",
        f"it does not offer PKCE with S256, only {', '.join(methods)}",
        'pkce = "no" in the profile goes without; ask the operator to turn it on instead',
        "pkce",
    )


def _https(issuer: str) -> Iterator[Finding]:
    if not issuer.startswith("https://"):
        text = "no API server takes an issuer that is not https, so this one serves for a try at most"
        yield Finding("note", text, about="api_server")


def _algorithms(document: Mapping[str, Any]) -> Iterator[Finding]:
    listed = _listed(document, "id_token_signing_alg_values_supported")
    if not listed:
        yield Finding("note", "it does not say how ID tokens are signed", about="algorithms")
        return
    accepted = [name for name in listed if name in ALGORITHMS]
    if not accepted:
        yield Finding(
            "wrong",
            f"ID tokens are signed with {', '.join(listed)} alone, which neither togetherctl nor an API server takes",
            f"its operator can choose one of {', '.join(ALGORITHMS)}",
            "algorithms",
        )
        return
    yield Finding("good", f"ID tokens are signed with {', '.join(accepted)}", about="algorithms")
    others = [name for name in accepted if name != _BY_FLAGS]
    if len(others) == len(accepted):
        yield Finding(
            "note",
            f"an API server that is told by flags takes {_BY_FLAGS} alone, unless they name another algorithm",
            f"on the API server: --oidc-signing-algs={','.join(others)}",
            "api_server",
        )


def _scopes(metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    listed = () if preset and preset.unlisted_scopes else metadata.scopes_supported
    unknown = [scope for scope in wishes.scopes if listed and scope not in listed and scope != "offline_access"]
    if unknown:
        words = ", ".join(unknown)
        yield Finding(
            "note",
            f"not among the scopes it lists: {words}; it may refuse the login with invalid_scope",
            f"it lists {', '.join(listed[:20])}",
            "scopes",
        )


def refresh_token(metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Finding:
    """Whether there will be a refresh token, and how it is asked for, as far as that can be known beforehand."""
    by = preset.refresh_token.by if preset else "offline_access"
    known = f"{preset.refresh_token.text}{'' if preset.refresh_token.certain else _NOT_CERTAIN}" if preset else None
    offered = "offline_access" in metadata.scopes_supported
    asked = wishes.offline_access == "always" or "offline_access" in wishes.scopes
    level: Level = "note"
    hint: str | None = known
    if by == "client_secret" and not wishes.has_secret:
        text = "no refresh token comes to a client without a secret: you log in again whenever a token expires"
    elif by != "offline_access":
        level, text = "good", "a refresh token comes with the login"
    elif asked or (offered and wishes.offline_access == "auto"):
        level, text = "good", "a refresh token is asked for, by the scope offline_access"
        hint = known or 'where none comes all the same, auth_params = { prompt = "consent" } of the profile often helps'
    elif offered:
        text = (
            "a refresh token is to be had, but the profile does not ask for it; you log in again when a token expires"
        )
        hint = "togetherctl profile set NAME offline_access=auto"
    else:
        text = "the scope offline_access is not listed: the first login tells whether a refresh token comes without it"
        hint = known or "if none comes, you log in again whenever a token expires; the issuer's operator can mend that"
    return Finding(level, text, hint, "refresh_token")


def _client_secret(preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    if preset and preset.needs_client_secret and not wishes.has_secret:
        yield Finding(
            "note",
            f"{preset.title} wants the client secret, PKCE or not",
            "togetherctl profile secret NAME keeps it in your keyring",
            "client_secret",
        )


def _redirect_uris(preset: Preset | None, wishes: ClientNeeds) -> Iterator[Finding]:
    if not wishes.by_browser:
        return
    rule = f"{preset.any_port.text}{'' if preset.any_port.certain else _NOT_CERTAIN}" if preset else None
    uris = " and ".join(wishes.redirect_uris)
    if preset and not preset.register_there.redirect_uris:
        yield Finding("good", f"redirect URIs on this machine need not be registered: {uris}", rule, "redirect_uris")
    else:
        yield Finding("note", f"to be registered there, to the letter: {uris}", rule, "redirect_uris")
    for uri in wishes.redirect_uris:
        parts = urlsplit(uri)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if parts.port == 0 and preset and host not in preset.any_port.hosts:
            yield Finding(
                "note",
                f"{uri} means any free port, which {preset.title} does not take with {host}",
                "togetherctl profile set NAME redirect_uris=http://localhost:8000,http://localhost:18000",
                "redirect_uris",
            )


def _device_codes(issuer: str, metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Finding:
    if wishes.device_endpoint or metadata.device_authorization_endpoint:
        return Finding("good", "device codes, for logins without a browser at hand", about="device_codes")
    if preset and preset.device_endpoint(issuer):
        text = f"device codes, which the metadata does not list but {preset.title} has"
        return Finding("good", text, about="device_codes")
    return Finding("note", "no device codes: over SSH you paste the address of a page instead", about="device_codes")


def _revocation(metadata: Metadata, preset: Preset | None, wishes: ClientNeeds) -> Finding:
    if not metadata.revocation_endpoint and not wishes.revocation_endpoint:
        return Finding("note", "tokens cannot be revoked: logging out deletes them here alone", about="revocation")
    may = preset.public_clients_revoke if preset else None
    methods = metadata.revocation_endpoint_auth_methods_supported
    if wishes.has_secret or may or (may is None and (not methods or "none" in methods)):
        return Finding("good", "logging out revokes tokens", about="revocation")
    sure = "does not let a client without a secret revoke tokens: logging out deletes them here alone"
    perhaps = "may not let a client without a secret revoke tokens: logging out tries, and deletes them here"
    return Finding("note", f"it {sure if may is False else perhaps}", about="revocation")


def _logout_page(metadata: Metadata) -> Finding:
    if metadata.end_session_endpoint:
        return Finding("good", "logout --sso ends the browser's session too", about="end_session")
    return Finding("note", "no logout page: the browser stays logged in there", about="end_session")


def _listed(document: Mapping[str, Any], name: str) -> list[str]:
    listed = document.get(name)
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []


_BYTES = 32
# What an issuer answers to somebody who is not logged in there, and to a client it knows (OpenID Connect Core 3.1.2.6).
_KNOWN = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})
_UNKNOWN_STATUS = (400, 404)
_ABOUT = "client"


def try_client(endpoint: str, *, client_id: str, redirect_uri: str, scopes: Sequence[str], http: Asker) -> Finding:
    """What the authorization endpoint makes of a request that no person will see (OpenID Connect Core 3.1.2.1).

    An issuer sends an answer only to a redirect URI that is registered for the client; what it thinks of others it
    shows on a page of its own. The request proves nothing and its answer is thrown away.
    """
    uri = _with_port(redirect_uri)
    client = f"client {client_id} with {uri}"
    try:
        answer = http.get(_authentication_request(endpoint, client_id, uri, scopes), follow=False)
    except (Unreachable, Refused) as error:
        return Finding("note", f"{client} could not be tried: {error.message}", about=_ABOUT)
    location = answer.headers.get("location", "")
    if 300 <= answer.status < 400 and _leads_to(location, uri):
        return _answered(client, location)
    if answer.status in _UNKNOWN_STATUS:
        return Finding(
            "wrong",
            f"{client}: one of the two is not registered (HTTP {answer.status})",
            "register the redirect URI there, to the letter, and compare the client ID",
            _ABOUT,
        )
    return Finding(
        "note", f"{client}: it shows a page of its own, so only a login tells whether they are registered", about=_ABOUT
    )


def _answered(client: str, location: str) -> Finding:
    answer = parse_qs(urlsplit(location).query)
    error = answer.get("error", [""])[0]
    if not error or error in _KNOWN:
        return Finding("good", f"{client} is registered", about=_ABOUT)
    words = answer.get("error_description", [""])[0]
    why = f" ({printable(words, limit=200)})" if words else ""
    return Finding(
        "note",
        f"{client} is registered, but a login is answered with {printable(error, limit=60)}{why}",
        "scopes of the profile may ask for too much" if error == "invalid_scope" else None,
        _ABOUT,
    )


def _authentication_request(endpoint: str, client_id: str, redirect_uri: str, scopes: Sequence[str]) -> str:
    parameters = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": secrets.token_urlsafe(_BYTES),
        "nonce": secrets.token_urlsafe(_BYTES),
        # Any 43 characters may be a challenge (RFC 7636, 4.2): there will be no code to prove anything for.
        "code_challenge": secrets.token_urlsafe(_BYTES),
        "code_challenge_method": "S256",
        "prompt": "none",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"


def _with_port(redirect_uri: str) -> str:
    """As `paste` sends it: port 0, any free port, as 8000."""
    parts = urlsplit(redirect_uri)
    return (
        redirect_uri if parts.port != 0 else parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:8000").geturl()
    )


def _leads_to(location: str, uri: str) -> bool:
    try:
        there, meant = urlsplit(location), urlsplit(uri)
        same = (there.scheme, there.netloc) == (meant.scheme, meant.netloc)
    except ValueError:
        return False
    return same and (there.path or "/") == (meant.path or "/")
