"""The client credentials grant (RFC 6749, 4.4): the client logs in as itself, and nobody is asked anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from togetherctl.errors import ConfigError, Refused

if TYPE_CHECKING:
    from togetherctl.auth.grants import Accept
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session


@dataclass(frozen=True)
class ClientCredentials:
    """One login of a client. `accept` verifies the tokens and makes the session."""

    provider: Provider
    accept: Accept

    def log_in(self) -> Session:
        """Raises ConfigError without a client secret, and Unreachable, Refused or Untrusted.

        No `offline_access`: with its secret at hand a client needs no refresh token (RFC 6749, 4.4.3).
        """
        profile = self.provider.profile
        if profile.secret is None:
            raise ConfigError(
                "client-credentials needs the client secret, and this profile has none",
                hint=profile.ways.secret,
            )
        scopes = profile.scopes
        try:
            answer = self.provider.client_credentials(scopes)
        except Refused as error:
            if error.error != "invalid_scope" or profile.token == "id":  # noqa: S105 # a kind of token
                raise
            # Some issuers know openid for people only; an access token needs no ID token beside it.
            scopes = tuple(scope for scope in scopes if scope != "openid")
            answer = self.provider.client_credentials(scopes)
        return self.accept(answer, scopes)
