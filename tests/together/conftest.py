"""Whoever tests Together AI's API reaches no other machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.together import ScriptedTogether
from togetherctl.together.api import TogetherAPI

if TYPE_CHECKING:
    from tests.support.canary import Canary
    from tests.support.clock import StoppedClock

MakeAPI = Callable[..., TogetherAPI]


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every address that is connected to or looked up; any but this machine's own fails the test."""
    addresses: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        addresses.append(address[0])
        connect(self, address)

    def looking_up(host: Any, *rest: Any, **named: Any) -> Any:
        addresses.append(host)
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    yield addresses
    new_hosts = [address for address in addresses if address not in ("127.0.0.1", "::1", "localhost")]
    assert not new_hosts, new_hosts


@pytest.fixture
def together(clock: StoppedClock, canary: Canary) -> Iterator[ScriptedTogether]:
    with ScriptedTogether(clock=clock, canary=canary) as running:
        yield running


@pytest.fixture
def make_api(together: ScriptedTogether, environ: dict[str, str], clock: StoppedClock, canary: Canary) -> MakeAPI:
    """The API at the scripted place, with a clock that only sleeping moves."""

    def make(key: str | None = None, *, url: str | None = None) -> TogetherAPI:
        return TogetherAPI(
            key or together.key,
            base_url=url or together.url,
            environ=environ,
            clock=clock,
            sleep=clock.sleep,
            log=lambda line: canary.saw("the log", line),
        )

    return make
