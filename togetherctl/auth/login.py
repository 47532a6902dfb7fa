"""A login, whatever its grant: get tokens, verify them, make a session of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from togetherctl.auth.claims import check_account, expiry, identity
from togetherctl.auth.id_token import verify
from togetherctl.auth.login_advice import explain_refusal
from togetherctl.auth.session import Session, Token
from togetherctl.config.types import SESSION_OWNERS
from togetherctl.errors import Refused, Remedy, TogetherctlError, Untrusted, run

if TYPE_CHECKING:
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.auth.oidc_client import OidcClient
    from togetherctl.auth.prompter import Prompter
    from togetherctl.auth.token_response import TokenAnswer
    from togetherctl.config.profile_hints import ProfileHints
    from togetherctl.config.types import TokenKind

_NEVER_OFFLINE = 'offline_access = "never"'


@dataclass(frozen=True)
class Login:
    """What a grant works with: the issuer, the person, and the place the login runs in.

    `open_browser` starts a browser at a URL, if there is one, and reports that URL to `opened_at`. A grant that shows a
    page without it, or asks for a password, reports the page or the issuer itself, before it does.
    """

    provider: OidcClient
    conversation: Prompter
    open_browser: Callable[[str], Opened | None]
    opened_at: Callable[[str], None]
    place: LoginEnvironment
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    environ: Mapping[str, str] = field(default_factory=dict)

    def log_in(self, by: Callable[[Login], Session]) -> Session:
        """A verified session `by` a grant, not yet stored.

        Raises LoginRequired, Unreachable, Refused, Untrusted and ConfigError.
        """
        try:
            return by(self)
        except Refused as error:
            self.explain(error)
            raise

    def explain(self, error: TogetherctlError) -> None:
        """Say of a refusal what a person can do about it, unless that was said already."""
        if error.remedy or not isinstance(error, Refused):
            return
        profile = self.provider.profile
        # A client that logs in as itself asks for no refresh token.
        by_client = SESSION_OWNERS[profile.grant] == "client"
        asked = profile.scopes if by_client or error.error != "invalid_scope" else self.provider.scopes_to_ask()
        error.remedy = self._without_offline_access(error) or explain_refusal(error, profile, asked)

    def accept(
        self, answer: TokenAnswer, scopes: Sequence[str], nonce: str | None = None, *, client: bool = False
    ) -> Session:
        """The session these tokens make, after the ID token's signature and claims held. Raises Untrusted.

        `scopes` were asked for, and count as granted where the issuer does not say (RFC 6749, 5.1); `nonce` is compared
        where the grant has one. Where the cluster gets the access token, the ID token may be missing: then the identity
        is unknown, or the `client` itself where the tokens are the client's own.
        """
        if not client:
            self._explain_no_refresh_token(answer, scopes)
        profile, now = self.provider.profile, self.clock()
        known_as = profile.client_id if client else None
        _check_presence(profile.token, answer, profile.ways, client=client)
        session = Session(
            issuer=profile.issuer.url,
            client_id=profile.client_id,
            subject=known_as or "",
            identity=known_as or "unknown",
            access_token=answer.access(now),
            refresh_token=answer.refresh_token,
            scope=answer.scope or " ".join(scopes),
        )
        if answer.id_token is None:
            if profile.account and (known_as or "").casefold() != profile.account.casefold():
                raise Untrusted(
                    f"only {profile.account} is accepted here, and the issuer gave no ID token that says who logged in",
                    hint="does this client have the scope openid at the issuer?",
                )
            return session
        claims = verify(
            answer.id_token,
            keys=self.provider.discovery.keys,
            issuer=profile.issuer.url,
            client_id=profile.client_id,
            now=now,
            nonce=nonce,
        )
        check_account(claims, profile)
        return replace(
            session,
            subject=str(claims["sub"]),
            identity=identity(claims),
            id_token=Token(answer.id_token, now, expiry(claims)),
        )

    def _without_offline_access(self, error: Refused) -> Remedy | None:
        """What helps a person who may not have offline tokens: Keycloak says so when it is too late to ask for none."""
        profile = self.provider.profile
        if "offline" not in error.description.lower() or profile.offline_access == "never":
            return None
        said = "the issuer does not let this account have the scope offline_access; "
        if profile.name:
            words = f"{said}this leaves it out"
            return run("togetherctl", "profile", "set", profile.name, "offline_access=never", words=words)
        return Remedy(f"{said}{profile.ways.setting(_NEVER_OFFLINE)} leaves it out")

    def _explain_no_refresh_token(self, answer: TokenAnswer, scopes: Sequence[str]) -> None:
        """OpenID Connect Core 1.0, 11: an issuer may leave offline_access out where no consent was asked for."""
        left_out = answer.scope is not None and "offline_access" not in answer.scope.split()
        profile = self.provider.profile
        if answer.refresh_token or not left_out or "offline_access" not in scopes or "prompt" in profile.auth_params:
            return
        way = profile.ways.setting('auth_params = { prompt = "consent" }', place=" in the profile")
        self.conversation.warn(
            "the issuer left out the scope offline_access, and gave no refresh token; "
            f"if it wants to ask for consent first, {way} and another login bring one"
        )


def _check_presence(wanted: TokenKind, answer: TokenAnswer, ways: ProfileHints, *, client: bool) -> None:
    """Raises Untrusted unless the token the cluster gets is there."""
    if wanted == "access" and answer.access_token is None:
        raise Untrusted("the issuer gave no access token")
    if wanted == "id" and answer.id_token is None:
        raise Untrusted(
            "the issuer gave no ID token" + (", as is usual for a client that logs in as itself" if client else ""),
            hint="does this client have the scope openid at the issuer? If the API server takes access tokens: "
            + ways.setting('token = "access"'),
        )
