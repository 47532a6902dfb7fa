"""What a new grant needs:

a file like this one's first half, a line in the registry, and a word in the configuration's list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from togetherctl.auth.engine import Outcome, Policy
from togetherctl.auth.grants import GrantSpec, registry
from togetherctl.auth.grants.registry import is_non_interactive

if TYPE_CHECKING:
    import pytest

    from tests.conftest import MakeWorld
    from tests.support.issuer import ScriptedIssuer
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session


def log_in(login: Login) -> Session:
    """Trade a token of a machine for a person's tokens (RFC 8693, 2.1)."""
    scopes = login.provider.profile.scopes
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "the-token-of-this-machine",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "scope": " ".join(scopes),
    }
    return login.accept(login.provider.request_tokens(form), scopes)


SPEC = GrantSpec(
    "a token of this machine", "token exchange", log_in, needs_browser=False, is_non_interactive=lambda _: True
)


def test_a_new_grant_logs_in(
    make_world: MakeWorld, issuer: ScriptedIssuer, acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration's list of words is left out here: only a person's `config.toml` is checked against it."""
    assert acme.exists()
    known: dict[Any, GrantSpec] = {**dict(registry.GRANTS.items()), "token-exchange": SPEC}
    monkeypatch.setattr(registry, "GRANTS", known)
    world = make_world()
    profile = world.config.profile("acme")
    grant: Any = "token-exchange"
    assert is_non_interactive(profile, grant)
    session, outcome = world.engine.login(profile, Policy(ask=False), grant=grant)
    assert (outcome, session.issuer) == (Outcome.LOGGED_IN, issuer.url)
    grants = [asked.form["grant_type"] for asked in issuer.asked if asked.path == "/token"]
    assert grants == ["urn:ietf:params:oauth:grant-type:token-exchange"]
