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
    from togetherctl.config.profile import Profile


def log_in(login: Login) -> Session:
    """Raises LoginRequired where a login is needed on the other machine, Unreachable, Refused and Untrusted.

    The claims are not verified: what an agent gives is believed no more than its socket, and the cluster judges it.
    """
    profile = login.provider.profile
    got = fetch_credential(login.environ, profile.called_there)
    return make_session(profile, got.token, obtained_at=login.clock(), ask_again_at=got.ask_again_at)


def make_session(profile: Profile, value: str, *, obtained_at: float, ask_again_at: float) -> Session:
    """The session that a token of an agent makes, which nothing here can renew; times in seconds since 1970."""
    try:
        claims = read_claims(value)
        subject, who, ends = str(claims["sub"]), identity(claims), expiry(claims)
    except (Untrusted, KeyError):
        # Any text is a token, and some clusters take access tokens.
        subject, who, ends = "", "unknown", ask_again_at
    token = Token(value, obtained_at, max(ends, ask_again_at))
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
