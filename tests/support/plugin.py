"""`kubectl together-login get-token` at a scripted issuer, with the browser of a person who logs in."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.browser import ScriptedBrowser, parameters
from togetherctl.auth.cache.record import decode
from togetherctl.kubelogin import PLUGIN

if TYPE_CHECKING:
    from tests.conftest import CliIn, Done
    from tests.support.clock import StoppedClock
    from tests.support.issuer import Asked, ScriptedIssuer
    from togetherctl.auth.session import Session


@dataclass
class Plugin:
    """`kubectl together-login get-token` at one issuer, with the browser of a person who logs in."""

    issuer: ScriptedIssuer
    browser: ScriptedBrowser
    clock: StoppedClock
    home: Path
    cli_in: CliIn

    def at(self, issuer: ScriptedIssuer) -> Plugin:
        return replace(self, issuer=issuer, browser=ScriptedBrowser(issuer))

    def words(self, *words: str) -> list[str]:
        return [
            "get-token",
            f"--oidc-issuer-url={self.issuer.url}",
            f"--oidc-client-id={self.issuer.client_id}",
            *([] if any("--listen-address" in word for word in words) else ["--listen-address=127.0.0.1:0"]),
            *words,
        ]

    def run(self, *words: str, **environ: str) -> Done:
        run = self.cli_in(program=PLUGIN, open_browser=self.browser, clock=self.clock, sleep=self.clock.sleep)
        return run(*self.words(*words), **environ)

    def token(self, *words: str, **environ: str) -> str:
        done = self.run(*words, **environ)
        assert done.code == 0, done.stderr
        return str(json.loads(done.stdout)["status"]["token"])

    def asked(self, path: str) -> list[Asked]:
        return [asked for asked in self.issuer.asked if asked.path == path]

    @property
    def request(self) -> dict[str, str]:
        """The authorization request of the last login."""
        return parameters(self.browser.opened[-1])

    @property
    def sessions(self) -> Path:
        return self.home / "tctl" / "state" / "sessions"

    def session(self) -> Session:
        [path] = self.sessions.glob("*.json")
        return decode(path.read_bytes())


def visiting(tmp_path: Path) -> tuple[Path, Path]:
    """A program that logs in at the address it is given, and the file it notes its visits in."""
    program, log = tmp_path / "my browser", tmp_path / "visited"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.support.visit log-in "{log}" "$1"\n')
    program.chmod(0o700)
    return program, log
