"""Ask an issuer whether a client and a redirect URI are registered there, without a login."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from togetherctl.auth.authorization_request import fill_in_port
from togetherctl.errors import Refused, Unreachable
from togetherctl.finding import Finding
from togetherctl.printable import printable
from togetherctl.transport import Answer

_BYTES = 32
# What an issuer answers to a person who is not logged in there, and to a client it knows (OpenID Connect Core 3.1.2.6).
_KNOWN = frozenset({"login_required", "interaction_required", "consent_required", "account_selection_required"})
_UNKNOWN_STATUS = (400, 404)
_ABOUT = "client"


class Asker(Protocol):
    """Asks for a page, and follows no redirect."""

    def get(self, url: str, *, follow: bool) -> Answer: ...


def try_client(endpoint: str, *, client_id: str, redirect_uri: str, scopes: Sequence[str], http: Asker) -> Finding:
    """What the authorization endpoint makes of a request that no person will see (OpenID Connect Core 3.1.2.1).

    An issuer sends an answer only to a redirect URI that is registered for the client; what it thinks of others it
    shows on a page of its own. The request proves nothing and its answer is thrown away.
    """
    uri = fill_in_port(redirect_uri)
    client = f"client {client_id} with {uri}"
    try:
        answer = http.get(_authentication_request(endpoint, client_id, uri, scopes), follow=False)
    except (Unreachable, Refused) as error:
        return Finding("warning", f"{client} could not be tried: {error.message}", about=_ABOUT)
    location = answer.headers.get("location", "")
    if 300 <= answer.status < 400 and _leads_to(location, uri):
        return _read_response(client, location)
    if answer.status in _UNKNOWN_STATUS:
        return Finding(
            "failed",
            f"{client}: one of the two is not registered (HTTP {answer.status})",
            "register the redirect URI there, to the letter, and compare the client ID",
            _ABOUT,
        )
    return Finding(
        "skipped",
        f"{client}: it shows a page of its own, so only a login tells whether they are registered",
        about=_ABOUT,
    )


def _read_response(client: str, location: str) -> Finding:
    answer = parse_qs(urlsplit(location).query)
    error = answer.get("error", [""])[0]
    if not error or error in _KNOWN:
        return Finding("ok", f"{client} is registered", about=_ABOUT)
    words = answer.get("error_description", [""])[0]
    why = f" ({printable(words, limit=200)})" if words else ""
    return Finding(
        "warning",
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


def _leads_to(location: str, uri: str) -> bool:
    try:
        there, meant = urlsplit(location), urlsplit(uri)
        same = (there.scheme, there.netloc) == (meant.scheme, meant.netloc)
    except ValueError:
        return False
    return same and (there.path or "/") == (meant.path or "/")
