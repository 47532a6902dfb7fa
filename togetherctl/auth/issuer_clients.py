"""A client for each profile's issuer, its metadata, and what needs no session lock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from togetherctl.errors import about
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.claims import Claims
    from togetherctl.auth.discovery import Discovery
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.auth.oidc_client import OidcClient
    from togetherctl.auth.prompter import Prompter
    from togetherctl.auth.session import Session
    from togetherctl.auth.token_response import Revocation
    from togetherctl.config.profile import Profile
    from togetherctl.config.types import Grant
    from togetherctl.connection_settings import Connection
    from togetherctl.transport import HTTP


@dataclass(frozen=True)
class IssuerClients:
    """Everything that is asked of issuers goes through here.

    `open_browser` starts a browser at a URL for a profile; `place` tells where a login for a profile runs; `log` takes
    lines without secrets; `after_login` is told of a new session before it is stored.
    """

    cache: Path
    environ: Mapping[str, str]
    conversation: Prompter
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    open_browser: Callable[[str, Profile], Opened | None]
    place: Callable[[Profile], LoginEnvironment]
    log: Callable[[str], None]
    after_login: Callable[[Profile, Session], None] = lambda _profile, _session: None

    def http(self, issuer: str, connection: Connection, total_seconds: float = float("inf")) -> HTTP:
        """A client for one issuer; everything asked through it ends within `total_seconds`."""
        if connection.insecure:
            self.conversation.warn(
                f"the certificate of {issuer} is not verified (insecure_skip_tls_verify): "
                "anyone between you and it can take your tokens"
            )
        # A token that is served needs no network.
        from togetherctl.transport import HTTP

        return HTTP(connection, self.environ, log=self.log, total_seconds=total_seconds)

    def discovery(self, profile: Profile, http: HTTP) -> Discovery:
        """The issuer's metadata and keys, cached."""
        from togetherctl.auth.discovery import Discovery, cache_file

        file = cache_file(self.cache, profile.issuer.url, profile.issuer.connection)
        return Discovery(profile.issuer.url, http, file, self.clock)

    def log_in(self, profile: Profile, grant: Grant, opened_at: Callable[[str], None]) -> Session:
        """One login, which tells the address a person is sent to; raises as `Login.log_in` does."""
        from togetherctl.auth.grants.registry import GRANTS
        from togetherctl.auth.login import Login

        # No person should log in for nothing, and a command that reads the secret may ask a person: once.
        profile = profile.with_secret_at_hand()

        def open_browser(url: str) -> Opened | None:
            # A secret may have taken its time, and a tab cannot be taken back.
            self.conversation.go_on()
            opened_at(url)
            return self._try_browser(url, profile)

        with self._open_client(profile) as http:
            login = Login(
                self._build_provider(profile, http),
                conversation=self.conversation,
                open_browser=open_browser,
                opened_at=opened_at,
                place=self.place(profile),
                clock=self.clock,
                sleep=self.sleep,
                environ=self.environ,
            )
            session = login.log_in(GRANTS[grant].log_in)
        self.after_login(profile, session)
        return session

    def verify(self, profile: Profile, id_token: str) -> Claims:
        """The claims of an ID token that came from elsewhere. Raises Untrusted, and Unreachable without its keys."""
        from togetherctl.auth.id_token import verify

        with about(profile.name, profile.issuer.url), self._open_client(profile) as http:
            keys = self.discovery(profile, http).keys
            return verify(id_token, keys=keys, issuer=profile.issuer.url, client_id=profile.client_id, now=self.clock())

    def revoke(self, profile: Profile, session: Session) -> Revocation:
        """Revoke a session's tokens. Raises Unreachable and Refused."""
        from togetherctl.auth.login_advice import explain_refusal
        from togetherctl.auth.token_response import RefusedClient

        try:
            with self._open_client(profile) as http:
                return self._build_provider(profile, http).revoke(session)
        except RefusedClient as error:
            error.remedy = error.remedy or explain_refusal(error, profile)
            raise

    def end_browser_session(self, profile: Profile, identity: str | None) -> bool:
        """Open the issuer's own logout page; False where it has none."""
        with self._open_client(profile) as http:
            url = self._build_provider(profile, http).end_session_url(identity or profile.account)
        if url is None:
            return False
        opened = self._try_browser(url, profile)
        self.conversation.page(url, opened=opened is not None)
        return True

    def _try_browser(self, url: str, profile: Profile) -> Opened | None:
        from togetherctl.auth.browser import CannotStart

        try:
            return self.open_browser(url, profile)
        except CannotStart as error:
            self.conversation.warn(str(error))
            return None

    def _open_client(self, profile: Profile) -> HTTP:
        return self.http(profile.issuer.url, profile.issuer.connection)

    def _build_provider(self, profile: Profile, http: HTTP) -> OidcClient:
        from togetherctl.auth.oidc_client import OidcClient

        return OidcClient(profile, self.discovery(profile, http), http)
