"""Kubernetes clients of all languages against the shim, as `docs/clients.md` tells their users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.real.clients import installing
from tests.real.clients.conftest import SECONDS, Around

if TYPE_CHECKING:
    from tests.conftest import Run

# One request each second, over three lifetimes of a token.
REQUESTS = 3 * SECONDS + 4


@dataclass(frozen=True)
class Client:
    """One client: how its program is started, and what its users have to know.

    `renews`: a process that goes on gets new tokens by itself. `says`: the program sees our sentence where the plugin
    ends with 3; else it `goes on` with requests that have no token. `at_once`: one process may send requests at once.
    """

    name: str
    start: Callable[[], list[str]]
    api_version: str = "v1"
    renews: bool = True
    says: bool = True
    goes_on: bool = False
    at_once: bool = True
    renewing: str = ""


def of_python(name: str) -> Callable[[], list[str]]:
    return lambda: [*installing.python(), name]


CLIENTS = [
    Client("kubernetes", of_python("kubernetes"), goes_on=True),
    Client("kubernetes_asyncio", of_python("kubernetes_asyncio"), renews=False, renewing="1"),
    Client("kr8s", of_python("kr8s")),
    # Its own page says that a client is for one thread.
    Client("lightkube", of_python("lightkube"), api_version="v1beta1", at_once=False),
    Client("pykube-ng", of_python("pykube-ng"), api_version="v1beta1"),
    Client("client-node", installing.node),
    Client("fabric8", lambda: installing.java("Fabric8"), goes_on=True),
    Client("client-java", lambda: installing.java("Official"), renews=False, goes_on=True, renewing="1"),
    Client("kube", installing.rust),
]
each = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@pytest.fixture
def program(client: Client, around: Around, cli: Run) -> list[str]:
    """The program, and a kubeconfig that its client reads."""
    words = client.start()
    done = cli("kubeconfig", "write", "gpu", "--api-version", client.api_version, **around.real.environ)
    assert done.code == 0, done.stderr
    return words


@each
def test_a_first_login_and_then_the_session(client: Client, program: list[str], around: Around) -> None:
    first = around.run(program, "1", "0")
    assert first.lines == ["200"], first.text
    # Nothing that we say on the way spoils the answer.
    assert around.bare == []
    assert around.visits == 1, client.name
    again = around.run(program, "2", "0", TOGETHERCTL_LOGIN="never")
    assert again.lines == ["200", "200"], again.text
    assert around.visits == 1


@each
def test_three_lifetimes_in_one_process(client: Client, program: list[str], around: Around) -> None:
    answered = around.run(program, str(REQUESTS), "1")
    assert len(answered.lines) == REQUESTS, answered.text
    if client.renews:
        assert set(answered.lines) == {"200"}, answered.text
    else:
        # As the page says: it keeps its first token for ever.
        assert (answered.lines[0], answered.lines[-1]) == ("200", "401")
    assert around.visits == 1


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.renewing], ids=lambda client: client.name)
def test_what_the_page_says_to_set_keeps_it_going(client: Client, program: list[str], around: Around) -> None:
    answered = around.run(program, str(REQUESTS), "1", RENEW_SECONDS=client.renewing)
    assert (len(answered.lines), set(answered.lines)) == (REQUESTS, {"200"}), answered.text


@each
def test_a_plugin_that_may_not_log_in(client: Client, program: list[str], around: Around) -> None:
    answered = around.run(program, "1", "0", TOGETHERCTL_LOGIN="never")
    assert "togetherctl login acme" in answered.text
    if client.goes_on:
        assert answered.lines == ["401"], answered.text
        assert around.bare
    else:
        assert [line[:7] for line in answered.lines] == ["error: "], answered.text
        assert around.bare == []
    assert around.visits == 0


@each
def test_twenty_requests_at_once(client: Client, program: list[str], around: Around) -> None:
    if not client.at_once:
        pytest.skip(f"{client.name} is for one thread")
    answered = around.run(program, "at-once", "20")
    assert answered.lines == ["200"] * 20, answered.text
    assert around.visits == 1


def test_helm(around: Around, cli: Run) -> None:
    words = [*installing.helm(), "list", "--namespace", "default"]
    done = cli("kubeconfig", "write", "gpu", **around.real.environ)
    assert done.code == 0, done.stderr
    refused = around.run(words, TOGETHERCTL_LOGIN="never")
    assert "togetherctl login acme" in refused.text
    for _ in range(3):
        listed = around.run(words)
        assert "NAME" in listed.text, listed.text
    assert around.visits == 1
