"""Browsers for tests: one that logs in like a person would, and one that must never be opened."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from togetherctl.auth.browser import Opened

if TYPE_CHECKING:
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.config.profile import Profile


@dataclass(frozen=True)
class Page:
    """What the browser was shown."""

    status: int
    headers: dict[str, str]
    text: str


class _StayHere(HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


_OPENER = build_opener(ProxyHandler({}), _StayHere())


def fetch(url: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> Page:
    """One request, redirects not followed, errors as pages."""
    request = Request(url, method=method, headers=headers or {})  # noqa: S310 # loopback only
    try:
        with _OPENER.open(request, timeout=10) as response:
            return Page(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read().decode())
    except HTTPError as error:
        with error:
            return Page(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read().decode())


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class ScriptedBrowser:
    """Goes to the login page, is sent back, and keeps the page it ends on. `answer` may change where it is sent."""

    issuer: ScriptedIssuer
    answer: Callable[[dict[str, str]], str] | None = None
    opened: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def __call__(self, url: str, _profile: Profile) -> Opened:
        self.opened.append(url)
        thread = threading.Thread(target=self._visit, args=(url,), daemon=True)
        self.threads.append(thread)
        thread.start()
        return Opened(None)

    @property
    def last_page(self) -> Page:
        for thread in self.threads:
            thread.join(10)
        return self.pages[-1]

    def _visit(self, url: str) -> None:
        if urlsplit(url).path != "/authorize":
            return
        back = self.answer(parameters(url)) if self.answer else self.issuer.log_in(parameters(url))
        if back:
            self.pages.append(fetch(back))


class NoBrowser:
    """Fails the test that opens it."""

    def __call__(self, url: str, _profile: Profile) -> Opened:
        raise AssertionError("a browser was opened where none may be")
