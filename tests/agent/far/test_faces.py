"""What commands say of a profile whose credential a forwarded agent gives."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.agent import ScriptedAgent, failure
from tests.support.token_shapes import key, signed

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def token(agent: ScriptedAgent, configured: Path) -> str:
    """A JWT whose signature nothing here can check; the configuration is old enough for ready files."""
    now = int(time.time())
    claims = {"iss": "https://login.acme.com", "sub": "7", "email": "me@acme.com", "exp": now + 3600, "iat": now}
    made = signed({"alg": "RS256"}, claims, key("RS256", "one"))
    agent.hands_out("gpu", made)
    os.utime(configured, (now - 100, now - 100))
    return made


@pytest.mark.usefixtures("token")
def test_login_says_what_it_is(cli: Run, agent: ScriptedAgent) -> None:
    done = cli("login", "gpu")
    assert done.code == 0, done.stderr
    assert "The agent gives profile gpu a token of me@acme.com, not verified here" in done.stderr
    assert "POST /v1/logins" not in agent.asked


def test_login_asks_for_one_there(cli: Run, agent: ScriptedAgent, token: str) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")

    def log_in(_request: object) -> tuple[int, dict[str, object]]:
        agent.hands_out("gpu", token)
        return 200, {"profile": "gpu", "logged_in": True}

    agent.answers["POST /v1/logins"] = log_in
    done = cli("login", "gpu")
    assert done.code == 0, done.stderr
    assert agent.asked.count("POST /v1/logins") == 1
    assert cli("login", "gpu", "--force").code == 0
    assert agent.asked.count("POST /v1/logins") == 2
    assert cli("login", "gpu", TOGETHERCTL_NO_INPUT="1").code == 0


def test_login_without_a_person(cli: Run, agent: ScriptedAgent) -> None:
    agent.answers["GET /v1/credentials/gpu"] = failure(401, "login_required", "login required: it has expired")
    assert cli("login", "gpu", TOGETHERCTL_NO_INPUT="1").failure == (3, "login_required", "togetherctl login gpu")
    assert "POST /v1/logins" not in agent.asked


def test_no_other_grant_can_be_had(cli: Run) -> None:
    done = cli("login", "gpu", "--grant", "device-code")
    assert done.failure[:2] == (2, "usage")
    assert "has no login here" in done.stderr


def test_status_shows_what_lies_ready(cli: Run, process: Run, token: str) -> None:
    before = json.loads(cli("status", "-o", "json").stdout)["items"]
    assert [one["state"] for one in before] == ["none"]
    assert process("get-token", "--profile", "gpu").code == 0
    [one] = json.loads(cli("status", "-o", "json").stdout)["items"]
    assert (one["state"], one["identity"], one["storage"]) == ("valid", "me@acme.com", "memory")
    shown = cli("status")
    assert "gpu: a forwarded agent gives the credential, which is not verified here." in shown.stderr
    assert "then login" not in shown.stdout
    assert token not in shown.stdout


def test_logout_forgets_what_was_given(cli: Run, process: Run, runtime: Path, token: str) -> None:
    assert process("get-token", "--profile", "gpu").code == 0
    ready = runtime / "togetherctl" / "ready" / "gpu"
    assert token in ready.read_text()
    done = cli("logout", "gpu", "--yes")
    assert done.code == 0, done.stderr
    assert "Profile gpu has no session here: that of the agent stays" in done.stderr
    assert not ready.exists()


@pytest.mark.usefixtures("token")
def test_doctor_asks_the_agent_and_no_issuer(cli: Run, agent: ScriptedAgent) -> None:
    agent.offers({"name": "gpu", "forward": "ask"})
    done = cli("doctor", "gpu", "-o", "json")
    found = json.loads(done.stdout)["items"]
    assert [one["message"] for one in found if one["check"] == "login-agent"] == [
        f"it answers at {agent.path}, and lets gpu out"
    ]
    assert not [one for one in found if one["check"].startswith("issuer-") and one["check"] != "issuer-proxy"]
    agent.offers()
    done = cli("doctor", "gpu", "-o", "json")
    found = json.loads(done.stdout)["items"]
    [failed] = [one for one in found if one["check"] == "login-agent" and one["status"] == "failed"]
    assert failed["hint"] == "where the agent runs: togetherctl profile set gpu forward=ask"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("storage=keyring", "keeps no session here; leave storage out"),
        ("storage=file", "keeps no session here; leave storage out"),
    ],
)
def test_nothing_of_it_is_ever_stored(cli: Run, setting: str, said: str) -> None:
    done = cli("profile", "set", "gpu", setting, "--yes")
    assert done.code == 2
    assert said in done.stderr


def test_without_a_name_at_the_agent_it_is_no_profile(cli: Run) -> None:
    done = cli("profile", "unset", "gpu", "session", "--yes")
    assert done.code == 2
    assert 'grant = "agent" needs session' in done.stderr
