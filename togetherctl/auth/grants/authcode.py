"""The authorization code grant with PKCE, in the person's browser (RFC 6749, 4.1; RFC 7636)."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from togetherctl.auth import callback_page
from togetherctl.auth.authorization_request import NoResponse, read_pasted, strip_pasted
from togetherctl.auth.callback import Arrival, Listener, PortsTaken, listen
from togetherctl.auth.grants import GrantSpec
from togetherctl.auth.grants.paste import STRAY
from togetherctl.auth.login_advice import compare_registration, naming_redirect_uri
from togetherctl.auth.time_limits import UNANSWERED_SECONDS
from togetherctl.errors import LoginRequired, Remedy, TogetherctlError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from togetherctl.auth.authorization_request import AuthorizationRequest
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session

# How many seconds pass at most until what was pasted, or a browser that gave up, is noticed.
_LOOK = 0.2
_IF_REFUSED = "if the browser shows an error of the issuer: "


def log_in(login: Login) -> Session:
    """Raises LoginRequired where the browser did not come back in time, and Unreachable, Refused or Untrusted.

    The browser's last page is shown only when it is known how the login ended, and says so.
    """
    profile = login.provider.profile
    with _listen(login) as listener:
        request = login.provider.authorization_request(listener.redirect_uri)
        with naming_redirect_uri(profile, listener.redirect_uri):
            url = login.provider.authorization_url(request)
        listener.start(request.is_answered_by)
        return _finish(login, _Wait(login, listener).arrival(url), request)


def _listen(login: Login) -> Listener:
    """Raises PortsTaken, which names the ways that need no port."""
    profile = login.provider.profile
    try:
        return listen(profile.loopbacks, profile.certificate, profile.ways)
    except PortsTaken as error:
        first, *others = _ways_without_port(login)
        device = f"; nor does a device code: {others[0]}" if others else ""
        register = "; or end that program, or register another redirect URI and add it to " + profile.ways.setting(
            "redirect_uris"
        )
        paste = "pasting needs no port" if first.command else f"pasting needs no port: {first}"
        error.remedy = Remedy(f"{paste}{device}{register}", first.command)
        raise


def _ways_without_port(login: Login) -> Sequence[Remedy]:
    """Pasting, and a device code where the issuer offers it."""
    ways = login.provider.profile.ways
    # An issuer that cannot be asked changes nothing of what the person has to hear first.
    with suppress(TogetherctlError):
        if login.provider.known_device_endpoint is not None:
            return ways.by_grant("paste"), ways.by_grant("device-code")
    return (ways.by_grant("paste"),)


class _Wait:
    """The wait for the browser, and what a person is told meanwhile."""

    def __init__(self, login: Login, listener: Listener) -> None:
        self._login = login
        self._listener = listener
        self._talk = login.conversation
        self._profile = login.provider.profile
        # A laptop that sleeps stops the monotonic clock and not the other, by which other processes wait.
        self._began = (monotonic(), login.clock())
        self._told_ways = False

    def arrival(self, url: str) -> Arrival:
        """Open the browser and give what it, or the person, brings back. Raises LoginRequired after the time."""
        opened = self._open(url)
        told = False
        with self._talk.waiting("the login in your browser", self._profile.login_timeout), self._talk.pasted() as paste:
            while (left := self._left) > 0:
                self._talk.go_on()
                arrival = self._listener.wait(min(_LOOK, left))
                if arrival is not None:
                    return arrival
                self._take(paste())
                if opened is not None and opened.gave_up():
                    opened = None
                    self._talk.warn("the browser could not be started; open the address above yourself")
                    self._tell_ways()
                if not told and self._passed >= UNANSWERED_SECONDS:
                    told = True
                    self._tell_what_is_needed()
        raise LoginRequired(
            f"the login was not finished within {self._profile.login_timeout:.0f} s",
            hint=compare_registration(
                self._profile,
                self._listener.redirect_uri,
                when=_IF_REFUSED,
                otherwise=f"; if it cannot open its last page: {self._ways}",
            ),
        )

    @property
    def _passed(self) -> float:
        monotonically, by_the_clock = self._began
        return max(monotonic() - monotonically, self._login.clock() - by_the_clock)

    @property
    def _left(self) -> float:
        return self._profile.login_timeout - self._passed

    def _open(self, url: str) -> Opened | None:
        opened = self._login.open_browser(url)
        self._talk.page(url, opened=opened is not None)
        if opened is None:
            port = urlsplit(self._listener.redirect_uri).port
            if port:
                self._talk.say(f"From a browser on another machine, first: ssh -L {port}:localhost:{port} THIS-MACHINE")
            self._tell_ways()
        return opened

    def _take(self, pasted: str | None) -> None:
        """What was pasted goes the way of what a browser brings."""
        if pasted is None:
            return
        try:
            if not self._listener.take(read_pasted(strip_pasted(pasted))):
                self._talk.warn(STRAY)
        except NoResponse as error:
            self._talk.warn(str(error))

    # What is said meanwhile

    def _tell_ways(self) -> None:
        """The ways without this browser, where it may never come back."""
        self._told_ways = True
        self._talk.advise(f"If no browser here can open its last page: {self._instead}.")

    def _tell_what_is_needed(self) -> None:
        uri = self._listener.redirect_uri
        safari = f", as Safari may refuse {uri}" if self._login.place.safari and uri.startswith("http:") else ""
        page = "" if self._told_ways else f" If it cannot open its last page{safari}: {self._instead}."
        self._talk.advise(
            f"The browser has not come back yet.{page}",
            compare_registration(self._profile, self._listener.redirect_uri, when=_IF_REFUSED),
        )

    @property
    def _instead(self) -> str:
        if self._talk.takes_pasted:
            return f"paste its address here and press Enter (it stays hidden), or begin again with {self._ways}"
        return f"begin again with {self._ways}"

    @property
    def _ways(self) -> str:
        return " or ".join(map(str, _ways_without_port(self._login)))


def _finish(login: Login, arrival: Arrival, request: AuthorizationRequest) -> Session:
    provider = login.provider
    profile = provider.profile
    try:
        with naming_redirect_uri(profile, request.redirect_uri):
            code = request.code(arrival.parameters)
            session = login.accept(provider.exchange(code, request), request.scopes, request.nonce)
    except TogetherctlError as error:
        login.explain(error)
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


SPEC = GrantSpec("in a browser on this machine", "browser", log_in, listens=True)
