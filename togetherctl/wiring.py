"""The one place where the engine gets the real world: clock, network, browser, files. Every face starts here."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from togetherctl.environment import CONFIG, may_ask, may_leave_work_behind
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.paths import Paths, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from togetherctl.auth.browser import Opened
    from togetherctl.auth.cache.file import FileSessions
    from togetherctl.auth.cache.ready import ReadyFiles
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.engine import Engine, Policy
    from togetherctl.auth.issuers import Issuers
    from togetherctl.auth.place import Place
    from togetherctl.store.profile import Profile
    from togetherctl.store.store import Store
    from togetherctl.store.toml_text import TomlText


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
    refresh_behind: Callable[[Profile, int], None] | None = None
    place: Callable[[Profile], Place] | None = None

    @cached_property
    def paths(self) -> Paths:
        return locate(self.environ)

    @cached_property
    def store(self) -> Store:
        """The store, read and checked once in a run. Raises ConfigError."""
        from togetherctl.store.store import Store

        return Store.load(self.paths.config, self.environ)

    @cached_property
    def issuers(self) -> Issuers:
        from togetherctl.auth.issuers import Issuers

        return Issuers(
            cache=self.paths.discovery,
            environ=self.environ,
            conversation=self.conversation,
            clock=self.clock,
            sleep=self.sleep,
            open_browser=self.open_browser or self._open_browser,
            place=self.place or self._look_around,
            log=self.log,
        )

    @cached_property
    def engine(self) -> Engine:
        from togetherctl.auth.engine import Engine

        return Engine(
            sessions=self.sessions,
            ready=self.ready,
            issuers=self.issuers,
            conversation=self.conversation,
            refresh_behind=self.refresh_behind or self._refresh_behind,
            clock=self.clock,
            sleep=self.sleep,
        )

    @property
    def policy(self) -> Policy:
        """What the environment lets this run do."""
        from togetherctl.auth.engine import Policy

        return Policy(ask=may_ask(self.environ), behind=may_leave_work_behind(self.environ))

    @cached_property
    def ready(self) -> ReadyFiles:
        """The ready files of the store as it was read. A store named by the environment gets none."""
        from togetherctl.auth.cache.ready import ReadyFiles

        return ReadyFiles(self.paths, None if self.environ.get(CONFIG) else self.store.mtime_ns)

    def sessions(self, profile: Profile) -> FileSessions:
        """Where the profile's session is kept. Raises UsageError."""
        from togetherctl.auth.cache.file import FileSessions

        if profile.storage != "file":
            raise UsageError(
                f"this version of togetherctl cannot keep a session in {profile.storage}",
                hint=f"togetherctl profile set {profile.name} storage=file",
            )
        return FileSessions(self.paths.sessions)

    @contextmanager
    def changing_store(self) -> Iterator[TomlText]:
        """Edit the store; forget ready files, and sessions that no profile reaches afterwards. Raises ConfigError."""
        from togetherctl.auth.cache.ready import ReadyFiles
        from togetherctl.store.editing import changing

        before = self._store_now()
        with changing(self.paths) as text:
            yield text
        ReadyFiles(self.paths, None).drop_all()
        after = self._store_now()
        if before is None or after is None:
            return
        kept = set(after.keys().values())
        for name in {key: name for name, key in before.keys().items() if key not in kept}.values():
            self._forget(before.profile(name))

    def _forget(self, profile: Profile) -> None:
        # A refresh token that nothing can reach any more must not stay behind.
        try:
            session = self.engine.logout(profile, local=True).session
        except TogetherctlError as error:
            self.conversation.warn(f"the session profile {profile.name} had could not be deleted: {error.message}")
            return
        if session is not None:
            self.conversation.say(
                f"The session profile {profile.name} had ({session.identity}) was deleted; the issuer was not told."
            )

    def _store_now(self) -> Store | None:
        """The store as it is on disk at this moment, None where it is wrong."""
        from togetherctl.store.store import Store

        try:
            return Store.load(self.paths.config, self.environ)
        except TogetherctlError:
            return None

    def _refresh_behind(self, profile: Profile, lock: int) -> None:
        from togetherctl.auth.behind import refresh_behind

        refresh_behind(profile.name, lock, self.environ)

    def _open_browser(self, url: str, profile: Profile) -> Opened | None:
        from togetherctl.auth.browser import open_browser

        return open_browser(url, profile.browser if self.policy.ask else False, self.environ)

    def _look_around(self, profile: Profile) -> Place:
        from togetherctl.auth.place import look_around

        # A browser that somebody names, here or in the store, is one that comes up.
        return look_around(self.environ, browser_named=bool(profile.browser) or self.open_browser is not None)
