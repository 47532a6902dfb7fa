"""Speaking OpenID Connect with one issuer as one client: Authlib writes the requests, our transport sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7009 import prepare_revoke_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from togetherctl.auth.authorization import AuthorizationRequest
from togetherctl.auth.client_auth import ClientCredentials
from togetherctl.auth.token_answer import TokenAnswer, parse, refusal
from togetherctl.errors import Untrusted

if TYPE_CHECKING:
    from togetherctl.auth.discovery import Discovery, Metadata
    from togetherctl.store.profile import Profile
    from togetherctl.transport import HTTP, Answer


class Provider:
    """The issuer of one profile."""

    def __init__(self, profile: Profile, discovery: Discovery, http: HTTP) -> None:
        self.profile = profile
        self.discovery = discovery
        self._http = http

    def authorization_request(self, redirect_uri: str) -> AuthorizationRequest:
        """A fresh request for a code. Raises Untrusted where the issuer cannot do PKCE S256, and as discovery does."""
        metadata = self.discovery.metadata(fresh=True)
        methods = metadata.code_challenge_methods_supported
        if self.profile.pkce and methods and "S256" not in methods:
            raise Untrusted(
                "the issuer does not offer PKCE with S256 (RFC 7636)",
                hint='pkce = "no" in the profile goes without; ask the issuer\'s operator to turn it on instead',
            )
        return AuthorizationRequest.make(
            issuer=self.profile.issuer.url,
            redirect_uri=redirect_uri,
            scopes=self._scopes(metadata),
            pkce=self.profile.pkce,
            issuer_parameter=metadata.authorization_response_iss_parameter_supported,
        )

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Where the person's browser goes (RFC 6749, 4.1.1)."""
        metadata = self.discovery.metadata()
        parameters = dict(self.profile.auth_params)
        if self.profile.account:
            parameters.setdefault("login_hint", self.profile.account)
        if request.verifier:
            parameters |= {
                "code_challenge": create_s256_code_challenge(request.verifier),
                "code_challenge_method": "S256",
            }
        url = prepare_grant_uri(
            _endpoint(metadata, "authorization_endpoint"),
            client_id=self.profile.client_id,
            response_type="code",
            redirect_uri=request.redirect_uri,
            scope=" ".join(request.scopes),
            state=request.state,
            nonce=request.nonce,
            **parameters,
        )
        return str(url)

    def exchange(self, code: str, request: AuthorizationRequest) -> TokenAnswer:
        """Trade the code for tokens (RFC 6749, 4.1.3). Raises Unreachable, Refused and Untrusted."""
        proof = {"code_verifier": request.verifier} if request.verifier else {}
        body = prepare_token_request("authorization_code", code=code, redirect_uri=request.redirect_uri, **proof)
        return parse(self._post("token_endpoint", body))

    def revoke(self, token: str, hint: Literal["refresh_token", "access_token"]) -> bool:
        """Revoke one token (RFC 7009, 2.1); False where the issuer cannot. Raises Unreachable and Refused."""
        if self.discovery.metadata().revocation_endpoint is None:
            return False
        body, _ = prepare_revoke_token_request(token, hint)
        answer = self._post("revocation_endpoint", body)
        answer.raise_if_later()
        if answer.status == 200:
            return True
        error = refusal(answer)
        # An issuer that does not know the kind of token cannot revoke it (RFC 7009, 2.2.1).
        if error.error == "unsupported_token_type":
            return False
        raise error

    def end_session_url(self, logout_hint: str | None) -> str | None:
        """Where a browser ends its session at the issuer (RP-Initiated Logout 1.0, 2); None where it has no such page.

        It names the client and the person, and bears no token: a URL shows in process lists and histories.
        """
        endpoint = self.discovery.metadata().end_session_endpoint
        if endpoint is None:
            return None
        parts = urlsplit(endpoint)
        query = [*parse_qsl(parts.query), ("client_id", self.profile.client_id)]
        if logout_hint:
            query.append(("logout_hint", logout_hint))
        return parts._replace(query=urlencode(query)).geturl()

    def _scopes(self, metadata: Metadata) -> tuple[str, ...]:
        scopes = self.profile.scopes
        offered = "offline_access" in metadata.scopes_supported
        wanted = self.profile.offline_access
        if wanted == "always" or (wanted == "auto" and offered):
            return tuple(dict.fromkeys([*scopes, "offline_access"]))
        return scopes

    def _post(self, endpoint: str, body: str) -> Answer:
        metadata = self.discovery.metadata()
        form, headers = ClientCredentials.read(self.profile).added_to(
            dict(parse_qsl(body)), metadata.token_endpoint_auth_methods_supported
        )
        return self._http.post_form(_endpoint(metadata, endpoint), form, headers=headers)


def _endpoint(metadata: Metadata, name: str) -> str:
    endpoint = getattr(metadata, name)
    if endpoint is None:
        raise Untrusted(f"the issuer's metadata names no {name.replace('_', ' ')}")
    return str(endpoint)
