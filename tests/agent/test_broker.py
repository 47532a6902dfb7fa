"""What the agent hands out: by the rule of each profile, from a ready file or one child, and never a secret."""

from __future__ import annotations

import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent.running_agent import Far, RunningAgent, call
from tests.support.issuer import Reply
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.engine import Policy
from togetherctl.auth.session import Session, Token
from togetherctl.records import replace

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.browser import ScriptedBrowser
    from tests.support.canary import Canary
    from tests.support.issuer import Asked, ScriptedIssuer
    from togetherctl.wiring import World

ACME = "/v1/credentials/acme"


@pytest.fixture
def config(config_at: MakeConfig, issuer: ScriptedIssuer) -> Path:
    return let_out(config_at(issuer, profile_keys='forward = "always"'))


def let_out(path: Path) -> Path:
    """A configuration of some time ago, so that ready files can be told from those of another."""
    os.utime(path, (time.time() - 100,) * 2)
    return path


@pytest.fixture
def world(config: Path, make_world: MakeWorld, browser: ScriptedBrowser, agent: RunningAgent) -> World:
    assert config.exists()
    return make_world(browser=browser, XDG_RUNTIME_DIR=agent.environ["XDG_RUNTIME_DIR"])


@pytest.fixture
def session(world: World) -> Session:
    found, _ = world.engine.login(world.config.profile("acme"), Policy())
    return found


def expire(world: World, session: Session) -> None:
    key = world.config.profile("acme").key
    FileSessions(world.paths.sessions).save(key, replace(session, id_token=Token("expired-token", 1.0, 2.0)))


def test_a_good_token_costs_no_child(agent: RunningAgent, session: Session, canary: Canary) -> None:
    agent.start()
    assert session.id_token is not None
    assert call(agent.socket, "GET", "/v1/profiles")[0] == 200
    # The first one may find no ready file.
    assert call(agent.socket, "GET", ACME)[0] == 200
    before = call(agent.control, "GET", "/v1/status")[1]["children"]
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["status"]["token"]) == (200, session.id_token.value)
    assert document["apiVersion"] == "client.authentication.k8s.io/v1"
    assert call(agent.control, "GET", "/v1/status")[1]["children"] == before
    canary.watch("a token", session.id_token.value)
    said = agent.stop()
    canary.saw("what the agent said", said + (agent.state / "log.jsonl").read_text())


def test_many_who_ask_at_once_share_one_refresh(
    agent: RunningAgent, world: World, session: Session, issuer: ScriptedIssuer
) -> None:
    expire(world, session)
    agent.start()
    before = issuer.counts["/token"]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: call(agent.socket, "GET", ACME), range(20)))
    assert {status for status, _ in answers} == {200}
    assert len({document["status"]["token"] for _, document in answers}) == 1
    assert issuer.counts["/token"] == before + 1


def test_no_secret_is_in_any_answer(
    agent: RunningAgent, world: World, session: Session, issuer: ScriptedIssuer
) -> None:
    expire(world, session)
    agent.start()
    answers = [call(agent.socket, "GET", path) for path in (ACME, "/v1/profiles")]
    answers.append(call(agent.control, "GET", "/v1/status"))
    text = json.dumps(answers)
    assert not [token for token in issuer.refresh_tokens if token in text]
    assert session.refresh_token is not None
    assert session.refresh_token not in text


@pytest.mark.usefixtures("config")
def test_without_a_session_a_login_is_required(agent: RunningAgent) -> None:
    agent.start()
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["error"]["code"], document["error"]["exit"]) == (401, "login_required", 3)
    assert document["error"]["hint_command"] == "togetherctl login acme"


def test_an_issuer_that_is_away_is_unreachable(
    agent: RunningAgent, world: World, session: Session, issuer: ScriptedIssuer
) -> None:
    expire(world, session)
    issuer.stop()
    agent.start()
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["error"]["code"], document["error"]["exit"]) == (503, "unreachable", 4)


def test_what_may_not_go_out_is_neither_named_nor_given(
    agent: RunningAgent, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config = let_out(config_at(issuer))
    agent.start()
    assert call(agent.socket, "GET", "/v1/profiles")[1]["profiles"] == []
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["error"]["code"]) == (403, "forbidden")
    assert call(agent.socket, "POST", "/v1/logins", {"profile": "acme"})[0] == 403
    # What the person changes counts for the next request.
    config.write_text(config.read_text().replace("[clusters.east]", 'forward = "always"\n[clusters.east]'))
    [profile] = call(agent.socket, "GET", "/v1/profiles")[1]["profiles"]
    assert (profile["name"], profile["forward"], profile["client_id"]) == ("acme", "always", issuer.client_id)
    [cluster] = profile["clusters"]
    assert (cluster["name"], cluster["server"]) == ("east", "https://127.0.0.1:6443")
    assert call(agent.socket, "GET", ACME)[0] == 401


@pytest.mark.usefixtures("session")
def test_an_invalid_configuration_hands_out_nothing(agent: RunningAgent, config: Path) -> None:
    agent.start()
    assert call(agent.socket, "GET", ACME)[0] == 200
    good = config.read_text()
    config.write_text(good.replace('forward = "always"', 'forward = "sometimes"'))
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["error"]["code"]) == (500, "config")
    assert str(config) in document["error"]["message"]
    shown = call(agent.control, "GET", "/v1/status")[1]
    assert shown["problem"]["code"] == "config"
    assert [profile["name"] for profile in shown["profiles"]] == ["acme"]
    config.write_text(good)
    assert call(agent.socket, "GET", ACME)[0] == 200
    assert "nothing is handed out" in agent.stop()


@pytest.mark.usefixtures("session")
def test_asking_is_answered_for_each_host_by_itself(
    agent: RunningAgent, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    let_out(config_at(issuer, profile_keys='forward = "ask"'))
    agent.start()
    one, two = agent.forward("one"), agent.forward("two")
    from_one, from_two = Far(one, "GET", ACME), Far(two, "GET", ACME)
    agent.answer(agent.question(host="one"), "yes", 60)
    assert from_one.answer()[0] == 200
    agent.answer(agent.question(host="two"), "no")
    status, document = from_two.answer()
    assert (status, document["error"]["code"]) == (403, "forbidden")
    # Remembered for the one that was allowed, and for no other.
    assert call(one, "GET", ACME)[0] == 200
    log = [json.loads(line) for line in (agent.state / "log.jsonl").read_text().splitlines()]
    assert [(entry["host"], entry["answer"]) for entry in log] == [
        ("one", "given"),
        ("two", "forbidden"),
        ("one", "given"),
    ]
    assert (agent.state / "log.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/v1/profiles", 405),
        ("DELETE", ACME, 405),
        ("GET", "/v1/logins", 405),
        ("POST", "/v1/logins", 400),
        ("GET", "/v1/credentials/", 404),
        ("GET", "/v1/credentials/..%2f..%2fetc", 404),
        ("GET", "/v1/credentials/acme%00", 404),
        ("GET", "/v1/credentials/%ff%fe", 404),
        ("GET", "/v1/status", 404),
        ("GET", "/v1/questions", 404),
        ("POST", "/v1/forwards", 404),
        ("GET", "/v2/profiles", 404),
    ],
)
def test_what_is_not_there_is_said(agent: RunningAgent, method: str, target: str, status: int) -> None:
    agent.start()
    found, document = call(agent.socket, method, target)
    assert found == status
    assert document["error"]["message"]


def test_what_cannot_be_noted_is_not_handed_out(agent: RunningAgent, session: Session) -> None:
    assert session.id_token is not None
    agent.start()
    assert call(agent.socket, "GET", ACME)[0] == 200
    log = agent.state / "log.jsonl"
    log.rename(agent.state / "kept")
    log.mkdir()
    status, document = call(agent.socket, "GET", ACME)
    assert (status, document["error"]["code"]) == (500, "storage")
    log.rmdir()
    log.write_text('{"time": "half a li')
    log.chmod(0o600)
    assert call(agent.socket, "GET", ACME)[0] == 200
    [half, whole] = log.read_text().splitlines()
    assert half == '{"time": "half a li'
    assert json.loads(whole)["answer"] == "given"


def test_an_issuer_that_refuses_is_not_asked_at_each_call(
    agent: RunningAgent, world: World, session: Session, issuer: ScriptedIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(world, session)
    usual = issuer.reply
    refused = Reply(401, {"error": "invalid_client"})
    monkeypatch.setattr(issuer, "reply", lambda asked: refused if asked.path == "/token" else usual(asked))
    agent.start()
    answers = {call(agent.socket, "GET", ACME)[0] for _ in range(5)}
    # The part that keeps sessions ahead may have asked too.
    asked = issuer.counts["/token"]
    assert answers == {502}
    for _ in range(5):
        assert call(agent.socket, "GET", ACME)[0] == 502
    assert issuer.counts["/token"] == asked
    # Another login counts at once.
    monkeypatch.setattr(issuer, "reply", usual)
    world.engine.login(world.config.profile("acme"), Policy(), force=True)
    assert call(agent.socket, "GET", ACME)[0] == 200


def test_who_shares_a_session_with_a_stricter_rule_is_told(
    agent: RunningAgent, config_at: MakeConfig, issuer: ScriptedIssuer
) -> None:
    config = config_at(issuer, profile_keys='forward = "always"')
    same = f'issuer = "acme"\nclient_id = "{issuer.client_id}"\nredirect_uris = ["http://localhost:0"]'
    text = f'{config.read_text()}\n[profiles.kept]\n{same}\n[profiles.other]\n{same}\naccount = "me"\n'
    config.write_text(text, encoding="utf-8")
    agent.start()
    assert call(agent.control, "GET", "/v1/status")[1]["opens_too"] == {"acme": ["kept"]}


def test_never_counts_while_the_credential_is_fetched(
    agent: RunningAgent,
    world: World,
    session: Session,
    config: Path,
    issuer: ScriptedIssuer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expire(world, session)
    usual, asked, go_on = issuer.reply, threading.Event(), threading.Event()

    def slow(request: Asked) -> Reply:
        if request.path == "/token":
            asked.set()
            assert go_on.wait(30)
        return usual(request)

    monkeypatch.setattr(issuer, "reply", slow)
    agent.start()
    far = Far(agent.socket, "GET", ACME)
    assert asked.wait(30)
    config.write_text(config.read_text().replace('"always"', '"never"'))
    go_on.set()
    status, document = far.answer()
    assert (status, document["error"]["code"]) == (403, "forbidden")
