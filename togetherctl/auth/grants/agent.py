"""The grant `agent`: no login here, an agent that another machine forwards gives the credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.agent_client import fetch_credential
from togetherctl.auth.claims import expiry, identity, read_claims
from togetherctl.auth.grants import GrantSpec
from togetherctl.auth.session import Session, Token
from togetherctl.errors import Untrusted

if TYPE_CHECKING:
    from togetherctl.auth.login import Login


def log_in(login: Login) -> Session:
    """Raises LoginRequired where a login is needed on the other machine, Unreachable, Refused and Untrusted.

    The claims are not verified: what an agent gives is believed no more than its socket, and the cluster judges it.
    """
    profile, now = login.provider.profile, login.clock()
    got = fetch_credential(login.environ, profile.called_there)
    try:
        claims = read_claims(got.token)
        subject, who, ends = str(claims["sub"]), identity(claims), expiry(claims)
    except (Untrusted, KeyError):
        # Any text is a token, and some clusters take access tokens.
        subject, who, ends = "", "unknown", got.ask_again_at
    token = Token(got.token, now, max(ends, got.ask_again_at))
    return Session(
        issuer=profile.issuer.url,
        client_id=profile.client_id,
        subject=subject,
        identity=who,
        id_token=token if profile.token == "id" else None,  # noqa: S105 # a kind of token
        access_token=None if profile.token == "id" else token,  # noqa: S105 # as above
    )


SPEC = GrantSpec(
    title="what an agent gives that another machine forwards",
    noun="a forwarded agent",
    log_in=log_in,
    needs_browser=False,
    is_non_interactive=lambda _profile: True,
)
