"""The one place where the engine gets the real world: clock, network, browser, files. Every face starts here."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from togetherctl.auth.cache.file import FileSessions
from togetherctl.auth.engine import Engine
from togetherctl.environment import may_ask
from togetherctl.errors import UsageError, about
from togetherctl.paths import Paths, locate
from togetherctl.transport import HTTP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from togetherctl.auth.browser import Opened
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.discovery import Discovery
    from togetherctl.auth.session import Session
    from togetherctl.store.profile import Grant, Profile
    from togetherctl.store.store import Store
    from togetherctl.transport import Connection


def _silent(_line: str) -> None:
    return


@dataclass(frozen=True)
class World:
    """What a run of togetherctl works with. Tests replace the parts they need to."""

    environ: Mapping[str, str]
    conversation: Conversation
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    log: Callable[[str], None] = _silent
    open_browser: Callable[[str, Profile], Opened | None] | None = None

    @cached_property
    def paths(self) -> Paths:
        return locate(self.environ)

    @cached_property
    def store(self) -> Store:
        """The store as it is now, read and checked. Raises ConfigError."""
        from togetherctl.store.store import Store

        return Store.load(self.paths.config, self.environ)

    @cached_property
    def engine(self) -> Engine:
        return Engine(
            sessions=self._sessions,
            issuers=self,
            conversation=self.conversation,
            clock=self.clock,
            sleep=self.sleep,
        )

    @property
    def may_ask(self) -> bool:
        """Whether this run may ask a person anything or open a browser."""
        return may_ask(self.environ)

    def http(self, profile: Profile, total_seconds: float = float("inf")) -> HTTP:
        """A client for the profile's issuer."""
        if profile.issuer.connection.insecure:
            self.conversation.warn(
                f"the certificate of {profile.issuer.url} is not verified (insecure_skip_tls_verify): "
                "whoever is between you and it can take your tokens"
            )
        return HTTP(profile.issuer.connection, self.environ, log=self.log, total_seconds=total_seconds)

    def discovery(self, profile: Profile, http: HTTP) -> Discovery:
        """The issuer's metadata and keys, cached."""
        from togetherctl.auth.discovery import Discovery, cache_file

        file = cache_file(self.paths.discovery, profile.issuer.url, profile.issuer.connection)
        return Discovery(profile.issuer.url, http, file, self.clock)

    def check_issuer(self, url: str, connection: Connection) -> None:
        """Raises as `auth.discovery.fetch_metadata` does unless there is an issuer that calls itself `url`."""
        from togetherctl.auth.discovery import fetch_metadata

        with about(None, url), HTTP(connection, self.environ, log=self.log) as http:
            fetch_metadata(url, http)

    def log_in(self, profile: Profile, grant: Grant) -> Session:
        """One login at the issuer; raises as `auth.login.log_in` does."""
        from togetherctl.auth.login import log_in
        from togetherctl.auth.provider import Provider

        with self.http(profile) as http:
            return log_in(
                Provider(profile, self.discovery(profile, http), http),
                grant=grant,
                conversation=self.conversation,
                open_browser=lambda url: self._open(url, profile),
                clock=self.clock,
            )

    def revoke(self, profile: Profile, session: Session) -> bool:
        """Revoke a session's tokens; raises as `auth.logout.revoke` does."""
        from togetherctl.auth.logout import revoke
        from togetherctl.auth.provider import Provider

        with self.http(profile) as http:
            return revoke(Provider(profile, self.discovery(profile, http), http), session)

    def open_logout_page(self, profile: Profile, session: Session | None) -> str | None:
        """Open the issuer's own logout page, and give its address; None where the issuer has none."""
        from togetherctl.auth.provider import Provider

        with self.http(profile) as http:
            hint = session.identity if session else profile.account
            url = Provider(profile, self.discovery(profile, http), http).end_session_url(hint)
        if url is not None:
            opened = self._open(url, profile)
            self.conversation.page(url, opened=opened is not None)
        return url

    def _open(self, url: str, profile: Profile) -> Opened | None:
        if self.open_browser is not None:
            return self.open_browser(url, profile)
        from togetherctl.auth.browser import open_browser

        return open_browser(url, profile.browser if self.may_ask else False, self.environ)

    def _sessions(self, profile: Profile) -> FileSessions:
        if profile.storage != "file":
            raise UsageError(
                f"this version of togetherctl cannot keep a session in {profile.storage}",
                hint=f"togetherctl profile set {profile.name} storage=file",
            )
        return FileSessions(self.paths.sessions)
