"""`python -m tests.support.person NAME URL [FILE]`: a browser for processes, which logs in at the certified provider.

The page it ends on goes to FILE.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.provider import Person

if __name__ == "__main__":
    page = Person(sys.argv[1]).log_in(sys.argv[2])
    for file in sys.argv[3:]:
        Path(file).write_text(page, encoding="utf-8")
