"""The OpenID Connect client of one issuer: Authlib writes the requests, our transport sends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from togetherctl.auth.authorization_request import AuthorizationRequest
from togetherctl.auth.client_auth import ClientCredentials, post_as
from togetherctl.auth.discovery import Discovery, Metadata
from togetherctl.auth.session import Session
from togetherctl.auth.token_response import (
    RefusedClient,
    RefusedForGood,
    Revocation,
    TokenAnswer,
    check_done,
    fields,
    tokens,
)
from togetherctl.config.profile import Profile
from togetherctl.errors import Refused, Untrusted
from togetherctl.transport import HTTP, Answer

T = TypeVar("T")


class OidcClient:
    """The issuer of one profile."""

    def __init__(self, profile: Profile, discovery: Discovery, http: HTTP) -> None:
        self.profile = profile
        self.discovery = discovery
        self._http = http

    def authorization_request(self, redirect_uri: str) -> AuthorizationRequest:
        """A fresh request for a code. Raises Untrusted where the issuer cannot do PKCE S256, and as discovery does."""
        metadata = self.read_metadata_again()
        return AuthorizationRequest.make(
            issuer=self.profile.issuer.url,
            redirect_uri=redirect_uri,
            scopes=self.scopes_to_ask(),
            pkce=self.does_pkce(),
            issuer_parameter=metadata.authorization_response_iss_parameter_supported,
        )

    def does_pkce(self) -> bool:
        """Whether a login proves that it is the one that began (RFC 7636).

        Raises Untrusted where the issuer cannot do it and the profile wants it.
        """
        wanted = self.profile.pkce
        methods = self.read_metadata_again().code_challenge_methods_supported
        offered = not methods or "S256" in methods
        if wanted == "S256" and not offered:
            way = self.profile.ways.setting('pkce = "no"', place=" in the profile")
            raise Untrusted(
                "the issuer does not offer PKCE with S256 (RFC 7636)",
                hint=f"{way} goes without; ask the issuer's operator to turn it on instead",
            )
        return wanted == "always" or (wanted != "no" and offered)

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where the person's browser goes (RFC 6749, 4.1.1).

        Where the issuer takes only requests that were pushed to it before (RFC 9126), this pushes it: then it raises
        Unreachable, Refused and Untrusted, before a browser has opened.
        """
        metadata = self.discovery.metadata()
        url = prepare_grant_uri(
            _endpoint(metadata, "authorization_endpoint"),
            client_id=self.profile.client_id,
            response_type="code",
            redirect_uri=request.redirect_uri,
            scope=" ".join(request.scopes),
            state=request.state,
            nonce=request.nonce,
            **{**self.login_parameters, **self.challenge(request.verifier)},
        )
        if not metadata.require_pushed_authorization_requests:
            return str(url)
        name = self._push(dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)))
        names = [("client_id", self.profile.client_id), ("request_uri", name)]
        return str(add_params_to_uri(_endpoint(metadata, "authorization_endpoint"), names))

    def _push(self, request: Mapping[str, str]) -> str:
        """The issuer's name for a request that it now keeps (RFC 9126, 2.2)."""
        answer = self.post(_endpoint(self.discovery.metadata(), "pushed_authorization_request_endpoint"), request)
        name = fields(answer, ("request_uri",), wanted="a request")["request_uri"]
        if not isinstance(name, str) or not name.isascii() or not name.isprintable():
            raise Untrusted("the issuer's answer has a request_uri that is not text")
        return name

    def exchange(self, code: str, request: AuthorizationRequest) -> TokenAnswer:
        """Trade the code for tokens (RFC 6749, 4.1.3). Raises Unreachable, Refused and Untrusted."""
        own = {"redirect_uri": request.redirect_uri, **self.prove(request.verifier)}
        return self.request_tokens(dict(parse_qsl(prepare_token_request("authorization_code", code=code, **own))))

    @cached_property
    def device_endpoint(self) -> str | None:
        """Where device codes come from: as known, else the issuer's other metadata says it; else None."""
        return self.known_device_endpoint or self.discovery.also_listed("device_authorization_endpoint")

    @property
    def known_device_endpoint(self) -> str | None:
        """What of it is known without another request: by the configuration, else the metadata, else the catalogue."""
        issuer = self.profile.issuer
        listed = issuer.device_authorization_endpoint or self.read_metadata_again().device_authorization_endpoint
        return listed or issuer.usual_device_endpoint

    @cached_property
    def revocation_endpoint(self) -> str | None:
        """Where tokens are revoked: the configuration, else the metadata, else the issuer's other metadata says it."""
        listed = self.profile.issuer.revocation_endpoint or self.discovery.metadata().revocation_endpoint
        return listed or self.discovery.also_listed("revocation_endpoint")

    def revoke(self, session: Session) -> Revocation:
        """Revoke the refresh token, then the access token.

        The refresh token goes first: it is the one that lives on. Raises Unreachable and Refused.
        """
        came = Revocation.NOT_OFFERED
        if session.refresh_token is not None:
            came = self._revoke_token(session.refresh_token, "refresh_token")
        if session.access_token is not None and came is not Revocation.NOT_THIS_CLIENT:
            access = self._revoke_token(session.access_token.value, "access_token")
            came = came or access
        return came

    def _revoke_token(self, token: str, hint: Literal["refresh_token", "access_token"]) -> Revocation:
        """Revoke one token (RFC 7009, 2.1). Raises Unreachable and Refused."""
        if self.revocation_endpoint is None:
            return Revocation.NOT_OFFERED
        body, _ = prepare_revoke_token_request(token, hint)
        try:
            # A token that is unknown is as good as revoked (RFC 7009, 2.2), though some call that an error.
            check_done(self.post(self.revocation_endpoint, dict(parse_qsl(body))), but=("invalid_token",))
        except (RefusedClient, RefusedForGood) as error:
            # An issuer that does not know the kind of token cannot revoke it (RFC 7009, 2.2.1).
            if error.error == "unsupported_token_type":
                return Revocation.NOT_OFFERED
            of_the_client = isinstance(error, RefusedClient) or not error.error or error.error == "unauthorized_client"
            if self.profile.secret is None and of_the_client:
                return Revocation.NOT_THIS_CLIENT
            raise
        return Revocation.DONE

    def end_session_url(self, logout_hint: str | None) -> str | None:
        """Where a browser ends its session at the issuer (RP-Initiated Logout 1.0, 2); None where it has no such page.

        It names the client and the person, and holds no token: a URL shows in process lists and histories.
        """
        endpoint = self.discovery.metadata().end_session_endpoint
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        query = [*parse_qsl(parts.query), ("client_id", self.profile.client_id)]
        if logout_hint:
            query.append(("logout_hint", logout_hint))
        return parts._replace(query=urlencode(query)).geturl()

    def scopes_to_ask(self) -> tuple[str, ...]:
        """The scopes of a login, `offline_access` among them where the profile and the metadata want it."""
        scopes = self.profile.scopes
        offered = "offline_access" in self.read_metadata_again().scopes_supported
        wanted = self.profile.offline_access
        if wanted == "always" or (wanted == "auto" and offered):
            return tuple(dict.fromkeys([*scopes, "offline_access"]))
        return scopes

    def ask_for_scopes(self, ask: Callable[[tuple[str, ...]], T]) -> tuple[T, tuple[str, ...]]:
        """What `ask` gives, and the scopes it was asked with.

        Where the issuer does not know a scope, once more without the `offline_access` that no person typed.
        """
        scopes = self.scopes_to_ask()
        try:
            return ask(scopes), scopes
        except Refused as error:
            fewer = self.profile.scopes
            if error.error != "invalid_scope" or self.profile.offline_access != "auto" or fewer == scopes:
                raise
        return ask(fewer), fewer

    @property
    def login_parameters(self) -> dict[str, str]:
        """What the profile adds to a request for a person's login."""
        hint = {"login_hint": self.profile.account} if self.profile.account else {}
        return {**hint, **self.profile.auth_params}

    def read_metadata_again(self) -> Metadata:
        """The metadata as the issuer has it now: a login happens rarely enough to ask."""
        return self.discovery.metadata(fresh=True)

    @staticmethod
    def challenge(verifier: str | None) -> dict[str, str]:
        """The parameters that begin a login with PKCE (RFC 7636, 4.3); none without a `verifier`."""
        if verifier is None:
            return {}
        return {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}

    @staticmethod
    def prove(verifier: str | None) -> dict[str, str]:
        """The parameter that proves that this login is the one that began (RFC 7636, 4.5)."""
        return {"code_verifier": verifier} if verifier else {}

    @cached_property
    def _credentials(self) -> ClientCredentials:
        # Read once in a login: a command that gives the secret may ask a person each time.
        return ClientCredentials.read(self.profile)

    def request_tokens(self, form: Mapping[str, str]) -> TokenAnswer:
        """What the token endpoint gives for `form`. Raises Unreachable, Refused and Untrusted; NotYet while polling."""
        return tokens(self.post(_endpoint(self.discovery.metadata(), "token_endpoint"), form))

    def post(self, endpoint: str, form: Mapping[str, str]) -> Answer:
        """What an endpoint of the issuer answers to the client. Raises as the transport does."""
        supported = self.discovery.metadata().token_endpoint_auth_methods_supported
        return post_as(self._credentials, self._http, endpoint, form, supported)


def _endpoint(metadata: Metadata, name: str) -> str:
    endpoint = getattr(metadata, name)
    if endpoint is None:
        raise Untrusted(f"the issuer's metadata names no {name.replace('_', ' ')}")
    return str(endpoint)
