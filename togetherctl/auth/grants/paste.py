"""The authorization code grant by hand: a browser anywhere, and what it ends at pasted here (RFC 6749, 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.authorization import StrayResponse
from togetherctl.errors import LoginRequired
from togetherctl.loopback import is_loopback

if TYPE_CHECKING:
    from togetherctl.auth.authorization import AuthorizationRequest
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.grants import Accept
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session

_TRIES = 5
_ANY_FREE_PORT = 0
# Nothing listens, so any port would do; this is the one people register.
_PORT = 8000
_LONGEST = 16 * 1024
_PARAMETERS = re.compile(r"(?:^|[?&#])(?:code|error|state)=")
_CODE = re.compile(r"[!-~]+")


class _NotYet(Exception):
    """What was pasted is no answer; the message says what would be."""


@dataclass(frozen=True)
class Paste:
    """One login by pasting. `accept` verifies the tokens and makes the session."""

    provider: Provider
    conversation: Conversation
    accept: Accept

    def log_in(self) -> Session:
        """Raises LoginRequired where nobody is there to paste, and Unreachable, Refused or Untrusted."""
        if not self.conversation.can_ask:
            raise self._login_required("the code has to be pasted, and there is no terminal to paste it into")
        redirect_uri = _as_registered(self.provider.profile.loopbacks[0].redirect_uri)
        request = self.provider.authorization_request(redirect_uri)
        self.conversation.page(self.provider.authorization_url(request), opened=False)
        self.conversation.say(f"The browser may be on any machine. It ends at {_place(redirect_uri)}.")
        self.conversation.say("Copy the address of that page, or the code in it, and paste it here.")
        code = self._code(request)
        return self.accept(self.provider.exchange(code, request), request.scopes, request.nonce)

    def _code(self, request: AuthorizationRequest) -> str:
        seconds = self.provider.profile.login_timeout
        ends = monotonic() + seconds
        for _ in range(_TRIES):
            try:
                return _read(self.conversation.ask_secret("Paste it (it stays hidden): ", ends - monotonic()), request)
            except _NotYet as error:
                self.conversation.warn(str(error))
            except TimeoutError:
                raise self._login_required(f"nothing was pasted within {seconds:.0f} s") from None
            except EOFError:
                raise self._login_required("nothing was pasted") from None
        raise self._login_required(f"nothing that was pasted answers this login, in {_TRIES} tries")

    def _login_required(self, reason: str) -> LoginRequired:
        return LoginRequired(f"login required: {reason}", hint=self.provider.profile.ways.login)


def _place(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https"):
        return "a page of the issuer that shows the code"
    return f"{redirect_uri}, on a page it cannot show" if is_loopback(parts.hostname) else redirect_uri


def _as_registered(redirect_uri: str) -> str:
    """The redirect URI to send: as registered, with a port in place of "any"."""
    parts = urlsplit(redirect_uri)
    if parts.port != _ANY_FREE_PORT:
        return redirect_uri
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{_PORT}").geturl()


def _read(pasted: str, request: AuthorizationRequest) -> str:
    """The code in what was pasted: a whole address, its query, or the code alone.

    Raises _NotYet for what cannot be an answer, and Refused or Untrusted for an answer that is one.
    """
    text = pasted.strip().strip("\"'<>")
    if not _PARAMETERS.search(text):
        if _CODE.fullmatch(text) and "://" not in text:
            return text
        raise _NotYet("that holds no code; paste the address the browser ends at")
    query = re.split(r"[?#]", text, maxsplit=1)[-1].partition("#")[0]
    pairs = parse_qsl(query[:_LONGEST], keep_blank_values=True)
    response = dict(pairs)
    if len(pairs) != len(response):
        # A parameter given twice (RFC 6749, 3.1): nobody's answer.
        raise _NotYet("that address was pasted twice or is mixed up; paste it once")
    if "code" not in response and "error" not in response:
        raise _NotYet("that is the address the login began at; paste the one it ends at")
    try:
        return request.code(response)
    except StrayResponse:
        raise _NotYet("that address answers another login; paste the one this login ends at") from None
