"""`python -m tests.support.person NAME URL`: a browser for processes, which logs in at the certified provider."""

from __future__ import annotations

import sys

from tests.support.provider import Person

if __name__ == "__main__":
    Person(sys.argv[1]).log_in(sys.argv[2])
