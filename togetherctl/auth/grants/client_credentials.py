"""The client credentials grant (RFC 6749, 4.4): the client logs in as itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from togetherctl.auth.grants import GrantSpec
from togetherctl.errors import ConfigError, Refused

if TYPE_CHECKING:
    from togetherctl.auth.login import Login
    from togetherctl.auth.oidc_client import OidcClient
    from togetherctl.auth.session import Session
    from togetherctl.auth.token_response import TokenAnswer


def log_in(login: Login) -> Session:
    """Raises ConfigError without a client secret, and Unreachable, Refused or Untrusted.

    No `offline_access`: with its secret at hand a client needs no refresh token (RFC 6749, 4.4.3).
    """
    profile = login.provider.profile
    if profile.secret is None:
        raise ConfigError(
            "client-credentials needs the client secret, and this profile has none",
            hint=profile.ways.secret,
        )
    scopes = profile.scopes
    try:
        answer = _request(login.provider, scopes)
    except Refused as error:
        if error.error != "invalid_scope" or profile.token == "id":  # noqa: S105 # a kind of token
            raise
        # Some issuers know openid for people only; an access token needs no ID token beside it.
        scopes = tuple(scope for scope in scopes if scope != "openid")
        answer = _request(login.provider, scopes)
    return login.accept(answer, scopes, client=True)


def _request(provider: OidcClient, scopes: Sequence[str]) -> TokenAnswer:
    """Tokens for the client itself (RFC 6749, 4.4.2). Raises Unreachable, Refused and Untrusted."""
    provider.read_metadata_again()
    own = {"grant_type": "client_credentials", **({"scope": " ".join(scopes)} if scopes else {})}
    return provider.request_tokens({**provider.profile.auth_params, **own})


SPEC = GrantSpec(
    title="the client itself, with its secret",
    noun="client credentials",
    log_in=log_in,
    needs_browser=False,
    is_non_interactive=lambda _profile: True,
    for_client=True,
)
