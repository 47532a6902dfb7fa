"""Logging in by each grant, at an issuer that does what a test tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from togetherctl.auth.engine import Policy
from togetherctl.auth.login_environment import LoginEnvironment

if TYPE_CHECKING:
    from tests.conftest import MakeConfig, MakeWorld
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.auth.session import Session
    from togetherctl.wiring import World

SSH = LoginEnvironment(ssh=True)


class LogIn(Protocol):
    """One login in a fresh configuration with these keys in its profile; `issuer_keys` go into its issuer."""

    def __call__(
        self, keys: str = "", *, issuer_keys: str = "", place: LoginEnvironment = SSH, **parts: Any
    ) -> Session: ...


@pytest.fixture
def world_with(config_at: MakeConfig, issuer: ScriptedIssuer, make_world: MakeWorld) -> Any:
    """A world whose configuration has these keys in its profile."""

    def make(keys: str = "", *, issuer_keys: str = "", place: LoginEnvironment = SSH, **parts: Any) -> World:
        config_at(issuer, issuer_keys, keys)
        return make_world(place=place, **parts)

    return make


@pytest.fixture
def log_in(world_with: Any) -> LogIn:
    def act(keys: str = "", *, issuer_keys: str = "", place: LoginEnvironment = SSH, **parts: Any) -> Session:
        world = world_with(keys, issuer_keys=issuer_keys, place=place, **parts)
        session, _ = world.engine.login(world.config.profile("acme"), Policy(), force=True)
        return session  # type: ignore[no-any-return] # the world is one of several a test may bring

    return act
