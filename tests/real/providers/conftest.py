"""Other people's providers, each started once for all its tests, and the machine of a person who logs in there."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT, Done, Run
from tests.real.conftest import watched
from tests.support import parties
from togetherctl.auth.cache.files import FileSessions

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.parties import Client
    from togetherctl.auth.session import Session

_STARTS = {"django": parties.django_oauth_toolkit, "keycloak": parties.keycloak, "spring": parties.spring}


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[parties.Started]:
    """The clients of one provider, which runs until another one is wanted."""
    with _STARTS[request.param](tmp_path_factory.mktemp(request.param)) as clients:
        yield clients


@dataclass(frozen=True)
class Machine:
    """A person's machine with the profile acme for one client; `environ` is what they work in."""

    client: Client
    environ: dict[str, str]
    home: Path
    canary: Canary
    process: Run

    def run(self, *words: str, **changes: str) -> Done:
        """Run togetherctl."""
        try:
            return self.process(*words, seconds=120, **{**self.environ, **changes})
        finally:
            watched(self.home, self.canary)

    def does(self, *words: str, **changes: str) -> Done:
        done = self.run(*words, **changes)
        assert done.code == 0, (words, done.stderr)
        return done

    def status(self) -> dict[str, Any]:
        """What `status` says of the profile."""
        [item] = json.loads(self.does("status", "-o", "json").stdout)["items"]
        found: dict[str, Any] = item
        return found

    @property
    def sessions(self) -> FileSessions:
        return FileSessions(self.home / "tctl" / "state" / "sessions")

    def session(self) -> Session:
        found = watched(self.home, self.canary)
        assert found is not None
        return found

    def put_back(self, session: Session) -> None:
        """Make this the session that is stored."""
        [path] = self.sessions.folder.glob("*.json")
        self.sessions.save(path.stem, session)

    def age(self, *, refresh_token: str | None = None) -> Session:
        """Let the tokens of the session be over, and its refresh token be another one where that is given."""
        session = self.session()
        assert session.id_token is not None
        over = replace(session.id_token, obtained_at=time.time() - 700, expires_at=time.time() - 100)
        session = replace(session, id_token=over, refresh_token=refresh_token or session.refresh_token)
        self.put_back(session)
        for ready in (self.home / "tctl" / "cache" / "ready").glob("*"):
            ready.unlink()
        return session

    @property
    def logins(self) -> int:
        """How often a browser was opened."""
        visits = self.home / "visits"
        return len(visits.read_text().splitlines()) if visits.exists() else 0


@pytest.fixture
def machine_of(environ: dict[str, str], home: Path, canary: Canary, process: Run) -> Callable[[Client], Machine]:
    """The machine of a person who has added a profile for this client, as the provider's own guide would say."""

    def make(client: Client) -> Machine:
        browser = home / "browser"
        person = shlex.join([sys.executable, "-m", "tests.support.person", "me"])
        browser.write_text(f'#!/bin/sh\necho visited >> "{home}/visits"\nPYTHONPATH="{ROOT}" exec {person} "$1"\n')
        browser.chmod(0o700)
        variables = {**environ, "TOGETHERCTL_BROWSER": str(browser)}
        if client.client_secret:
            variables["OIDC_CLIENT_SECRET"] = canary.watch("a client secret", client.client_secret)
        machine = Machine(client, variables, home, canary, process)
        words = [f"redirect_uris={client.redirect_uri}"]
        if client.client_secret:
            words.append("client_secret={env = 'OIDC_CLIENT_SECRET'}")
        machine.does("profile", "add", "acme", "--issuer", client.issuer, "--client-id", client.client_id, *words)
        return machine

    return make


@dataclass(frozen=True)
class Acceptance:
    """What `make acceptance` says of each step, by the step's name."""

    code: int
    steps: dict[str, str]


@pytest.fixture
def accept(environ: dict[str, str], canary: Canary) -> Callable[..., Acceptance]:
    """Go through the whole life of a session at a client, as `make acceptance` does."""

    def run(client: Client, **settings: str) -> Acceptance:
        secret = (
            {"CLIENT_SECRET": canary.watch("a client secret", client.client_secret)} if client.client_secret else {}
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.acceptance"],
            env={
                **environ,
                "PYTHONPATH": str(ROOT),
                "TOGETHERCTL_BROWSER": shlex.join([sys.executable, "-m", "tests.support.person", "me", "{url}"]),
                "ISSUER_URL": client.issuer,
                "CLIENT_ID": client.client_id,
                "REDIRECT_URI": client.redirect_uri,
                **secret,
                **settings,
            },
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        canary.saw("the acceptance run", done.stdout + done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("passed  ", "cannot  ", "FAILED  "))]
        return Acceptance(done.returncode, {line[8:].partition(":")[0]: line for line in lines})

    return run
