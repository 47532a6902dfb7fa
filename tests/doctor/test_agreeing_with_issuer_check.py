"""`issuer check` and the doctor say the same of one issuer: the same words, and the same exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_issuer_check import METADATA
from tests.support.diagnosis import diagnose
from tests.support.issuer import Reply, ScriptedIssuer
from togetherctl.doctor.check import find_checks
from togetherctl.doctor.examine import exit_code

if TYPE_CHECKING:
    from tests.conftest import CliIn, MakeConfig, MakeWorld
    from tests.support.clock import StoppedClock

KNOWN = Reply(303, b"", {"Location": "http://localhost:8000?error=login_required"})
OTHER = Reply(303, b"", {"Location": "http://localhost:18000?error=login_required"})


def _metadata(**changes: object) -> Callable[[ScriptedIssuer], None]:
    return lambda issuer: issuer.metadata_changes.update(changes)


def _always(path: str, reply: Reply) -> Callable[[ScriptedIssuer], None]:
    return lambda issuer: issuer.always.update({path: reply})


ISSUERS: dict[str, Callable[[ScriptedIssuer], None]] = {
    "sound": lambda _issuer: None,
    "no answer": lambda issuer: issuer.stop(),
    "nothing there": _always(METADATA, Reply(404, {})),
    "later": _always(METADATA, Reply(503, {})),
    "a web page": _always(METADATA, Reply(200, b"<html>")),
    "another slash": lambda issuer: issuer.metadata_changes.update(issuer=f"{issuer.url}/"),
    "another issuer": _metadata(issuer="https://other.example"),
    "no token endpoint": _metadata(token_endpoint=None),
    "no PKCE": _metadata(code_challenge_methods_supported=["plain"]),
    "no code flow": _metadata(response_types_supported=["id_token"]),
    "algorithms": _metadata(id_token_signing_alg_values_supported=["HS256"]),
    "no refresh token": _metadata(scopes_supported=["openid", "email"]),
    "no keys": _always("/keys", Reply(200, {"keys": []})),
    "keys later": _always("/keys", Reply(503, {})),
    "an unknown client": _always("/authorize", Reply(400, b"")),
    "a page of its own": _always("/authorize", Reply(200, b"<h1>Log in</h1>")),
    "a scope that it refuses": _always(
        "/authorize", Reply(303, b"", {"Location": "http://localhost:8000?error=invalid_scope"})
    ),
    "another clock": lambda issuer: issuer.always.update(
        {METADATA: Reply(body=issuer.metadata(), headers={"Date": formatdate(int(issuer.clock()) - 600, usegmt=True)})}
    ),
}


@pytest.mark.parametrize("case", ISSUERS)
def test_they_agree(case: str, issuer: ScriptedIssuer, compare: Callable[[ScriptedIssuer], None]) -> None:
    issuer.replies["/authorize"].extend([KNOWN, OTHER] * 2)
    ISSUERS[case](issuer)
    if "/authorize" in issuer.always:
        issuer.replies["/authorize"].clear()
    compare(issuer)


def test_they_agree_about_an_authority_that_is_missing(
    tls_issuer: ScriptedIssuer, compare: Callable[[ScriptedIssuer], None]
) -> None:
    compare(tls_issuer)


@pytest.fixture
def compare(
    config_at: MakeConfig, cli_in: CliIn, make_world: MakeWorld, clock: StoppedClock
) -> Callable[[ScriptedIssuer], None]:
    def run(issuer: ScriptedIssuer) -> None:
        path = config_at(issuer)
        path.write_text(path.read_text().replace('redirect_uris = ["http://localhost:0"]\n', ""))
        checked = cli_in(clock=clock)("issuer", "check", "acme", "--client-id", issuer.client_id, "-o", "json")
        said = json.loads(checked.stdout)["item"]["findings"]
        by_level = {level: [each["text"] for each in said if each["level"] == level] for level in ("wrong", "note")}

        results = diagnose(make_world(), *(check.name for check in find_checks() if check.area == "issuer"))
        assert exit_code(results) == checked.code
        failed = [each.finding.message for each in results if each.finding.status == "failed"]
        warned = [each.finding.message for each in results if each.finding.status == "warning"]
        assert [text for text in by_level["wrong"] if not any(text in message for message in failed)] == []
        assert [message for message in failed if not any(text in message for text in by_level["wrong"])] == []
        # It may say less, where a note is good to know and nothing more.
        assert set(warned) <= set(by_level["note"])
        assert bool(failed) is not json.loads(checked.stdout)["item"]["usable"]

    return run
