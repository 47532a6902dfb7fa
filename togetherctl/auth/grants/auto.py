"""The grant `auto`: choose the grant that fits where the login runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.auth.grants import GrantSpec, authcode, device_code, password, paste
from togetherctl.errors import LoginRequired

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.auth.session import Session


@dataclass(frozen=True)
class GrantChoice:
    """A grant, and why it was chosen; `why` is empty where that goes without saying."""

    grant: GrantSpec
    why: str = ""


def choose_grant(place: LoginEnvironment, *, username: bool, device_code_offered: bool) -> GrantChoice:
    """What `auto` means at `place`. `username`: the profile names one."""
    if username:
        return GrantChoice(password.SPEC, "the profile names a user")
    why = place.without_browser
    if not why:
        return GrantChoice(authcode.SPEC)
    if device_code_offered:
        return GrantChoice(device_code.SPEC, why)
    return GrantChoice(paste.SPEC, f"{why} and the issuer offers no device codes")


def log_in(login: Login) -> Session:
    """Raises LoginRequired where only a device code would do and no person could see it, else as the grant does."""
    profile, conversation = login.provider.profile, login.conversation
    username = profile.username is not None
    elsewhere = bool(login.place.without_browser) and not username
    offered = elsewhere and login.provider.device_endpoint is not None
    choice = choose_grant(login.place, username=username, device_code_offered=offered)
    by_device_code = choice.grant is device_code.SPEC
    if by_device_code and not conversation.is_seen:
        # No person could enter it, and the client would wait until it expires.
        raise LoginRequired(
            f"login required: {choice.why}, so a device code would have to be shown, and there is no terminal",
            hint=profile.ways.login,
        )
    if choice.why:
        conversation.say(f"Logging in by {choice.grant.noun}, because {choice.why}.")
    try:
        return choice.grant.log_in(login)
    except device_code.DeviceCodesRefused as error:
        conversation.warn(f"no device code for this client: {error.message}; going on with pasting")
        return paste.SPEC.log_in(login)


SPEC = GrantSpec(
    "what fits this machine", "what fits this machine", log_in, is_non_interactive=password.SPEC.is_non_interactive
)
