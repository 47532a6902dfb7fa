"""The steps, each through the same engine and provider code as a person's own login."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.acceptance.report import Cannot, Failed, Report
from togetherctl.auth.client_auth import ClientCredentials
from togetherctl.auth.grants.device_code import DeviceCodesRefused
from togetherctl.auth.refresh import NoNewToken, refresh
from togetherctl.auth.token_response import RefusedForGood

if TYPE_CHECKING:
    from togetherctl.auth.discovery import Metadata
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Grant
    from togetherctl.wiring import World

# Claims that are worth a look; tokens may hold more about a person than a log should.
_SHOWN = ("iss", "aud", "sub", "email", "email_verified", "preferred_username", "groups")


@dataclass
class Life:
    """One provider, one client, one person. `session` is what the steps before have left."""

    world: World
    profile: Profile
    report: Report
    session: Session | None = None
    metadata: Metadata = field(init=False)
    revocation_endpoint: str | None = None

    def lived(self) -> bool:
        """Go through all of it; whether nothing failed."""
        step = self.report.step
        if (
            step("discovery", self._discovery)
            and step("PKCE", self._pkce)
            and step("login in a browser", self._browser)
        ):
            step("claims", self._claims)
            step("refresh", self._refresh)
            step("revocation", self._revocation)
            step("device code", self._device_code)
            step("logout", self._logout)
            return self.report.failed == 0
        return False

    def _discovery(self, found: list[str]) -> None:
        with self.world.issuers.http(self.profile.issuer.url, self.profile.issuer.connection) as http:
            discovery = self.world.issuers.discovery(self.profile, http)
            metadata = self.metadata = discovery.metadata(fresh=True)
            keys = discovery.keys(refetch=True).get("keys", [])
            # In either document of the provider's, as a logout looks for it.
            listed = self.profile.issuer.revocation_endpoint or metadata.revocation_endpoint
            self.revocation_endpoint = listed or discovery.also_listed("revocation_endpoint")
        offered = {
            "revocation": self.revocation_endpoint,
            "device codes": metadata.device_authorization_endpoint,
            "logout page": metadata.end_session_endpoint,
            "offline_access": "offline_access" in metadata.scopes_supported,
        }
        found += [f"{len(keys)} keys", f"offers {', '.join(name for name, has in offered.items() if has) or 'no more'}"]

    def _pkce(self, found: list[str]) -> None:
        methods = self.metadata.code_challenge_methods_supported
        if methods and "S256" not in methods:
            raise Failed(f"the provider offers {', '.join(methods)} and no S256 (RFC 7636)")
        found.append("S256" if methods else "the provider does not say which methods it knows; S256 is sent")

    def _browser(self, found: list[str]) -> None:
        self._login("authcode", found)

    def _login(self, grant: Grant, found: list[str]) -> None:
        self.session, _ = self.world.configless_engine.login(self.profile, self.world.policy, grant=grant, force=True)
        token = self.session.token(self.profile.token)
        if token is None:
            raise Failed(f"there is no {self.profile.token} token")
        found.append(f"as {self.session.identity}, for {token.expires_at - token.obtained_at:.0f} s")
        found.append("with a refresh token" if self.session.refreshable else "without a refresh token")

    def _claims(self, found: list[str]) -> None:
        if self.session is None or self.session.id_token is None:
            raise Cannot("there is no ID token")
        claims = self.world.issuers.verify(self.profile, self.session.id_token.value)
        found += [f"{name} {claims[name]}" for name in _SHOWN if name in claims]
        others = sorted(set(claims) - set(_SHOWN))
        found.append(f"and {', '.join(others)}")

    def _refresh(self, found: list[str]) -> None:
        before = self.session
        if before is None or before.refresh_token is None:
            raise Cannot("the login brought no refresh token: SCOPES and AUTH_PARAMS may ask for one")
        try:
            self.session = self.world.configless_engine.refresh(self.profile, force=True)
        except NoNewToken as missing:
            raise Cannot(missing.message) from None
        found.append(f"a new {self.profile.token} token")
        if self.session.refresh_token == before.refresh_token:
            found.append("the refresh token stays the same")
            return
        found.append("the refresh token is rotated")
        found.append("the old one is still accepted" if self._accepted(before) else "the old one is refused")
        if not self._accepted(self.session, keep=True):
            # Whoever uses an old one may have stolen it (RFC 9700, 4.14.2).
            found.append("using it ended the session, so log in once more")
            self._login("authcode", [])

    def _revocation(self, found: list[str]) -> None:
        if self.revocation_endpoint is None:
            raise Cannot("the provider has no revocation endpoint; logout deletes tokens here alone")
        before = self.session
        if before is None or not self.world.configless_engine.logout(self.profile).revoked:
            raise Cannot("the provider revokes neither kind of token")
        if before.refresh_token is not None:
            if self._accepted(before):
                raise Failed("the refresh token is still accepted after it was revoked")
            found.append("the refresh token is refused from then on")
        self.session = None

    def _device_code(self, found: list[str]) -> None:
        if (
            self.metadata.device_authorization_endpoint is None
            and not self.profile.issuer.device_authorization_endpoint
        ):
            raise Cannot("the provider offers no device codes")
        try:
            self._login("device-code", found)
        except DeviceCodesRefused as refused:
            raise Cannot(refused.message) from None

    def _logout(self, found: list[str]) -> None:
        ended = self.world.configless_engine.logout(self.profile)
        if ended.session is None:
            raise Cannot("no session is left to end")
        found.append("revoked and deleted" if ended.revoked else "deleted here; the provider cannot revoke")

    def _accepted(self, session: Session, *, keep: bool = False) -> bool:
        """Whether the provider takes this session's refresh token; with `keep` the session goes on with what it gave.

        Raises Unreachable, and Refused for anything but a refresh token that is dead.
        """
        with self.world.issuers.http(self.profile.issuer.url, self.profile.issuer.connection) as http:
            try:
                renewed, _ = refresh(
                    self.profile,
                    session,
                    credentials=ClientCredentials.read(self.profile),
                    discovery=self.world.issuers.discovery(self.profile, http),
                    http=http,
                    clock=self.world.clock,
                    sleep=self.world.sleep,
                )
            except RefusedForGood:
                return False
        if keep:
            self.session = renewed
            self.world.sessions(self.profile).save(self.profile.key, renewed)
        return True
