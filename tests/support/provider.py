"""The certified OpenID Provider (npm `oidc-provider`) as a process, and a person who logs in at it."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

from tests.support.programs import NODE_FOLDER, need_node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.request import OpenerDirector

CLIENT_ID = "togetherctl-tests"


@contextmanager
def certified_provider(*, lifetime: int) -> Iterator[str]:
    """Run the provider with tokens that live `lifetime` seconds; gives its issuer."""
    settings = json.dumps({"lifetime": lifetime, "clientId": CLIENT_ID})
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


class Person:
    """Fills in the provider's own forms, keeping its cookies, as somebody called `name` would."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def log_in(self, url: str) -> str:
        """Go to `url`, log in and agree; the text of the page it ends on."""
        where, page = self._get(url)
        for _ in range(4):
            form = re.search(r"<form[^>]*action=\"([^\"]+)\".*?</form>", page, re.DOTALL)
            if form is None:
                return page
            hidden = re.findall(r"<input type=\"hidden\" name=\"(\w+)\" value=\"([^\"]*)\"", form[0])
            fields = {name: unescape(value) for name, value in hidden} | {"login": self._name, "password": "x"}
            where, page = self._get(urljoin(where, unescape(form[1])), urlencode(fields).encode())
        raise AssertionError("the provider keeps asking")

    def _get(self, url: str, data: bytes | None = None) -> tuple[str, str]:
        with self._opener.open(url, data=data, timeout=15) as response:
            return response.geturl(), response.read().decode()
