"""What a token endpoint answers: tokens (RFC 6749, 5.1), or an error (5.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from togetherctl.auth.session import Token
from togetherctl.errors import Refused, Untrusted
from togetherctl.no_answer import host_of
from togetherctl.printable import printable

if TYPE_CHECKING:
    from togetherctl.transport import Answer

# RFC 6749, 5.1 only recommends that an issuer says how long an access token lives.
_UNSAID_LIFETIME = 300.0
_LONGEST_NUMBER = 12
# No token that a server takes in a header is as long, and what is stored of it must be read again.
MAX_BYTES = 256 * 1024
_LONGEST_REFRESH_TOKEN = 64 * 1024


@dataclass(frozen=True)
class TokenAnswer:
    """Tokens fresh from the issuer; `expires_in` in seconds, of the access token. The repr shows no token."""

    access_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: float | None = None
    scope: str | None = None

    def access(self, now: float) -> Token | None:
        """The access token with its life."""
        if self.access_token is None:
            return None
        lifetime = self.expires_in if self.expires_in is not None else _UNSAID_LIFETIME
        return Token(self.access_token, now, now + lifetime)


class UnusableAnswer(Untrusted):
    """A success that cannot be used; `refresh_token` is what it gave in place of the one it spent, if anything."""

    def __init__(self, error: Untrusted, refresh_token: str | None) -> None:
        super().__init__(error.message, hint=error.hint)
        self.refresh_token = refresh_token


def parse(answer: Answer) -> TokenAnswer:
    """Raises Unreachable for "later", Refused with the issuer's error code, UnusableAnswer for anything odd."""
    answer.raise_if_later()
    if answer.status != 200:
        raise refusal(answer)
    document = answer.json()
    if "error" in document:
        raise refusal(answer)
    try:
        refresh_token = _text(document, "refresh_token")
    except Untrusted as error:
        raise UnusableAnswer(error, None) from None
    if len(answer.body) > MAX_BYTES:
        kept = refresh_token if len(refresh_token or "") <= _LONGEST_REFRESH_TOKEN else None
        raise UnusableAnswer(
            Untrusted(f"the tokens of {host_of(answer.url)} are larger than {MAX_BYTES // 1024} KiB"), kept
        )
    try:
        return _tokens(document, refresh_token)
    except Untrusted as error:
        raise UnusableAnswer(error, refresh_token) from None


def _tokens(document: dict[str, Any], refresh_token: str | None) -> TokenAnswer:
    kind = document.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Untrusted(f"the issuer gave a token of type {printable(kind)}; only Bearer can be used")
    return TokenAnswer(
        access_token=_text(document, "access_token"),
        id_token=_text(document, "id_token"),
        refresh_token=refresh_token,
        expires_in=_seconds(document.get("expires_in")),
        scope=_text(document, "scope"),
    )


def refusal(answer: Answer) -> Refused:
    """The error an issuer answered with, in its own words where they can be read."""
    try:
        document = answer.json()
    except Untrusted:
        document = {}
    error, description = document.get("error"), document.get("error_description")
    if not isinstance(error, str) or not error:
        return Refused(f"{host_of(answer.url)} answered HTTP {answer.status}", status=answer.status)
    description = description if isinstance(description, str) else ""
    said = f"the issuer refused: {printable(error, limit=80)}{f' ({printable(description)})' if description else ''}"
    return Refused(said, error=error, description=description, status=answer.status)


def _text(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise Untrusted(f"the issuer's answer has a {name} that is not text")
    return value


def _seconds(value: object) -> float | None:
    # Some issuers send the number as text.
    if isinstance(value, str) and value.isdecimal() and len(value) < _LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        return None
    return float(value)
