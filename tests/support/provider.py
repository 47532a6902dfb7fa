"""The certified OpenID Provider (npm `oidc-provider`) as a process, and a person who logs in at it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from tests.support.forms import first_form
from tests.support.programs import NODE_FOLDER, need_node

CLIENT_ID = "togetherctl-tests"
SERVICE_ID = "togetherctl-service"
SERVICE_SECRET = "a-secret-of-the-service/+%"
# The password of every person at every provider that the tests start.
PASSWORD = "x"


@contextmanager
def certified_provider(*, lifetime: int, **more: Any) -> Iterator[str]:
    """Run the provider with tokens that live `lifetime` seconds; gives its issuer. It says what `more` there is."""
    settings = json.dumps(
        {"lifetime": lifetime, "clientId": CLIENT_ID, "serviceId": SERVICE_ID, "serviceSecret": SERVICE_SECRET, **more}
    )
    with subprocess.Popen(
        [need_node(), "provider.mjs", settings],
        cwd=NODE_FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(10)


class _Following(HTTPRedirectHandler):
    """Follows redirects as a browser does, and tells each address; one that begins with `stops_at` is the last."""

    def __init__(self, tell: Callable[[str], None], stops_at: str | None) -> None:
        self._tell = tell
        self._stops_at = stops_at

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        self._tell(newurl)
        if self._stops_at and newurl.startswith(self._stops_at):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Person:
    """Fills in the provider's own forms, keeping its cookies, as somebody called `name` would."""

    def __init__(self, name: str, *, stops_at: str | None = None) -> None:
        self._name = name
        self.ended_at = ""
        # Browsers send Secure cookies to loopback by plain http, too.
        cookies = CookieJar(DefaultCookiePolicy(secure_protocols=("https", "http")))
        self._opener: OpenerDirector = build_opener(
            ProxyHandler({}), HTTPCookieProcessor(cookies), _Following(self._standing_at, stops_at)
        )
        # Without it Spring takes the request for no browser's, and answers 401.
        self._opener.addheaders = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]

    def _standing_at(self, url: str) -> None:
        self.ended_at = url

    def log_in(self, url: str, **typed: str) -> str:
        """Go to `url`, log in and agree; the text of the page it ends on. `typed` goes into every form as well.

        `ended_at` is the address of that page: where a browser would stand, though nothing listens there.
        """
        where, page = self._get(url)
        for _ in range(6):
            form = first_form(page)
            if form is None:
                return page
            fields = form.filled_in(name=self._name, password=PASSWORD) | typed
            where, page = self._get(urljoin(where, form.action), urlencode(fields).encode())
        raise AssertionError("the provider keeps asking")

    def _get(self, url: str, data: bytes | None = None) -> tuple[str, str]:
        self.ended_at = url
        try:
            with self._opener.open(url, data=data, timeout=15) as response:
                self.ended_at = response.geturl()
                return self.ended_at, response.read().decode()
        except HTTPError as error:
            # The provider's own error pages, such as the one after a person said no.
            with error:
                return error.geturl(), error.read().decode()
