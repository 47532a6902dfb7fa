"""A login, whatever its grant: get tokens, verify who they are for, make a session of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from togetherctl.auth.claims import check_account, expiry, identity
from togetherctl.auth.id_token import verify
from togetherctl.auth.place import choose
from togetherctl.auth.session import Session, Token
from togetherctl.errors import LoginRequired, Refused, Remedy, Untrusted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from togetherctl.auth.answers import TokenAnswer
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.grants.authcode import OpenBrowser
    from togetherctl.auth.place import Place, Way
    from togetherctl.auth.provider import Provider
    from togetherctl.store.choices import Grant, TokenKind
    from togetherctl.store.ways import Ways

_NAMES = {"paste": "pasting", "device-code": "device code", "password": "password"}


@dataclass(frozen=True)
class Login:
    """What a login works with: the issuer, the person, and the place it runs in."""

    provider: Provider
    conversation: Conversation
    open_browser: OpenBrowser
    place: Place
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def log_in(self, grant: Grant) -> Session:
        """A verified session, not yet stored. Raises LoginRequired, Unreachable, Refused, Untrusted and ConfigError."""
        try:
            return self._chosen(grant)
        except Refused as error:
            error.remedy = error.remedy or self._without_offline_access(error)
            raise

    def _without_offline_access(self, error: Refused) -> Remedy | None:
        """What helps a person who may not have offline tokens: Keycloak says so when it is too late to ask for none."""
        profile = self.provider.profile
        if "offline" not in error.description.lower() or profile.offline_access == "never":
            return None
        way = profile.ways.setting('offline_access = "never"', place=" in the profile")
        return Remedy(f"the issuer does not let this account have the scope offline_access; {way} leaves it out")

    def _chosen(self, grant: Grant) -> Session:
        if grant != "auto":
            return self._by(grant)
        profile = self.provider.profile
        username = profile.username is not None
        elsewhere = bool(self.place.without_browser) and not username
        offered = elsewhere and self.provider.device_endpoint is not None
        choice = choose(self.place, username=username, device_code=offered)
        if choice.grant == "device-code" and not self.conversation.is_seen:
            # Nobody could enter it, and the client would wait until it expires.
            raise LoginRequired(
                f"login required: {choice.why}, so a device code would have to be shown, and there is no terminal",
                hint=profile.ways.login,
            )
        if choice.why:
            self.conversation.say(f"Logging in by {_NAMES[choice.grant]}, because {choice.why}.")
        if choice.grant != "device-code":
            return self._by(choice.grant)
        return self._by_device_code_or_paste()

    def _by_device_code_or_paste(self) -> Session:
        from togetherctl.auth.grants.device_code import DeviceCodesRefused

        try:
            return self._by("device-code")
        except DeviceCodesRefused as error:
            self.conversation.warn(f"no device code for this client: {error.message}; going on with pasting")
            return self._by("paste")

    def _by(self, way: Way) -> Session:
        if way == "authcode":
            from togetherctl.auth.grants.authcode import AuthorizationCode

            grant = AuthorizationCode(self.provider, self.conversation, self.open_browser, self._accept, self.clock)
            return grant.log_in()
        if way == "device-code":
            from togetherctl.auth.grants.device_code import DeviceAuthorization

            opener = (lambda _url: None) if self.place.without_browser else self.open_browser
            return DeviceAuthorization(
                self.provider, self.conversation, opener, self._accept, self.clock, self.sleep
            ).log_in()
        if way == "paste":
            from togetherctl.auth.grants.paste import Paste

            return Paste(self.provider, self.conversation, self._accept).log_in()
        if way == "password":
            from togetherctl.auth.grants.password import Password

            return Password(self.provider, self.conversation, self._accept).log_in()
        from togetherctl.auth.grants.client_credentials import ClientCredentials

        return ClientCredentials(self.provider, self._accept_client).log_in()

    def _accept(self, answer: TokenAnswer, scopes: Sequence[str], nonce: str | None = None) -> Session:
        session = verified_session(self.provider, answer, scopes=scopes, nonce=nonce, now=self.clock())
        self._explain_no_refresh_token(answer, scopes)
        return session

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

    def _accept_client(self, answer: TokenAnswer, scopes: Sequence[str], nonce: str | None = None) -> Session:
        return verified_session(
            self.provider,
            answer,
            scopes=scopes,
            nonce=nonce,
            now=self.clock(),
            known_as=self.provider.profile.client_id,
        )


def verified_session(
    provider: Provider,
    answer: TokenAnswer,
    *,
    scopes: Sequence[str],
    nonce: str | None,
    now: float,
    known_as: str | None = None,
) -> Session:
    """The session these tokens make, after the ID token's signature and claims held. Raises Untrusted.

    `scopes` were asked for, and count as granted where the issuer does not say (RFC 6749, 5.1); `nonce` is compared
    where the grant has one. Where the cluster gets the access token, the ID token may be missing: the identity is then
    `known_as`, or unknown.
    """
    profile = provider.profile
    _check_presence(profile.token, answer, profile.ways, client=known_as is not None)
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
                f"this profile accepts only {profile.account}, and the issuer gave no ID token that says who logged in",
                hint="does this client have the scope openid at the issuer?",
            )
        return session
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
    return replace(
        session,
        subject=str(claims["sub"]),
        identity=identity(claims),
        id_token=Token(answer.id_token, now, expiry(claims)),
    )


def _check_presence(wanted: TokenKind, answer: TokenAnswer, ways: Ways, *, client: bool) -> None:
    """Raises Untrusted unless the token the cluster gets is there."""
    if wanted == "access" and answer.access_token is None:
        raise Untrusted("the issuer gave no access token")
    if wanted == "id" and answer.id_token is None:
        raise Untrusted(
            "the issuer gave no ID token" + (", as is usual for a client that logs in as itself" if client else ""),
            hint="does this client have the scope openid at the issuer? If the API server takes access tokens: "
            + ways.setting('token = "access"'),
        )
