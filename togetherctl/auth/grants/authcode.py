"""The authorization code grant with PKCE, through the person's own browser (RFC 6749, 4.1; RFC 7636; RFC 8252)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.auth import page
from togetherctl.auth.callback import listen
from togetherctl.errors import LoginRequired, TogetherctlError

if TYPE_CHECKING:
    from togetherctl.auth.authorization import AuthorizationRequest
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.callback import Arrival, Listener
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.grants import Accept
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session

_LOOK = 0.5

OpenBrowser = Callable[[str], "Opened | None"]


@dataclass(frozen=True)
class AuthorizationCode:
    """One login by browser. `open_browser` starts one at a URL; `accept` verifies the tokens and makes the session."""

    provider: Provider
    conversation: Conversation
    open_browser: OpenBrowser
    accept: Accept
    clock: Callable[[], float]

    def log_in(self) -> Session:
        """Raises LoginRequired where nobody came back in time, and Unreachable, Refused or Untrusted.

        The browser's last page is shown only when it is known how the login ended, and says so.
        """
        profile = self.provider.profile
        with listen(profile.loopbacks, profile.certificate, profile.ways) as listener:
            request = self.provider.authorization_request(listener.redirect_uri)
            url = self.provider.authorization_url(request)
            listener.start(request.is_answered_by)
            # A laptop that sleeps stops the one clock and not the other, by which the others wait.
            ends_on_the_wall = self.clock() + profile.login_timeout
            opened = self.open_browser(url)
            self.conversation.page(url, opened=opened is not None)
            if opened is None:
                self._tell_the_way_from_elsewhere(listener.redirect_uri)
            arrival = self._wait(listener, opened, ends_on_the_wall)
            return self._finish(arrival, request)

    def _wait(self, listener: Listener, opened: Opened | None, ends_on_the_wall: float) -> Arrival:
        profile = self.provider.profile
        ends = monotonic() + profile.login_timeout
        with self.conversation.waiting("the login in your browser", profile.login_timeout):
            while (left := ends - monotonic()) > 0 and self.clock() < ends_on_the_wall:
                self.conversation.go_on()
                arrival = listener.wait(min(_LOOK, left))
                if arrival is not None:
                    return arrival
                if opened is not None and opened.gave_up():
                    opened = None
                    self.conversation.warn("the browser could not be started; open the address above yourself")
        ways = [profile.ways.by_grant("paste")]
        if self.provider.known_device_endpoint is not None:
            ways.append(profile.ways.by_grant("device-code"))
        raise LoginRequired(
            f"nobody finished the login within {profile.login_timeout:.0f} s; if the browser could not open its last "
            f"page, {' or '.join(ways)} needs none on this machine",
            hint=profile.ways.login,
        )

    def _tell_the_way_from_elsewhere(self, redirect_uri: str) -> None:
        port = urlsplit(redirect_uri).port
        if port:
            self.conversation.say(
                f"From a browser on another machine, first: ssh -L {port}:localhost:{port} THIS-MACHINE"
            )

    def _finish(self, arrival: Arrival, request: AuthorizationRequest) -> Session:
        profile = self.provider.profile
        try:
            code = request.code(arrival.parameters)
            session = self.accept(self.provider.exchange(code, request), request.scopes, request.nonce)
        except TogetherctlError as error:
            arrival.show(page.failed(error.message, error.hint))
            raise
        except BaseException:
            arrival.show(page.failed("togetherctl was stopped before the login was finished."))
            raise
        arrival.show(
            page.succeeded(
                identity=session.identity,
                role=("Profile", profile.name) if profile.name else ("Client", profile.client_id),
                issuer=profile.issuer.url,
                next_url=profile.open_url_after,
            )
        )
        return session
