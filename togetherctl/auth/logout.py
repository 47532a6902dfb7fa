"""Ending a session at the issuer (RFC 7009)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.session import Session


class Revocation(Enum):
    """What came of asking; true where the issuer revoked something. The value is a sentence for people."""

    DONE = "The issuer revoked the tokens."
    NOT_OFFERED = "The issuer cannot revoke tokens; they were deleted here, and end by themselves."
    NOT_THIS_CLIENT = (
        "The issuer does not let a client without a secret revoke tokens; "
        "they were deleted here, and end by themselves."
    )

    def __bool__(self) -> bool:
        return self is Revocation.DONE

    @property
    def sentence(self) -> str:
        return self.value


def revoke(provider: Provider, session: Session) -> Revocation:
    """Revoke the refresh token, then the access token.

    The refresh token goes first: it is the one that lives on. Raises Unreachable and Refused.
    """
    came = Revocation.NOT_OFFERED
    if session.refresh_token is not None:
        came = provider.revoke(session.refresh_token, "refresh_token")
    if session.access_token is not None and came is not Revocation.NOT_THIS_CLIENT:
        access = provider.revoke(session.access_token.value, "access_token")
        came = came or access
    return came
