"""The password grant (RFC 6749, 4.3), which the standard advises against (RFC 9700, 2.4); kept for who has no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import LoginRequired, Refused, Remedy

if TYPE_CHECKING:
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.grants import Accept
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session


@dataclass(frozen=True)
class Password:
    """One login by user name and password. `accept` verifies the tokens and makes the session."""

    provider: Provider
    conversation: Conversation
    accept: Accept

    def log_in(self) -> Session:
        """Raises LoginRequired where nobody is there to ask, and Unreachable, Refused or Untrusted."""
        profile = self.provider.profile
        if not self.conversation.can_ask and (profile.username is None or profile.password is None):
            raise LoginRequired(
                "login required: the password has to be typed, and there is no terminal to type it at",
                hint=profile.ways.login,
            )
        self.conversation.warn(
            "with the password grant this program sees your password; the standard advises against it (RFC 9700, 2.4). "
            "Where the issuer can do it, use authcode or device-code"
        )
        try:
            username = profile.username or self._ask_username()
            password = profile.password() if profile.password else self._ask_password(username)
        except (TimeoutError, EOFError):
            raise LoginRequired("login required: no password was typed", hint=profile.ways.login) from None
        try:
            answer, scopes = self.provider.asking_for_scopes(
                lambda scopes: self.provider.password(username, password, scopes)
            )
        except Refused as error:
            raise _explained(error) from None
        return self.accept(answer, scopes)

    def _ask_username(self) -> str:
        return self.conversation.ask_line("User name: ", self.provider.profile.login_timeout)

    def _ask_password(self, username: str) -> str:
        profile = self.provider.profile
        return self.conversation.ask_secret(f"Password of {username} at {profile.issuer.url}: ", profile.login_timeout)


def _explained(error: Refused) -> Refused:
    # Dex says access_denied where RFC 6749 says invalid_grant.
    if error.error in ("invalid_grant", "access_denied"):
        error.remedy = Remedy("the user name or the password is wrong, or this account may not log in this way")
    elif error.error in ("unauthorized_client", "unsupported_grant_type"):
        error.remedy = Remedy(
            "the issuer does not allow the password grant for this client; use authcode or device-code"
        )
    return error
