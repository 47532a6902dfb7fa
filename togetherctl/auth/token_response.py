"""Responses of an issuer's endpoints: tokens, errors, and what each error means.

success        the tokens (RFC 6749, 5.1), or the JSON object, that was asked for
Unreachable    no answer of an issuer: 5xx, 408, 425, 429, a web page, whatever else a proxy or portal sends
├── NotYet     the person is not done (RFC 8628, 3.5)
├── NoIssuer   something is there, and what it sent is a page, a redirect, or nothing
Refused        no, in a way that says nothing of the session
├── NotThere           nothing of the kind is at this address (404, 405, 410)
├── RefusedForGood     the issuer said no, whatever word it has for that (RFC 6749, 5.2, and vendors' own)
├── RefusedClient      it does not take this client (`invalid_client`)
└── UnusableAnswer     a success that cannot be used

Callers decide by these types, never by a status or a word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum

from togetherctl.auth.session import Token
from togetherctl.errors import Refused, Unreachable, Untrusted
from togetherctl.http_failures import host_of
from togetherctl.printable import printable
from togetherctl.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from togetherctl.transport import Answer

# RFC 6749, 5.1 only recommends that an issuer says how long an access token lives.
_UNSAID_LIFETIME = 300.0
_LONGEST_NUMBER = 12
# No token that a server takes in a header is as long, and what is stored of it must be read again.
MAX_BYTES = 256 * 1024
_LONGEST_REFRESH_TOKEN = 64 * 1024
_TOKENS = ("access_token", "id_token", "refresh_token")
# Where issuers put words for people: RFC 6749 first, then what vendors chose.
_WORDS = ("error_description", "errorSummary", "error_message", "message", "msg", "detail", "title", "reason")
_NOT_YET = frozenset({"authorization_pending", "slow_down"})
_NOT_NOW = frozenset({"temporarily_unavailable"})
# What only an issuer says, and only of this very session, so that no status speaks against it.
_OF_THE_SESSION = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
# Statuses with which a server may also mean that nothing is at this address; then only words of RFC 6749 count.
_NOWHERE = frozenset({404, 405, 410})
_OF_OAUTH = _OF_THE_SESSION | {
    "access_denied",
    "expired_token",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "unauthorized_client",
    "unsupported_grant_type",
}
# Statuses with which an issuer refuses without a word.
_SPEAKING = frozenset({400, 401, 403})
_PROXY_WANTS_A_LOGIN = 407
_PORTAL = "a proxy, or a network that wants a login of its own, answers so: open any page in a browser, then try again"


class Revocation(Enum):
    """What came of asking; true where the issuer revoked something. The value is a sentence for people."""

    DONE = "The issuer revoked the tokens."
    NOT_OFFERED = "The issuer cannot revoke tokens; they were deleted here, and end by themselves."
    NOT_THIS_CLIENT = (
        "The issuer does not let a client without a secret revoke tokens; "
        "they were deleted here, and end by themselves."
    )

    def __bool__(self) -> bool:
        return self is Revocation.DONE

    @property
    def sentence(self) -> str:
        return self.value


class NotYet(Unreachable):
    """The person has not agreed yet; `slower` where the issuer was asked too often (RFC 8628, 3.5)."""

    def __init__(self, message: str, *, status: int, slower: bool) -> None:
        super().__init__(message, status=status)
        self.slower = slower


class NoIssuer(Unreachable):
    """A server answered, and not as an issuer does: with a web page, a redirect, or nothing."""


class NotThere(Refused):
    """Nothing of the kind is at this address; perhaps it moved."""


class RefusedForGood(Refused):
    """An issuer's own no. The same request will never be granted."""


class RefusedClient(Refused):
    """The issuer does not take this client; a login of no person would help."""


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
        super().__init__(error.message, hint=error.remedy)
        self.refresh_token = refresh_token


def tokens(answer: Answer) -> TokenAnswer:
    """What a token endpoint gave. Raises what `fields` does, and UnusableAnswer for tokens that are none."""
    document = fields(answer, _TOKENS, wanted="a token")
    try:
        refresh_token = _text(document, "refresh_token")
    except Untrusted as error:
        raise UnusableAnswer(error, None) from None
    if len(answer.body) > MAX_BYTES:
        kept = refresh_token if len(refresh_token or "") <= _LONGEST_REFRESH_TOKEN else None
        raise UnusableAnswer(
            Untrusted(f"the tokens of {host_of(answer.url)} are larger than {MAX_BYTES // 1024} KiB").naming(
                answer.url
            ),
            kept,
        )
    try:
        return _tokens(document, refresh_token)
    except Untrusted as error:
        raise UnusableAnswer(error, refresh_token) from None


def fields(answer: Answer, names: Collection[str], *, wanted: str) -> dict[str, Any]:
    """The JSON object of a success that holds any of `names`; `wanted` is what that is, in words.

    Raises Unreachable, NotYet, RefusedForGood, RefusedClient, Refused and Untrusted.
    """
    document = _parse_json(answer)
    error, words = _read_error(document)
    if not _is_success(answer) or document is None or error:
        raise failure(answer)
    if not any(document.get(name) for name in names):
        raise RefusedForGood(
            f"the issuer answered without {wanted}{f': {printable(words)}' if words else ''}",
            description=words,
            status=answer.status,
        )
    return document


def check_done(answer: Answer, *, but: Collection[str] = ()) -> None:
    """Raise, as `fields` does, unless what needs no answer was done; errors among `but` are none (RFC 7009, 2.2)."""
    document = _parse_json(answer)
    error, _ = _read_error(document)
    refused = document is not None and (document.get("status") == "error" or (bool(error) and error not in but))
    if not _is_success(answer) or refused or (document is None and _is_page(answer)):
        raise failure(answer)


def failure(answer: Answer) -> Unreachable | Refused:
    """What an answer that is no success means."""
    document = _parse_json(answer)
    error, words = _read_error(document)
    if error in _NOT_YET:
        return NotYet(_sentence(error, words), status=answer.status, slower=error == "slow_down")
    if error in _NOT_NOW:
        return Unreachable(_sentence(error, words), status=answer.status)
    if error not in _OF_THE_SESSION:
        try:
            answer.raise_if_later()
        except Unreachable as later:
            return later
    elsewhere = 300 <= answer.status < 400 or answer.status == _PROXY_WANTS_A_LOGIN
    if document is None or (elsewhere and error not in _OF_THE_SESSION):
        return _explain_status(answer)
    if error == "invalid_client":
        return RefusedClient(_sentence(error, words), error=error, description=words, status=answer.status)
    said = _sentence(error, words) if error or words else f"{host_of(answer.url)} answered HTTP {answer.status}"
    kind = NotThere if answer.status in _NOWHERE and error not in _OF_OAUTH else RefusedForGood
    refusal = kind(said, error=error, description=words, status=answer.status)
    return refusal if error or words else refusal.naming(answer.url)


def refused_login(response: Mapping[str, str]) -> Unreachable | Refused:
    """What an error in an authorization response means (RFC 6749, 4.1.2.1)."""
    error, description = _read_error(response)
    said = _sentence(error, description, what="the login")
    if error in _NOT_NOW or error in _NOT_YET:
        return Unreachable(said)
    return RefusedForGood(said, error=error, description=description)


def raise_if_page(answer: Answer) -> None:
    """Raises Unreachable for a success that is a web page where JSON was asked for."""
    if _is_success(answer) and _parse_json(answer) is None and _is_page(answer):
        raise _explain_status(answer)


def _explain_status(answer: Answer) -> Unreachable | Refused:
    """What an answer means that is no JSON object: at most its status says something."""
    said = f"{host_of(answer.url)} answered HTTP {answer.status}"
    if _parse_json(answer) is None and _is_page(answer):
        said = f"{host_of(answer.url)} answered with a web page (HTTP {answer.status}), which is no issuer's answer"
        return NoIssuer(said, hint=_PORTAL, status=answer.status).naming(answer.url)
    if 300 <= answer.status < 400:
        said = f"{host_of(answer.url)} answered a POST with a redirect (HTTP {answer.status})"
        return NoIssuer(said, hint=_PORTAL, status=answer.status).naming(answer.url)
    if answer.status == _PROXY_WANTS_A_LOGIN:
        return Unreachable(said, hint="the proxy wants a login", status=answer.status).naming(answer.url)
    if _is_success(answer):
        return _explain_no_json(answer)
    kind = RefusedForGood if answer.status in _SPEAKING else NotThere if answer.status in _NOWHERE else Refused
    return kind(said, status=answer.status).naming(answer.url)


def _explain_no_json(answer: Answer) -> Unreachable | Refused:
    """What a success means that holds no JSON object."""
    body = answer.body.strip()
    if body and "json" in answer.headers.get("content-type", ""):
        try:
            answer.json()
        except Untrusted as error:
            return error
    what = "something that is" if body else "nothing, which is"
    said = f"{host_of(answer.url)} answered with {what} no issuer's answer (HTTP {answer.status})"
    return NoIssuer(said, hint=_PORTAL, status=answer.status).naming(answer.url)


def _is_success(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _is_page(answer: Answer) -> bool:
    # Web frameworks call an empty body HTML, too.
    body = answer.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    return body.startswith(b"<") or (bool(body) and "html" in answer.headers.get("content-type", "").lower())


def _parse_json(answer: Answer) -> dict[str, Any] | None:
    try:
        return answer.json()
    except Untrusted:
        return None


def _read_error(document: Mapping[str, Any] | None) -> tuple[str, str]:
    """The error's code and the words for people, each empty where there is none."""
    if document is None:
        return "", ""
    error = document.get("error")
    inner = error if isinstance(error, dict) else {}
    words = next((text for part in (inner, document) for name in _WORDS if (text := _word(part, name))), "")
    # An error that is no text, such as `true`, is one all the same.
    code = error if isinstance(error, str) else _word(inner, "code") or _word(inner, "status")
    scope = _word(document, "scope")
    if code == "invalid_scope" and scope and scope not in words:
        # Some name the scope beside the words.
        words = f"{words}: {scope}" if words else scope
    return code or ("error" if error else ""), words


def _word(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _sentence(error: str, words: str, *, what: str = "") -> str:
    said = f"the issuer refused{f' {what}' if what else ''}: "
    if not error:
        return said + printable(words)
    return said + printable(error, limit=80) + (f" ({printable(words)})" if words else "")


def _tokens(document: Mapping[str, Any], refresh_token: str | None) -> TokenAnswer:
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


def _text(document: Mapping[str, Any], name: str) -> str | None:
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
