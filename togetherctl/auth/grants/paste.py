"""The authorization code grant by hand: a browser anywhere, and its last address pasted here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.auth.authorization_request import (
    AuthorizationRequest,
    NoResponse,
    StrayResponse,
    fill_in_port,
    holds_parameters,
    read_pasted,
    strip_pasted,
)
from togetherctl.auth.grants import GrantSpec
from togetherctl.auth.login_advice import is_about_redirect_uri, naming_redirect_uri
from togetherctl.errors import LoginRequired, Refused
from togetherctl.loopback import is_loopback

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session

_TRIES = 5
_CODE = re.compile(r"[!-~]+")


def log_in(login: Login) -> Session:
    """Raises LoginRequired where there is no terminal to paste into, and Unreachable, Refused or Untrusted.

    A code that the issuer refuses is spent: there is another authorization request then, and it is asked for again.
    """
    profile, conversation = login.provider.profile, login.conversation
    if not conversation.can_ask:
        raise _login_required(login, "the code has to be pasted, and there is no terminal to paste it into")
    redirect_uri = fill_in_port(profile.loopbacks[0].redirect_uri)
    tries = _Tries(monotonic() + profile.login_timeout)
    with naming_redirect_uri(profile, redirect_uri):
        while True:
            try:
                return _log_in_once(login, redirect_uri, tries)
            except Refused as error:
                if not _is_spent(error) or tries.are_over:
                    raise
                conversation.warn(f"{error.message}; that code cannot be used, so here is a new address for another")


def _is_spent(error: Refused) -> bool:
    """Whether another code may do: not for a wrong redirect URI, nor where an account may not have a scope."""
    of_the_code = error.error == "invalid_grant" and "offline" not in error.description.lower()
    return of_the_code and not is_about_redirect_uri(error)


class _Tries:
    """How often a person may paste, and until when on the monotonic clock, whatever the number of requests."""

    def __init__(self, ends: float) -> None:
        self._ends = ends
        self._left = _TRIES

    def __iter__(self) -> Iterator[float]:
        """For each try the seconds that are left for it."""
        while self._left:
            self._left -= 1
            yield self._ends - monotonic()

    @property
    def are_over(self) -> bool:
        return not self._left or monotonic() >= self._ends


def _log_in_once(login: Login, redirect_uri: str, tries: _Tries) -> Session:
    provider, conversation = login.provider, login.conversation
    request = provider.authorization_request(redirect_uri)
    url = provider.authorization_url(request)
    login.opened_at(url)
    conversation.page(url, opened=False)
    conversation.say(f"The browser may be on any machine. It ends at {_describe_page(redirect_uri)}.")
    conversation.say("Copy the address of that page, or the code in it, and paste it here.")
    code = _ask_code(login, request, tries)
    return login.accept(provider.exchange(code, request), request.scopes, request.nonce)


def _ask_code(login: Login, request: AuthorizationRequest, tries: _Tries) -> str:
    seconds = login.provider.profile.login_timeout
    for left in tries:
        try:
            return _read(login.conversation.ask_secret("Paste it (it stays hidden): ", left), request)
        except NoResponse as error:
            login.conversation.warn(str(error))
        except TimeoutError:
            raise _login_required(login, f"nothing was pasted within {seconds:.0f} s") from None
        except EOFError:
            raise _login_required(login, "nothing was pasted") from None
    raise _login_required(login, f"nothing that was pasted answers this login, in {_TRIES} tries")


def _login_required(login: Login, reason: str) -> LoginRequired:
    return LoginRequired(f"login required: {reason}", hint=login.provider.profile.ways.login)


def _describe_page(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https"):
        return "a page of the issuer that shows the code"
    return f"{redirect_uri}, on a page it cannot show" if is_loopback(parts.hostname) else redirect_uri


def _read(pasted: str, request: AuthorizationRequest) -> str:
    """The code in what was pasted: a whole address, its query, or the code alone.

    Raises NoResponse for what cannot be an answer, and Refused or Untrusted for an answer that is one.
    """
    text = strip_pasted(pasted)
    if _CODE.fullmatch(text) and "://" not in text and not holds_parameters(text):
        return text
    try:
        return request.code(read_pasted(text))
    except StrayResponse:
        raise NoResponse(STRAY) from None


STRAY = "that address answers another login; paste the one this login ends at"
SPEC = GrantSpec("in a browser anywhere; its last address is pasted here", "pasting", log_in)
