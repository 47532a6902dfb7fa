"""`python visitor.py CA_FILE OPENED URL`: a browser for processes, which follows a scripted issuer's redirects.

It adds a line to the file OPENED for every page it is shown. Run by its path, so that it needs nothing of ours.
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from urllib.request import HTTPSHandler, ProxyHandler, build_opener


def visit(ca_file: str, opened: str, url: str) -> None:
    with Path(opened).open("a", encoding="utf-8") as file:
        file.write("opened\n")
    context = ssl.create_default_context(cafile=ca_file)
    with build_opener(ProxyHandler({}), HTTPSHandler(context=context)).open(url, timeout=30) as response:
        response.read()


if __name__ == "__main__":
    visit(*sys.argv[1:])
