"""The composition root: gives the engine the real clock, network, browser and files for every face."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path

from togetherctl.environment import CALLERS, CONFIG, for_child, may_ask, may_leave_work_behind
from togetherctl.errors import TogetherctlError
from togetherctl.paths import Paths, locate
from togetherctl.records import dataclass, field, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.browser import Opened
    from togetherctl.auth.cache.base import Sessions
    from togetherctl.auth.cache.memory import MemorySessions
    from togetherctl.auth.cache.ready_file import ReadyFiles
    from togetherctl.auth.cache.sealing_key import SealingKey
    from togetherctl.auth.engine import Engine, Policy
    from togetherctl.auth.issuer_clients import IssuerClients
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.auth.prompter import Prompter
    from togetherctl.auth.session import Session
    from togetherctl.auth.token_notes import TokenNotes
    from togetherctl.config.config import Config
    from togetherctl.config.profile import Profile
    from togetherctl.config.profile_cache import ProfileCache
    from togetherctl.config.profile_hints import ProfileHints
    from togetherctl.config.toml_text import TomlText
    from togetherctl.config.types import Storage
    from togetherctl.kube.auth_provider import AuthProvider
    from togetherctl.plugin_words import PluginWords
    from togetherctl.together.api import TogetherAPI

# How long the keyring may take: a person who unlocks it needs a while, and where no person can, no answer comes.
_KEYRING_SECONDS = 60.0
_KEYRING_ALONE_SECONDS = 10.0


def _silent(_line: str) -> None:
    return


@dataclass(frozen=True)
class World:
    """What a run of togetherctl works with. Tests replace the parts they need to.

    `other_config` replaces the one on disk; `first` is the world of this run that keeps sessions in memory.
    """

    environ: Mapping[str, str]
    conversation: Prompter
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    log: Callable[[str], None] = _silent
    open_browser: Callable[[str, Profile], Opened | None] | None = None
    refresh_in_background: Callable[[Profile, int], None] | None = None
    place: Callable[[Profile], LoginEnvironment] | None = None
    other_config: Config | None = field(default=None, repr=False)
    first: World | None = field(default=None, repr=False)

    @cached_property
    def paths(self) -> Paths:
        return locate(self.environ)

    @cached_property
    def config(self) -> Config:
        """The configuration, read and checked once in a run. Raises ConfigError."""
        from togetherctl.config.config import Config

        return self.other_config or Config.load(self.paths.config, self.environ)

    def reread(self, conversation: Prompter | None = None, *, sleep: Callable[[float], None] | None = None) -> World:
        """This world before it read the configuration; sessions in memory and the sealing key stay."""
        return replace(
            self,
            conversation=conversation or self.conversation,
            sleep=sleep or self.sleep,
            other_config=None,
            first=self.first or self,
        )

    def as_if(self, config: Config) -> World:
        """This world with another configuration, which need not be on disk."""
        return replace(self, other_config=config, first=self.first or self)

    def profile(self, name: str) -> Profile:
        """The profile `name`; where it is known already, the configuration is not read.

        Raises UsageError and ConfigError.
        """
        known = self._known.read(name, now=self.clock())
        if known is not None:
            return known
        profile = self.config.profile(name)
        self.remember_profiles([name])
        return profile

    def remember_profiles(self, names: Iterable[str] = ()) -> None:
        """Now that the configuration was read, leave behind what the next `get-token` would read it for.

        All profiles where those are few, else those called `names`. Raises ConfigError.
        """
        self._known.fill(self.config, names, now=self.clock())
        self.ready.forget_others()

    @cached_property
    def _known(self) -> ProfileCache:
        from togetherctl.config.profile_cache import ProfileCache

        return ProfileCache(self.paths, self.environ)

    @cached_property
    def issuers(self) -> IssuerClients:
        from togetherctl.auth.issuer_clients import IssuerClients

        return IssuerClients(
            cache=self.paths.discovery,
            environ=self.environ,
            conversation=self.conversation,
            clock=self.clock,
            sleep=self.sleep,
            open_browser=self.open_browser or self._open_browser,
            place=self.place or self.look_around,
            log=self.log,
            after_login=self._note,
        )

    @cached_property
    def noted(self) -> dict[str, TokenNotes]:
        """What the logins of this run gave cause to say, by the session's key; the caller that says it takes it out."""
        return {}

    def notes_on(self, profile: Profile, session: Session | None) -> TokenNotes:
        """Why the profile's clusters, or clusters in general, refuse the session's token. Raises ConfigError."""
        from togetherctl.auth.token_notes import notes_on

        names = self.config.clusters_of(profile.name) if profile.name else []
        return notes_on(profile, session, self.config.clusters(names) if names else [], now=self.clock())

    def _note(self, profile: Profile, session: Session) -> None:
        """Beside what the session that is still stored gave cause to say; a note that fails costs no login."""
        with suppress(TogetherctlError):
            if profile.name:
                self.remember_profiles([profile.name])
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
    def configless_engine(self) -> Engine:
        """The engine for profiles that no configuration has and that need none: it makes no ready files."""
        from togetherctl.auth.cache.ready_file import ReadyFiles

        return self._engine(ReadyFiles(self.paths, None))

    def engine_for(self, words: PluginWords) -> Engine:
        """The engine for a profile that these words make: it makes their ready file."""
        from togetherctl.auth.cache.plugin_ready_file import PluginReadyFiles

        return self._engine(PluginReadyFiles(self.paths, None, words))

    def kubeconfig_engine(self, provider: AuthProvider) -> Engine:
        """The engine for a session that lives in a user of a kubeconfig."""
        from togetherctl.auth.cache.files import FileSessions
        from togetherctl.auth.cache.kubeconfig import KubeconfigSessions
        from togetherctl.auth.cache.ready_file import ReadyFiles

        sessions = KubeconfigSessions(provider, FileSessions(self.paths.sessions))
        return self._engine(ReadyFiles(self.paths, None), lambda _profile: sessions)

    def _engine(self, ready: ReadyFiles, sessions: Callable[[Profile], Sessions] | None = None) -> Engine:
        from togetherctl.auth.collaborators import Collaborators
        from togetherctl.auth.engine import Engine

        collaborators = Collaborators(
            sessions=sessions or self.sessions,
            ready=ready,
            issuers=self.issuers,
            conversation=self.conversation,
            clock=self.clock,
            sleep=self.sleep,
        )
        return Engine(collaborators, refresh_behind=self.refresh_in_background or self._refresh_behind)

    @property
    def policy(self) -> Policy:
        """What the environment lets this run do."""
        from togetherctl.auth.engine import Policy

        return Policy(ask=may_ask(self.environ), behind=may_leave_work_behind(self.environ))

    @cached_property
    def ready(self) -> ReadyFiles:
        """The ready files of the configuration as it was read. A configuration named by the environment gets none."""
        from togetherctl.auth.cache.ready_file import ReadyFiles

        if self.environ.get(CONFIG):
            return ReadyFiles(self.paths, None)
        return ReadyFiles(self.paths, self._known.status or self.config.status)

    def sessions(self, profile: Profile) -> Sessions:
        """Where the profile's session is kept."""
        if profile.storage == "memory":
            return self.memory
        place = (profile.storage, profile.sessions or self.paths.sessions, profile.ways)
        if place not in self._session_files:
            self._session_files[place] = self._open_session_files(*place)
        return self._session_files[place]

    @cached_property
    def _session_files(self) -> dict[tuple[Storage, Path, ProfileHints], Sessions]:
        return {}

    def _open_session_files(self, storage: Storage, folder: Path, ways: ProfileHints) -> Sessions:
        from togetherctl.auth.cache.files import FileSessions
        from togetherctl.auth.cache.record import Plain

        if storage == "keyring":
            from togetherctl.auth.cache.sealed import Sealed

            return FileSessions(folder, Sealed(self.sealing_key, ways))
        return FileSessions(folder, Plain(ways))

    @cached_property
    def sealing_key(self) -> SealingKey:
        """The key that seals sessions; the keyring is asked for it when it is needed, and once."""
        from togetherctl.auth.cache.sealing_key import SealingKey

        def say_so() -> None:
            self.conversation.say("waiting for the keyring, which may be asking to be unlocked")

        if self.first is not None:
            return self.first.sealing_key.heard_by(waiting=say_so, go_on=self.conversation.go_on)
        return SealingKey(
            self.paths.state / "keyring.lock",
            seconds=_KEYRING_SECONDS if may_ask(self.environ) else _KEYRING_ALONE_SECONDS,
            waiting=say_so,
            go_on=self.conversation.go_on,
        )

    @cached_property
    def memory(self) -> MemorySessions:
        from togetherctl.auth.cache.files import FileSessions
        from togetherctl.auth.cache.memory import MemorySessions

        if self.first is not None:
            return self.first.memory
        return MemorySessions(FileSessions(self.paths.sessions))

    def changing_config(
        self, *, settle: str | None = None, seen: str | None = None
    ) -> AbstractContextManager[TomlText]:
        """Edit the configuration in a transaction; see `StoreTransaction.run`."""
        from togetherctl.auth.cache.migrate import ConfigTransaction

        transaction = ConfigTransaction(
            self.paths,
            self.environ,
            self.sealing_key,
            self.conversation,
            forget_known=self._known.drop_all,
            keep_known=lambda config, names: self._known.fill(config, names, now=self.clock()),
            log_out=lambda profile: self.engine.logout(profile, local=True),
        )
        return transaction.run(settle, seen=seen)

    def _refresh_behind(self, profile: Profile, lock: int) -> None:
        from togetherctl.auth.background_refresh import refresh_in_background

        refresh_in_background(profile.name, lock, self.environ)

    def _open_browser(self, url: str, profile: Profile) -> Opened | None:
        from togetherctl.auth.browser import open_browser
        from togetherctl.auth.cache.migrate import read_if_sound

        # Read for its secrets alone: a login with flags needs no configuration.
        config = read_if_sound(self.paths, self.environ)
        environ = for_child(self.environ, config.secret_variables() if config else ())
        environ.pop(CALLERS, None)
        return open_browser(url, profile.browser if self.policy.ask else False, environ)

    def look_around(self, profile: Profile) -> LoginEnvironment:
        """Where a login of this profile would take place."""
        from togetherctl.auth.login_environment import detect_environment

        # A browser that a person names, here or in the configuration, is one that comes up.
        return detect_environment(self.environ, browser_named=bool(profile.browser) or self.open_browser is not None)
