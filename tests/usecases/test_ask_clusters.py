"""Asking many clusters at once: what is said stays on one thread, and one session's token is taken once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.cluster import ScriptedCluster
from togetherctl.auth.engine import Policy
from togetherctl.errors import LoginRequired
from togetherctl.usecases import ask_clusters as module
from togetherctl.usecases.ask_clusters import ClusterAnswer, ask_clusters

if TYPE_CHECKING:
    from tests.conftest import MakeWorld, WriteConfig
    from tests.support.browser import ScriptedBrowser
    from tests.support.conversation import Remembered
    from tests.support.issuer import ScriptedIssuer


@pytest.fixture
def server() -> Iterator[ScriptedCluster]:
    with ScriptedCluster() as running:
        yield running


@pytest.fixture
def many(write_config: WriteConfig, issuer: ScriptedIssuer, server: ScriptedCluster) -> None:
    """Two profiles that share a session, one that does not, and a dozen clusters."""
    text = f'version = 1\n[issuers.acme]\nurl = "{issuer.url}"\n'
    for name, scopes in (("acme", '"email"'), ("shared", '"email"'), ("other", '"groups"')):
        text += f'[profiles.{name}]\nissuer = "acme"\nclient_id = "the-client"\nscopes = [{scopes}]\n'
        text += 'redirect_uris = ["http://localhost:0"]\n'
    for number in range(12):
        profile = ("acme", "shared", "other")[number % 3]
        text += f'[clusters.c{number}]\nprofile = "{profile}"\nserver = "{server.url}"\n'
    write_config(text)


@pytest.mark.usefixtures("many")
def test_no_login_opens_unless_told(make_world: MakeWorld, browser: ScriptedBrowser, server: ScriptedCluster) -> None:
    world = make_world(browser=browser)
    probed = ask_clusters(world, world.config.clusters())
    assert [type(one.error) for one in probed] == [LoginRequired] * 12
    assert (browser.opened, server.asked.total()) == ([], 0)

    probed = ask_clusters(world, world.config.clusters(), policy=Policy(ask=True))
    assert [one.cluster.name for one in probed] == [f"c{number}" for number in range(12)]
    assert all(one.view and one.view.username == "me@acme.com" for one in probed)
    # Two sessions, each with one token.
    assert (len(browser.opened), len(set(server.bearers))) == (2, 2)


@pytest.mark.usefixtures("many")
def test_everything_is_said_on_the_callers_thread(
    make_world: MakeWorld, browser: ScriptedBrowser, server: ScriptedCluster, conversation: Remembered
) -> None:
    world = make_world(browser=browser)
    server.seconds = 0.05
    threads: list[threading.Thread] = []
    told: list[str] = []

    def each(probed: ClusterAnswer) -> None:
        threads.append(threading.current_thread())
        told.append(probed.cluster.name)

    ask_clusters(world, world.config.clusters(), each=each, at_once=3, policy=Policy(ask=True))
    assert set(threads) == {threading.main_thread()}
    assert sorted(told) == sorted(cluster.name for cluster in world.config.clusters())
    assert 2 <= server.most_at_once <= 3
    assert conversation.warned == []


@pytest.mark.usefixtures("many")
def test_a_failure_of_one_session_is_that_of_its_clusters_alone(
    make_world: MakeWorld, browser: ScriptedBrowser
) -> None:
    world = make_world(browser=browser)
    world.engine.login(world.config.profile("acme"), Policy())
    probed = ask_clusters(world, world.config.clusters())
    failed = {one.cluster.name: one.error for one in probed if one.error}
    assert list(failed) == ["c2", "c5", "c8", "c11"]
    assert all(error.sentence().startswith("profile other at http://") for error in failed.values())


@pytest.mark.usefixtures("many")
def test_a_bug_in_a_thread_ends_the_call(
    make_world: MakeWorld, browser: ScriptedBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(browser=browser)

    def broken(*_args: object, **_parts: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "who_am_i", broken)
    with pytest.raises(ZeroDivisionError):
        ask_clusters(world, world.config.clusters(), policy=Policy(ask=True))
