"""The authorization code grant with PKCE, in the person's browser (RFC 6749, 4.1; RFC 7636)."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.auth import callback_page
from togetherctl.auth.callback import Arrival, Listener, listen
from togetherctl.auth.grants import GrantSpec
from togetherctl.errors import LoginRequired, TogetherctlError

if TYPE_CHECKING:
    from togetherctl.auth.authorization_request import AuthorizationRequest
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session

_LOOK = 0.5


def log_in(login: Login) -> Session:
    """Raises LoginRequired where the browser did not come back in time, and Unreachable, Refused or Untrusted.

    The browser's last page is shown only when it is known how the login ended, and says so.
    """
    provider, conversation = login.provider, login.conversation
    profile = provider.profile
    with listen(profile.loopbacks, profile.certificate, profile.ways) as listener:
        request = provider.authorization_request(listener.redirect_uri)
        url = provider.authorization_url(request)
        listener.start(request.is_answered_by)
        # A laptop that sleeps stops the monotonic clock and not the other, by which other processes wait.
        ends_on_the_wall = login.clock() + profile.login_timeout
        opened = login.open_browser(url)
        conversation.page(url, opened=opened is not None)
        port = urlsplit(listener.redirect_uri).port
        if opened is None and port:
            conversation.say(f"From a browser on another machine, first: ssh -L {port}:localhost:{port} THIS-MACHINE")
        arrival = _wait(login, listener, opened, ends_on_the_wall)
        return _finish(login, arrival, request)


def _wait(login: Login, listener: Listener, opened: Opened | None, ends_on_the_wall: float) -> Arrival:
    profile, conversation = login.provider.profile, login.conversation
    ends = monotonic() + profile.login_timeout
    with conversation.waiting("the login in your browser", profile.login_timeout):
        while (left := ends - monotonic()) > 0 and login.clock() < ends_on_the_wall:
            conversation.go_on()
            arrival = listener.wait(min(_LOOK, left))
            if arrival is not None:
                return arrival
            if opened is not None and opened.gave_up():
                opened = None
                conversation.warn("the browser could not be started; open the address above yourself")
    ways = [profile.ways.by_grant("paste")]
    if login.provider.known_device_endpoint is not None:
        ways.append(profile.ways.by_grant("device-code"))
    raise LoginRequired(
        f"the login was not finished within {profile.login_timeout:.0f} s; if the browser could not open its last "
        f"page, {' or '.join(ways)} needs none on this machine",
        hint=profile.ways.login,
    )


def _finish(login: Login, arrival: Arrival, request: AuthorizationRequest) -> Session:
    provider = login.provider
    profile = provider.profile
    try:
        code = request.code(arrival.parameters)
        session = login.accept(provider.exchange(code, request), request.scopes, request.nonce)
    except TogetherctlError as error:
        arrival.show(callback_page.failure_page(error.message, error.hint))
        raise
    except BaseException:
        arrival.show(callback_page.failure_page("togetherctl was stopped before the login was finished."))
        raise
    arrival.show(
        callback_page.success_page(
            identity=session.identity,
            role=("Profile", profile.name) if profile.name else ("Client", profile.client_id),
            issuer=profile.issuer.url,
            next_url=profile.open_url_after,
        )
    )
    return session


SPEC = GrantSpec("in a browser on this machine", "browser", log_in)
