"""`python -m tests.support.visit HOW LOG URL`: a browser for processes, at the scripted issuer.

It notes each address in the file LOG, then does what HOW says: `log-in`, `deny`, or `nothing`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener


def visit(how: str, log: str, url: str) -> None:
    """Be sent back to the redirect URI, with a code or with an error."""
    with Path(log).open("a", encoding="utf-8") as file:
        file.write("visited\n")
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if how == "deny":
        url = f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
    if how != "nothing":
        build_opener(ProxyHandler({})).open(url, timeout=30).close()


if __name__ == "__main__":
    visit(*sys.argv[1:4])
