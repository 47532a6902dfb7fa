"""The registry of grants; a new grant is its own file, a line here and a word in `config.types`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from togetherctl.auth.grants import GrantSpec, agent, authcode, auto, client_credentials, device_code, password, paste

if TYPE_CHECKING:
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Grant

GRANTS: Mapping[Grant, GrantSpec] = {
    "auto": auto.SPEC,
    "authcode": authcode.SPEC,
    "paste": paste.SPEC,
    "device-code": device_code.SPEC,
    "password": password.SPEC,
    "client-credentials": client_credentials.SPEC,
    "agent": agent.SPEC,
}
WITHOUT_BROWSER: frozenset[str] = frozenset(grant for grant, spec in GRANTS.items() if not spec.needs_browser)


def spec_here(profile: Profile, place: LoginEnvironment) -> GrantSpec:
    """How a login of the profile is done at `place`; `auto` as if the issuer offered no device codes."""
    spec = GRANTS[profile.grant]
    if spec is not auto.SPEC:
        return spec
    return auto.choose_grant(place, username=profile.username is not None, device_code_offered=False).grant


def is_non_interactive(profile: Profile, grant: Grant) -> bool:
    """Whether a login by `grant` asks no person and opens nothing, so that it may happen anywhere, like a refresh."""
    return GRANTS[grant].is_non_interactive(profile)
