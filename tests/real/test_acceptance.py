"""`make acceptance` against the certified provider, with a scripted browser."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.provider import CLIENT_ID

if TYPE_CHECKING:
    from tests.support.canary import Canary


@pytest.fixture
def accept(environ: dict[str, str], canary: Canary) -> Callable[..., subprocess.CompletedProcess[str]]:
    def accept(browser: list[str], **settings: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.acceptance"],
            env={
                **environ,
                "PYTHONPATH": str(ROOT),
                "TOGETHERCTL_BROWSER": shlex.join([sys.executable, "-m", *browser, "{url}"]),
                "REDIRECT_URI": "http://localhost:0",
                **settings,
            },
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        canary.saw("the acceptance run", done.stdout + done.stderr)
        assert "eyJ" not in done.stdout + done.stderr, "no JWT is ever shown"
        return done

    return accept


def test_the_certified_provider_passes(issuer: str, accept: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = accept(
        ["tests.support.person", "me"],
        ISSUER_URL=issuer,
        CLIENT_ID=CLIENT_ID,
        SCOPES="openid email groups offline_access",
        AUTH_PARAMS="prompt=consent",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "passed  discovery",
        "passed  PKCE",
        "passed  login in a browser",
        "passed  claims",
        "passed  refresh",
        "passed  revocation",
        "passed  device code",
        "passed  logout",
    ]
    assert "as me@example.com" in lines[2]
    assert "the refresh token is rotated; the old one is refused; using it ended the session" in lines[4]
    assert "the refresh token is refused from then on" in lines[5]
