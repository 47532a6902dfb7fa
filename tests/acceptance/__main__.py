"""`python -m tests.acceptance`: the environment, which `make acceptance` fills, says which provider and client."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tests.acceptance.life import Life
from tests.acceptance.report import Report
from togetherctl.cli.console import Console
from togetherctl.config.models import IssuerTable, ProfileTable
from togetherctl.config.overrides import Overrides
from togetherctl.config.profile import Profile, resolve
from togetherctl.config.validation import describe
from togetherctl.environment import HOME
from togetherctl.wiring import World

USAGE = """\
make acceptance ISSUER_URL=https://… CLIENT_ID=…

  CLIENT_SECRET   in the environment alone, where the client has one
  SCOPES          such as "openid email offline_access" (default: openid email)
  AUTH_PARAMS     extra parameters of the login, such as prompt=consent
  REDIRECT_URI    what is registered (default: http://localhost:8000 and http://localhost:18000)
  CA_FILE         a PEM file of the provider's certificate authority
  TOKEN           id or access: the one a cluster would get (default: id)
"""


def main(environ: Mapping[str, str]) -> int:
    """0 where nothing failed, 1 where something did, 2 where it is not said what to test."""
    if not environ.get("ISSUER_URL") or not environ.get("CLIENT_ID"):
        sys.stderr.write(USAGE)
        return 2
    with tempfile.TemporaryDirectory(prefix="togetherctl-acceptance-") as home:
        inside = {**environ, HOME: home}
        try:
            profile = _profile(inside, Path(home))
        except (ValidationError, ValueError) as error:
            reason = describe(error.errors()[0]).reason if isinstance(error, ValidationError) else str(error)
            sys.stderr.write(f"{reason}\n\n{USAGE}")
            return 2
        console = Console(inside)
        life = Life(World(inside, console), profile, Report(_tell))
        return 0 if life.lived() else 1


def _profile(environ: Mapping[str, str], home: Path) -> Profile:
    issuer: dict[str, Any] = {"url": environ["ISSUER_URL"]}
    if environ.get("CA_FILE"):
        issuer["ca_file"] = str(Path(environ["CA_FILE"]).absolute())
    profile: dict[str, Any] = {
        "issuer": "acceptance",
        "client_id": environ["CLIENT_ID"],
        "scopes": (environ.get("SCOPES") or "openid email").split(),
        "token": environ.get("TOKEN") or "id",
        "auth_params": dict(pair.split("=", 1) for pair in environ.get("AUTH_PARAMS", "").split()),
    }
    if environ.get("CLIENT_SECRET"):
        profile["client_secret"] = {"env": "CLIENT_SECRET"}
    if environ.get("REDIRECT_URI"):
        profile["redirect_uris"] = [environ["REDIRECT_URI"]]
    tables = ProfileTable.model_validate(profile), IssuerTable.model_validate(issuer)
    resolved = resolve("acceptance", *tables, folder=home, environ=environ)
    return replace(resolved, browser=Overrides.read(environ).browser)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(os.environ))
