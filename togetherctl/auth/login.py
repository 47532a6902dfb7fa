"""A login, whatever its grant: get tokens, verify who they are for, make a session of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.auth.claims import check_account, expiry, identity
from togetherctl.auth.grants.authcode import AuthorizationCode
from togetherctl.auth.id_token import verify
from togetherctl.auth.session import Session, Token
from togetherctl.errors import Untrusted, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from togetherctl.auth.authorization import AuthorizationRequest
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.grants.authcode import OpenBrowser
    from togetherctl.auth.provider import Provider
    from togetherctl.auth.token_answer import TokenAnswer
    from togetherctl.store.choices import Grant


def log_in(
    provider: Provider,
    *,
    grant: Grant,
    conversation: Conversation,
    open_browser: OpenBrowser,
    clock: Callable[[], float],
) -> Session:
    """A verified session, not yet stored. Raises LoginRequired, Unreachable, Refused, Untrusted and UsageError."""
    if grant not in ("auto", "authcode"):
        raise UsageError(
            f"this version of togetherctl cannot log in by {grant}",
            hint=f"togetherctl profile set {provider.profile.name} grant=authcode",
        )

    def accept(answer: TokenAnswer, request: AuthorizationRequest) -> Session:
        return verified_session(provider, answer, scopes=request.scopes, nonce=request.nonce, now=clock())

    return AuthorizationCode(provider, conversation, open_browser, accept).log_in()


def verified_session(
    provider: Provider, answer: TokenAnswer, *, scopes: Sequence[str], nonce: str | None, now: float
) -> Session:
    """The session these tokens make, after the ID token's signature and claims held. Raises Untrusted.

    `scopes` were asked for, and count as granted where the issuer does not say (RFC 6749, 5.1); `nonce` is compared
    where the grant has one.
    """
    profile = provider.profile
    if answer.id_token is None:
        raise Untrusted("the issuer gave no ID token", hint="does this client have the scope openid at the issuer?")
    claims = verify(
        answer.id_token,
        keys=provider.discovery.keys,
        issuer=profile.issuer.url,
        client_id=profile.client_id,
        now=now,
        nonce=nonce,
    )
    if profile.account:
        check_account(claims, profile.account)
    return Session(
        issuer=profile.issuer.url,
        client_id=profile.client_id,
        subject=str(claims["sub"]),
        identity=identity(claims),
        id_token=Token(answer.id_token, now, expiry(claims)),
        access_token=answer.access(now),
        refresh_token=answer.refresh_token,
        scope=answer.scope or " ".join(scopes),
    )
