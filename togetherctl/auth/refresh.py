"""Refresh a session at its issuer: trade its refresh token for new tokens (RFC 6749, 6).

This happens at every expiry, while a person waits for kubectl, so it is one request and loads neither the OAuth client
nor the JWT library.
"""

from __future__ import annotations

from collections.abc import Callable

from togetherctl.auth import claims as id_claims
from togetherctl.auth.client_auth import ClientCredentials, post_as
from togetherctl.auth.session import Session, Token
from togetherctl.auth.time_limits import LONGEST_REFRESH_PAUSE, REFRESH_PAUSES
from togetherctl.auth.token_response import NotThere, RefusedForGood, TokenAnswer, UnusableAnswer, tokens
from togetherctl.errors import LoginRequired, Refused, Unreachable, Untrusted
from togetherctl.http_failures import retry
from togetherctl.records import NamedTuple, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.discovery import Discovery, Metadata
    from togetherctl.config.profile import Profile
    from togetherctl.transport import HTTP

# What says "try again" and did nothing; a gateway (502, 504) may stand before an issuer that did.
_TRY_AGAIN = frozenset({408, 425, 429, 500, 503})


class NoNewToken(LoginRequired):
    """The issuer refreshed the session, but not the token that clusters get from it."""

    @classmethod
    def of(cls, profile: Profile) -> NoNewToken:
        """What happened, and what would end it; the command to run is a login."""
        kind = "ID" if profile.token == "id" else profile.token  # noqa: S105 # a kind of token
        access = profile.ways.setting('token = "access"', place=" in the profile")
        way = (
            f" If the API server takes access tokens, {access} ends this; else ask the issuer's "
            "operator for ID tokens on refresh."
        )
        return cls(
            f"login required: the issuer refreshed the session without a new {kind} token, the one this profile gives "
            f"to clusters; the refresh token is kept.{way if kind == 'ID' else ''}",
            hint=profile.ways.login,
        )


class Refreshed(NamedTuple):
    """The session to store before anything of it is used, and why its new tokens cannot be trusted, if they cannot.

    An answer that cannot be trusted still spent the old refresh token, so the new one is kept either way.
    """

    session: Session
    untrusted: Untrusted | None = None


def refresh(
    profile: Profile,
    session: Session,
    *,
    credentials: ClientCredentials,
    discovery: Discovery,
    http: HTTP,
    clock: Callable[[], float],
    sleep: Callable[[float], None] | None,
) -> Refreshed:
    """Ask the token endpoint, and again after a pause where that is safe; without a `sleep` only once.

    Raises RefusedForGood, RefusedClient, Refused, and Unreachable after the last attempt.
    """
    if session.refresh_token is None:
        raise RefusedForGood("there is no refresh token")
    form = {
        "grant_type": "refresh_token",
        "refresh_token": session.refresh_token,
        # Said again because some issuers give no ID token otherwise: what was granted, and openid.
        "scope": " ".join(dict.fromkeys(["openid", *session.scope.split()])),
    }

    def post(metadata: Metadata) -> TokenAnswer:
        if metadata.token_endpoint is None:
            raise Untrusted("the issuer's metadata names no token endpoint")
        supported = metadata.token_endpoint_auth_methods_supported
        return tokens(post_as(credentials, http, metadata.token_endpoint, form, supported))

    def ask() -> TokenAnswer:
        metadata = _read_metadata(discovery)
        try:
            return post(metadata)
        except NotThere as error:
            # The endpoint is gone: perhaps it moved since the metadata was kept.
            moved = _read_metadata(discovery, fresh=True)
            if moved.token_endpoint == metadata.token_endpoint:
                gone = f"the issuer's token endpoint {metadata.token_endpoint} does not exist (HTTP {error.status})"
                raise Refused(gone, status=error.status) from None
        return post(moved)

    def may_wait(error: Unreachable, seconds: float) -> bool:
        # A request without an answer, or behind a gateway that had none, may have spent the token: asking again could
        # look like theft and end the session.
        safe = not error.sent or error.status in _TRY_AGAIN
        return safe and seconds <= min(LONGEST_REFRESH_PAUSE, http.seconds_left)

    try:
        answer = retry(ask, REFRESH_PAUSES, sleep, may_wait) if sleep else ask()
    except UnusableAnswer as error:
        return Refreshed(_rotate(session, error.refresh_token), error)
    rotated = _rotate(session, answer.refresh_token)
    try:
        return Refreshed(_with_tokens(profile, rotated, answer, discovery, clock()))
    except Untrusted as error:
        return Refreshed(rotated, error)


def _rotate(session: Session, refresh_token: str | None) -> Session:
    """The session with the refresh token it got instead, which no issuer has refused yet."""
    if refresh_token in (None, session.refresh_token):
        return session
    return replace(session, refresh_token=refresh_token, refused=False)


def _read_metadata(discovery: Discovery, *, fresh: bool = False) -> Metadata:
    """The metadata of an issuer that was there when this session began: one that is not found is away."""
    try:
        return discovery.metadata(fresh=fresh)
    except Untrusted:
        raise
    except Refused as error:
        raise Unreachable(error.message, hint=error.remedy, status=error.status) from None


def _with_tokens(profile: Profile, session: Session, answer: TokenAnswer, discovery: Discovery, now: float) -> Session:
    renewed = replace(session, scope=answer.scope or session.scope, refused=False, last_error=None)
    if answer.access_token is not None:
        renewed = replace(renewed, access_token=answer.access(now))
    if answer.id_token is not None:
        claims = _check_claims(profile, session, answer.id_token, discovery, now)
        # A login that gave an access token alone has named no person yet.
        person = session.subject or str(claims["sub"])
        known_as = session.identity if session.subject else id_claims.identity(claims)
        token = Token(answer.id_token, now, id_claims.expiry(claims))
        renewed = replace(renewed, id_token=token, subject=person, identity=known_as)
    return renewed


def _check_claims(
    profile: Profile, session: Session, id_token: str, discovery: Discovery, now: float
) -> id_claims.Claims:
    issuer, client_id = profile.issuer.url, profile.client_id
    if profile.issuer.connection.insecure or not issuer.startswith("https:"):
        # Nothing vouched for who answered, so the signature has to.
        from togetherctl.auth.id_token import verify

        claims = verify(id_token, keys=discovery.keys, issuer=issuer, client_id=client_id, now=now)
    else:
        claims = id_claims.check_refreshed(id_token, issuer=issuer, client_id=client_id, now=now)
    if session.subject:
        id_claims.check_same_person(claims, issuer=session.issuer, subject=session.subject)
    id_claims.check_account(claims, profile)
    return claims
