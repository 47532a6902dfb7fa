"""Headless Chromium walks the login at the certified provider and reads the last page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.browser import parameters
from tests.support.programs import need_browser
from togetherctl.auth.browser import Opened
from togetherctl.auth.engine import Policy
from togetherctl.wiring import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.real.conftest import Real
    from tests.support.conversation import Remembered

# No sandbox, because tests run as root in containers. The provider's pages want fonts from elsewhere; nobody is asked.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    path = need_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


class Login:
    """A login on a thread, which waits while the test's own thread plays the person in the browser."""

    def __init__(self, real: Real, conversation: Remembered) -> None:
        self.urls: list[str] = []
        self._asked = threading.Event()
        self.error: BaseException | None = None
        self._world = World(real.environ, conversation, open_browser=self._open)
        self._thread = threading.Thread(target=self._run)

    def start(self) -> str:
        self._thread.start()
        assert self._asked.wait(30)
        return self.urls[0]

    @property
    def redirect_uri(self) -> str:
        return parameters(self.urls[0])["redirect_uri"]

    def join(self) -> None:
        self._thread.join(30)

    def _open(self, url: str, _profile: object) -> Opened:
        self.urls.append(url)
        self._asked.set()
        return Opened(None)

    def _run(self) -> None:
        try:
            self._world.engine.login(self._world.config.profile("acme"), Policy())
        except Exception as error:  # noqa: BLE001 # the test asks for it
            self.error = error
            self._asked.set()


def answer(page: Page, url: str, name: str) -> None:
    """Log in and agree, as the provider's own pages ask."""
    page.goto(url)
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "x")
    page.click("button[type=submit]")
    page.click("button[type=submit]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_ends_on_a_page_that_says_who_you_are(
    scheme: str, chromium: Browser, real: Real, conversation: Remembered
) -> None:
    login = Login(real, conversation)
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 800, "height": 600})  # type: ignore[arg-type] # one of two
    page = context.new_page()
    trouble: list[str] = []
    page.on(
        "console", lambda message: trouble.append(message.text) if page.url.startswith(login.redirect_uri) else None
    )
    page.on("pageerror", lambda error: trouble.append(str(error)))

    url = login.start()
    answer(page, url, "me")
    page.wait_for_selector("main.done")
    login.join()
    assert login.error is None
    session = real.watch()
    assert session is not None

    assert page.inner_text("h1") == "Logged in as me@example.com"
    assert page.title() == "Logged in as me@example.com"
    text = page.inner_text("main")
    for shown in ("me@example.com", "acme", real.issuer, "You can close this tab"):
        assert shown in text
    # The spent code is out of the address bar and the history, and the styles were let in by the policy.
    assert urlsplit(page.url).query == ""
    assert page.evaluate("getComputedStyle(document.querySelector('main')).borderTopStyle") == "solid"
    assert trouble == []
    ink, ground = (page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert contrast(ink, ground) > 7
    context.close()


def test_a_login_that_fails_says_so_on_its_page(chromium: Browser, real: Real, conversation: Remembered) -> None:
    login = Login(real, conversation)
    url = login.start()
    page = chromium.new_page()
    here, state = login.redirect_uri, parameters(url)["state"]
    # Strays do not end it: a browser asks for an icon, and somebody guesses.
    page.goto(f"{here}/favicon.ico")
    assert "There is nothing here" in page.inner_text("main")
    page.goto(f"{here}/?state=guess&error=access_denied")
    assert "This is not the login that is being waited for" in page.inner_text("main")
    said = "error=access_denied&error_description=%3Cb%3Eno%3C/b%3E"
    page.goto(f"{here}/?state={state}&iss={real.issuer}&{said}")
    assert page.inner_text("h1") == "Login failed"
    assert "<b>no</b>" in page.inner_text("main")
    login.join()
    assert "access_denied" in str(login.error)
    page.close()


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two `rgb(…)` colours."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
