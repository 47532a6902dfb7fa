"""A configuration with very many profiles, each with a cluster and a session of its own."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.session import Session, Token
from togetherctl.config.config import Config
from togetherctl.disk import make_private_folder

if TYPE_CHECKING:
    from togetherctl.paths import Paths

_ISSUERS = 10


def crowd(paths: Paths, count: int, *, now: float) -> None:
    """Write the configuration and its sessions; the tokens last different times from `now`, in seconds since 1970."""
    tables = ["version = 1\n"]
    tables += [f'[issuers.i{index}]\nurl = "https://id{index}.example/realms/acme"\n' for index in range(_ISSUERS)]
    for index in range(count):
        tables.append(f'[profiles.p{index}]\nissuer = "i{index % _ISSUERS}"\nclient_id = "client-{index}"\n')
        tables.append(f'[clusters.c{index}]\nprofile = "p{index}"\nserver = "https://c{index}.example:6443"\n')
    make_private_folder(paths.config.parent)
    paths.config.write_text("\n".join(tables), encoding="utf-8")
    paths.config.chmod(0o600)
    sessions = FileSessions(paths.sessions)
    for index, profile in enumerate(Config.load(paths.config, {}).profiles(everyone=True)):
        claims = {"iss": profile.issuer.url, "sub": str(index), "aud": profile.client_id, "email": "me@acme.com"}
        token = Token(f"e30.{_part(claims)}.{'s' * 342}", now - 60, now + 600 + 60 * index)
        session = Session(profile.issuer.url, profile.client_id, str(index), "me@acme.com", token, token, "r" * 900)
        sessions.save(profile.key, session)


def _part(claims: dict[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
