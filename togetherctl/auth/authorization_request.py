"""One authorization request (RFC 6749, 4.1.1): state, nonce, PKCE, and its response."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.token_response import refused_login
from togetherctl.errors import Refused, Unreachable, Untrusted
from togetherctl.printable import printable

_BYTES = 32
# Where nothing listens, any port would do; this is the one people register.
_PORT = 8000


_LONGEST = 16 * 1024
_PARAMETERS = re.compile(r"(?:^|[?&#])(?:code|error|state)=")


class NoResponse(Exception):
    """What was pasted is no authorization response; the message says what would be."""


class StrayResponse(Exception):
    """Not the answer to this request: another login's, a browser's guess, or another program's attempt."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """State (RFC 6749, 10.12), nonce (OpenID Connect Core 1.0, 3.1.2.1) and PKCE verifier (RFC 7636) of one login.

    Each is 256 bits of its own. The repr shows none of them.
    """

    issuer: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str | None = field(repr=False)
    issuer_parameter: bool = False

    @classmethod
    def make(
        cls,
        *,
        issuer: str,
        redirect_uri: str,
        scopes: tuple[str, ...],
        pkce: bool,
        issuer_parameter: bool,
        random: Callable[[int], str] = secrets.token_urlsafe,
    ) -> AuthorizationRequest:
        """A request with secrets of its own; `issuer_parameter` says the issuer promises to name itself (RFC 9207)."""
        return cls(
            issuer=issuer,
            redirect_uri=redirect_uri,
            scopes=scopes,
            state=random(_BYTES),
            nonce=random(_BYTES),
            verifier=random(_BYTES) if pkce else None,
            issuer_parameter=issuer_parameter,
        )

    def is_answered_by(self, response: Mapping[str, str]) -> bool:
        """Whether `response` has this request's state."""
        return hmac.compare_digest(response.get("state", "").encode(), self.state.encode())

    def code(self, response: Mapping[str, str]) -> str:
        """The authorization code of `response`.

        Raises StrayResponse where it is not meant for this request, Untrusted where another issuer sent it
        (RFC 9207, 2.4), and Refused or Unreachable with the issuer's error (RFC 6749,
        4.1.2.1): marked where the issuer forgot to name itself in it.
        """
        if not self.is_answered_by(response):
            raise StrayResponse
        unnamed = self._check_issuer(response.get("iss"))
        if "error" in response:
            raise _explain_refusal(response, unnamed=unnamed)
        if unnamed:
            raise Untrusted(unnamed)
        code = response.get("code", "")
        if not code:
            raise Untrusted("the issuer's answer has neither a code nor an error")
        return code

    def _check_issuer(self, named: str | None) -> str:
        """What is missing where the issuer promises to name itself; raises Untrusted for another issuer."""
        if named is None and self.issuer_parameter:
            return "the answer does not name its issuer, though the issuer promises it does (RFC 9207)"
        if named is not None and named != self.issuer:
            raise Untrusted(f"the answer comes from {printable(named)}, not from {self.issuer}")
        return ""


def holds_parameters(text: str) -> bool:
    """Whether `text` is an address, or the query of one, in an authorization request or its response."""
    return _PARAMETERS.search(text) is not None


def strip_pasted(text: str) -> str:
    """What was pasted without what people copy along with it."""
    return text.strip().strip("\"'<>")


def read_pasted(text: str) -> dict[str, str]:
    """The authorization response in an address, or in its query, as `strip_pasted` leaves it. Raises NoResponse."""
    if not holds_parameters(text):
        raise NoResponse("that holds no code; paste the address the browser ends at")
    query = re.split(r"[?#]", text, maxsplit=1)[-1].partition("#")[0]
    pairs = parse_qsl(query[:_LONGEST], keep_blank_values=True)
    response = dict(pairs)
    if len(pairs) != len(response):
        # A parameter given twice (RFC 6749, 3.1): no issuer's answer.
        raise NoResponse("that address was pasted twice or is mixed up; paste it once")
    if "code" not in response and "error" not in response:
        raise NoResponse("that is the address the login began at; paste the one it ends at")
    return response


def fill_in_port(redirect_uri: str, port: int = _PORT) -> str:
    """The redirect URI to send: as registered, with `port` in place of 0, which means any free port."""
    parts = urlsplit(redirect_uri)
    if parts.port != 0:
        return redirect_uri
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()


def _explain_refusal(response: Mapping[str, str], *, unnamed: str) -> Unreachable | Refused:
    """The issuer's error, which is shown even where nothing vouches that it is this issuer's."""
    found = refused_login(response)
    if unnamed:
        found.args = (f"{found.message}; this is not verified: {unnamed}",)
    return found
