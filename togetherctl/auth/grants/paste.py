"""The authorization code grant by hand: a browser anywhere, and its last address pasted here."""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from togetherctl.auth.authorization_request import AuthorizationRequest, StrayResponse, fill_in_port
from togetherctl.auth.grants import GrantSpec
from togetherctl.errors import LoginRequired
from togetherctl.loopback import is_loopback

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session

_TRIES = 5
_LONGEST = 16 * 1024
_PARAMETERS = re.compile(r"(?:^|[?&#])(?:code|error|state)=")
_CODE = re.compile(r"[!-~]+")


class _NotYet(Exception):
    """What was pasted is no answer; the message says what would be."""


def log_in(login: Login) -> Session:
    """Raises LoginRequired where there is no terminal to paste into, and Unreachable, Refused or Untrusted."""
    provider, conversation = login.provider, login.conversation
    if not conversation.can_ask:
        raise _login_required(login, "the code has to be pasted, and there is no terminal to paste it into")
    redirect_uri = fill_in_port(provider.profile.loopbacks[0].redirect_uri)
    request = provider.authorization_request(redirect_uri)
    url = provider.authorization_url(request)
    login.opened_at(url)
    conversation.page(url, opened=False)
    conversation.say(f"The browser may be on any machine. It ends at {_describe_page(redirect_uri)}.")
    conversation.say("Copy the address of that page, or the code in it, and paste it here.")
    code = _ask_code(login, request)
    return login.accept(provider.exchange(code, request), request.scopes, request.nonce)


def _ask_code(login: Login, request: AuthorizationRequest) -> str:
    seconds = login.provider.profile.login_timeout
    ends = monotonic() + seconds
    for _ in range(_TRIES):
        try:
            return _read(login.conversation.ask_secret("Paste it (it stays hidden): ", ends - monotonic()), request)
        except _NotYet as error:
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
        # A parameter given twice (RFC 6749, 3.1): no issuer's answer.
        raise _NotYet("that address was pasted twice or is mixed up; paste it once")
    if "code" not in response and "error" not in response:
        raise _NotYet("that is the address the login began at; paste the one it ends at")
    try:
        return request.code(response)
    except StrayResponse:
        raise _NotYet("that address answers another login; paste the one this login ends at") from None


SPEC = GrantSpec("in a browser anywhere; its last address is pasted here", "pasting", log_in)
