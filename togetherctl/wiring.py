"""The one place where the engine gets the real world: clock, network, browser, files. Every face starts here."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from togetherctl.environment import CALLERS, CONFIG, for_child, may_ask, may_leave_work_behind
from togetherctl.errors import TogetherctlError
from togetherctl.paths import Paths, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from togetherctl.auth.browser import Opened
    from togetherctl.auth.cache.memory import MemorySessions
    from togetherctl.auth.cache.migrate import Move
    from togetherctl.auth.cache.ready import ReadyFiles
    from togetherctl.auth.cache.sealing_key import SealingKey
    from togetherctl.auth.cache.sessions import Sessions
    from togetherctl.auth.conversation import Conversation
    from togetherctl.auth.engine import Engine, Policy
    from togetherctl.auth.issuers import Issuers
    from togetherctl.auth.noting import Notes
    from togetherctl.auth.place import Place
    from togetherctl.auth.session import Session
    from togetherctl.kube.auth_provider import AuthProvider
    from togetherctl.store.known import KnownProfiles
    from togetherctl.store.profile import Profile
    from togetherctl.store.store import Store
    from togetherctl.store.toml_text import TomlText
    from togetherctl.together.api import TogetherAPI

# How long the keyring may take: a person who unlocks it needs a while, and where nobody can, none comes.
_KEYRING_SECONDS = 60.0
_KEYRING_ALONE_SECONDS = 10.0


def _silent(_line: str) -> None:
    return


def _says_so(conversation: Conversation) -> Callable[[], None]:
    return lambda: conversation.say("waiting for the keyring, which may be asking to be unlocked")


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

    def anew(self, conversation: Conversation | None = None, *, sleep: Callable[[float], None] | None = None) -> World:
        """This world before it read the store; what is kept in memory alone stays: sessions, and the sealing key."""
        world = replace(self, conversation=conversation or self.conversation, sleep=sleep or self.sleep)
        key = self.sealing_key.heard_by(waiting=_says_so(world.conversation), go_on=world.conversation.go_on)
        world.__dict__.update(_memory=self._memory, sealing_key=key)
        return world

    def as_if(self, store: Store) -> World:
        """This world with another store, which need not be on disk."""
        world = replace(self)
        world.__dict__["store"] = store
        return world

    def profile(self, name: str) -> Profile:
        """The profile `name`; where it is known already, the store is not read. Raises UsageError and ConfigError."""
        known = self._known.read(name)
        if known is not None:
            return known
        self._known.keep(self.store, self.store.resolved(name), now=self.clock())
        return self.store.profile(name)

    @cached_property
    def _known(self) -> KnownProfiles:
        from togetherctl.store.known import KnownProfiles

        return KnownProfiles(self.paths, self.environ)

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
            after_login=self._note,
        )

    @cached_property
    def noted(self) -> dict[str, Notes]:
        """What the logins of this run gave cause to say, by the session's key; whoever says it takes it out."""
        return {}

    def notes_on(self, profile: Profile, session: Session | None) -> Notes:
        """Why the profile's clusters, or clusters in general, refuse the session's token. Raises ConfigError."""
        from togetherctl.auth.noting import notes_on

        names = self.store.clusters_of(profile.name) if profile.name else []
        return notes_on(profile, session, self.store.clusters(names) if names else [], now=self.clock())

    def _note(self, profile: Profile, session: Session) -> None:
        """Beside what the session that is still stored gave cause to say; a note that fails costs no login."""
        with suppress(TogetherctlError):
            earlier = self.notes_on(profile, self.sessions(profile).load(profile.key))
            self.noted[profile.key] = self.notes_on(profile, session).after(earlier)

    def together(self, key: str) -> TogetherAPI:
        """Together AI's API, asked with `key`. Raises UsageError where that, or where the API is, cannot be right."""
        from togetherctl.together.api import TogetherAPI, base_url

        return TogetherAPI(
            key,
            base_url=base_url(self.environ),
            environ=self.environ,
            clock=self.clock,
            sleep=self.sleep,
            log=self.log,
        )

    @cached_property
    def engine(self) -> Engine:
        return self._engine(self.ready)

    @cached_property
    def storeless_engine(self) -> Engine:
        """The engine for profiles that stand in no store, which need none: it makes no ready files."""
        from togetherctl.auth.cache.ready import ReadyFiles

        return self._engine(ReadyFiles(self.paths, None))

    def kubeconfig_engine(self, provider: AuthProvider) -> Engine:
        """The engine for a session that lives in a user of a kubeconfig."""
        from togetherctl.auth.cache.file import FileSessions
        from togetherctl.auth.cache.kubeconfig import KubeconfigSessions
        from togetherctl.auth.cache.ready import ReadyFiles

        sessions = KubeconfigSessions(provider, FileSessions(self.paths.sessions))
        return self._engine(ReadyFiles(self.paths, None), lambda _profile: sessions)

    def _engine(self, ready: ReadyFiles, sessions: Callable[[Profile], Sessions] | None = None) -> Engine:
        from togetherctl.auth.engine import Engine
        from togetherctl.auth.lifecycle import Collaborators

        collaborators = Collaborators(
            sessions=sessions or self.sessions,
            ready=ready,
            issuers=self.issuers,
            conversation=self.conversation,
            clock=self.clock,
            sleep=self.sleep,
        )
        return Engine(collaborators, refresh_behind=self.refresh_behind or self._refresh_behind)

    @property
    def policy(self) -> Policy:
        """What the environment lets this run do."""
        from togetherctl.auth.engine import Policy

        return Policy(ask=may_ask(self.environ), behind=may_leave_work_behind(self.environ))

    @cached_property
    def ready(self) -> ReadyFiles:
        """The ready files of the store as it was read. A store named by the environment gets none."""
        from togetherctl.auth.cache.ready import ReadyFiles

        if self.environ.get(CONFIG):
            return ReadyFiles(self.paths, None)
        return ReadyFiles(self.paths, self._known.mtime_ns or self.store.mtime_ns)

    def sessions(self, profile: Profile) -> Sessions:
        """Where the profile's session is kept."""
        from togetherctl.auth.cache.file import FileSessions
        from togetherctl.auth.cache.record import Plain

        if profile.storage == "memory":
            return self._memory
        folder = profile.sessions or self.paths.sessions
        if profile.storage == "keyring":
            from togetherctl.auth.cache.sealed import Sealed

            return FileSessions(folder, Sealed(self.sealing_key, profile.ways))
        return FileSessions(folder, Plain(profile.ways))

    @cached_property
    def sealing_key(self) -> SealingKey:
        """The key that seals sessions; the keyring is asked for it when it is needed, and once."""
        from togetherctl.auth.cache.sealing_key import SealingKey

        return SealingKey(
            self.paths.state / "keyring.lock",
            seconds=_KEYRING_SECONDS if may_ask(self.environ) else _KEYRING_ALONE_SECONDS,
            waiting=_says_so(self.conversation),
            go_on=self.conversation.go_on,
        )

    @cached_property
    def _memory(self) -> MemorySessions:
        from togetherctl.auth.cache.file import FileSessions
        from togetherctl.auth.cache.memory import MemorySessions

        return MemorySessions(FileSessions(self.paths.sessions))

    @contextmanager
    def changing_store(self, *, settle: str | None = None) -> Iterator[TomlText]:
        """Edit the store, move sessions to where it says from now on, and forget those that no profile reaches.

        Ready files go with what they were made of. The session of the profile called `settle` is moved even if the
        store said the same before: an earlier move may have been cut off. Raises ConfigError, and StorageError where
        a session cannot be moved; then nothing was changed.
        """
        from togetherctl.auth.cache.ready import ReadyFiles
        from togetherctl.store.editing import changing

        before = self._store_now()
        moves: list[Move] = []
        ready = ReadyFiles(self.paths, None)
        with ExitStack() as held:
            try:
                with changing(self.paths) as text:
                    yield text
                    for profile in self._moving(before, text, settle):
                        moves.append(self._move(profile))
                        moves[-1].begin(held)
                        ready.drop(profile.key)
            except TogetherctlError:
                for move in moves:
                    move.undo()
                raise
            ready.drop_all()
            self._known.drop_all()
            for move in moves:
                move.finish()
        after = self._store_now()
        if before is None or after is None:
            return
        kept = set(after.keys().values())
        for name in {key: name for name, key in before.keys().items() if key not in kept}.values():
            self._forget(before.profile(name))

    def _moving(self, before: Store | None, text: TomlText, settle: str | None) -> Iterator[Profile]:
        """A profile of each session that the store will want elsewhere once `text` is written."""
        from togetherctl.store.problems import checked
        from togetherctl.store.store import Store

        table, _ = checked(text.data)
        if table is None:
            return
        after = Store(self.paths.config, table, self.environ)
        keys = after.keys()
        meant = keys.get(settle) if settle else None
        stood = before.storages() if before else {}
        for key, name in {key: name for name, key in keys.items()}.items():
            storage = table.profiles[name].storage
            if key == meant or stood.get(key, storage) != storage:
                yield after.profile(name)

    def _move(self, profile: Profile) -> Move:
        from togetherctl.auth.cache.migrate import Move

        return Move(self.paths.sessions, self.sealing_key, profile, self.conversation)

    def _forget(self, profile: Profile) -> None:
        # A refresh token that nothing can reach any more must not stay behind.
        try:
            ended = self.engine.logout(profile, local=True)
        except TogetherctlError as error:
            self.conversation.warn(f"the session profile {profile.name} had could not be deleted: {error.message}")
            return
        if ended.session is not None or ended.unread:
            who = f" ({ended.session.identity})" if ended.session else ""
            self.conversation.say(f"The session profile {profile.name} had{who} was deleted; the issuer was not told.")
        if ended.unsafe is not None:
            self.conversation.warn(ended.unsafe.message)

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

        # Read for its secrets alone: a login with flags needs no store.
        store = self._store_now()
        environ = for_child(self.environ, store.secret_variables() if store else ())
        environ.pop(CALLERS, None)
        return open_browser(url, profile.browser if self.policy.ask else False, environ)

    def _look_around(self, profile: Profile) -> Place:
        from togetherctl.auth.place import look_around

        # A browser that somebody names, here or in the store, is one that comes up.
        return look_around(self.environ, browser_named=bool(profile.browser) or self.open_browser is not None)
