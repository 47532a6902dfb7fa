"""Ending a session at the issuer (RFC 7009)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session


def revoke(provider: Provider, session: Session) -> bool:
    """Revoke the refresh token, then the access token; False where the issuer can revoke neither.

    The refresh token goes first: it is the one that lives on. Raises Unreachable and Refused.
    """
    revoked = False
    if session.refresh_token is not None:
        revoked = provider.revoke(session.refresh_token, "refresh_token")
    if session.access_token is not None:
        revoked = provider.revoke(session.access_token.value, "access_token") or revoked
    return revoked
