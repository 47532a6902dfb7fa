"""Log in at the demo issuer as a person in a browser would: `python -m togetherctl.demo.visitor EMAIL URL`."""

from __future__ import annotations

import sys
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener

from togetherctl.loopback import is_loopback

_SECONDS = 30.0


def visit(email: str, url: str) -> int:
    """Answer the login page at `url` as `email` and follow it back; the HTTP status of the last page."""
    # Nothing outside this machine is ever asked to believe a scripted visitor.
    if not is_loopback(urlsplit(url).hostname):
        raise ValueError("the demo's visitor goes to loopback addresses only")
    answer = urlencode({"email": email, "answer": "allow"}).encode("ascii")
    with build_opener(ProxyHandler({})).open(url, data=answer, timeout=_SECONDS) as response:
        return int(response.status)


if __name__ == "__main__":
    sys.exit(0 if visit(sys.argv[1], sys.argv[2]) == 200 else 1)
