"""Programs some tests need: they are skipped, with the reason, where one is missing, unless the run must have it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Read before the environment is made bare: `all` in CI, where nothing may be skipped.
_MUST_HAVE = os.environ.get("TOGETHERCTL_TESTS_NEED", "")
NODE_FOLDER = Path(__file__).parents[1] / "real" / "node"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def need(*names: str) -> str:
    """The path of the first of `names` that is installed. Skips the test, or fails it in a run that must have it."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    return missing(f"{names[0]} is not installed")


def need_browser() -> str:
    """A Chromium that runs headless."""
    return need(*_BROWSERS)


def need_go() -> str:
    """Go, which builds the judge of tokens."""
    return need("go")


def need_node() -> str:
    """Node.js, with the packages of `tests/real/node`."""
    node = need("node")
    if not (NODE_FOLDER / "node_modules").is_dir():
        return missing("the packages of tests/real/node are not installed; `make test` installs them where npm is")
    return node


def missing(reason: str) -> str:
    """Skip the test for this reason, or fail it in a run that must have everything."""
    if _MUST_HAVE == "all":
        pytest.fail(f"{reason}, and this run must have it")
    pytest.skip(reason)
