"""The password grant (RFC 6749, 4.3), which RFC 9700, 2.4 advises against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.auth.grants import GrantSpec
from togetherctl.auth.login_advice import put_before
from togetherctl.errors import LoginRequired, Refused

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile


def log_in(login: Login) -> Session:
    """Raises LoginRequired where the password must be asked for and cannot, and Unreachable, Refused or Untrusted."""
    provider, conversation = login.provider, login.conversation
    profile, seconds = provider.profile, provider.profile.login_timeout
    if not conversation.can_ask and not _has_password(profile):
        raise LoginRequired(
            "login required: the password has to be typed, and there is no terminal to type it at",
            hint=profile.ways.login,
        )
    conversation.warn(
        "with the password grant this program sees your password; the standard advises against it (RFC 9700, 2.4). "
        "Where the issuer can do it, use authcode or device-code"
    )
    if not _has_password(profile):
        login.opened_at(profile.issuer.url)
    try:
        username = profile.username or conversation.ask_line("User name: ", seconds)
        if profile.password:
            password = profile.password()
        else:
            password = conversation.ask_secret(f"Password of {username} at {profile.issuer.url}: ", seconds)
    except (TimeoutError, EOFError):
        raise LoginRequired("login required: no password was typed", hint=profile.ways.login) from None
    own = {"grant_type": "password", "username": username, "password": password}
    try:
        answer, scopes = provider.ask_for_scopes(
            lambda scopes: provider.request_tokens({**profile.auth_params, **own, "scope": " ".join(scopes)})
        )
    except Refused as error:
        raise _explain(error, profile) from None
    return login.accept(answer, scopes)


def _explain(error: Refused, profile: Profile) -> Refused:
    # Dex says access_denied where RFC 6749 says invalid_grant.
    if error.error in ("invalid_grant", "access_denied"):
        words = "the user name or the password is wrong, or this account may not log in this way"
        error.remedy = put_before(words, profile.ways.login)
    elif error.error in ("unauthorized_client", "unsupported_grant_type"):
        words = f"the issuer does not allow the password grant for client {profile.client_id}; a browser needs none"
        error.remedy = put_before(words, profile.ways.by_grant("authcode"))
    return error


def _has_password(profile: Profile) -> bool:
    return profile.username is not None and profile.password is not None


SPEC = GrantSpec(
    "user name and password, typed here", "password", log_in, needs_browser=False, is_non_interactive=_has_password
)
