"""The life of a session at a certified provider: login, refresh, rotation, reuse refused, revocation."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from togetherctl.auth.cache.files import FileSessions

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.real.conftest import Real


def test_login_refresh_rotation_and_revocation(real: Real, process: Run) -> None:
    done = process("login", **real.environ)
    assert done.code == 0, done.stderr
    said = r"as me@example.com with profile acme; the token is valid for \d+m \d\ds, then refreshed"
    assert re.search(said, done.stderr)
    first = real.watch()
    assert first is not None
    assert (first.subject, first.identity, first.issuer) == ("me", "me@example.com", real.issuer)
    assert first.refresh_token

    assert process("refresh", **real.environ).code == 0
    second = real.watch()
    assert second is not None
    assert second.refresh_token != first.refresh_token
    assert second.id_token != first.id_token

    # The provider punishes reuse by ending the grant: said as what it is, and no tab opened by itself.
    sessions = FileSessions(real.home / "tctl" / "state" / "sessions")
    [path] = sessions.folder.glob("*.json")
    sessions.save(path.stem, replace(second, refresh_token=first.refresh_token))
    reused = process("refresh", **real.environ)
    assert (reused.code, "login required for new tokens: the issuer refused: invalid_grant" in reused.stderr) == (
        3,
        True,
    )
    sessions.save(path.stem, second)
    assert process("refresh", **real.environ).code == 3
    status = json.loads(process("status", "-o", "json", **real.environ).stdout)["items"][0]
    assert (status["state"], status["refreshable"], status["last_error"]["code"]) == ("valid", False, "refused")

    assert process("login", "--force", **real.environ).code == 0
    third = real.watch()
    assert third is not None
    done = process("logout", **real.environ)
    assert (done.code, "cannot revoke" in done.stderr) == (0, False), done.stderr
    sessions.save(path.stem, third)
    assert process("refresh", **real.environ).code == 3


@pytest.mark.parametrize("lifetime", [2])
def test_get_token_over_expiry(real: Real, process: Run) -> None:
    tokens = []
    for _ in range(3):
        done = process("get-token", "--profile", "acme", **real.environ)
        assert done.code == 0, done.stderr
        tokens.append(json.loads(done.stdout)["status"]["token"])
        session = real.watch()
        assert session is not None
        assert session.id_token is not None
        time.sleep(max(session.id_token.expires_at - time.time(), 0) + 0.1)
    assert len(set(tokens)) == 3


def test_a_person_who_says_no(real: Real, process: Run) -> None:
    done = process("profile", "set", "acme", "auth_params={prompt = 'none'}", **real.environ)
    assert done.code == 0
    done = process("login", **real.environ)
    assert (done.code, "the issuer refused the login: login_required" in done.stderr) == (5, True), done.stderr
    assert "asks for prompt=none" in done.stderr
