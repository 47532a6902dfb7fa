"""What several checks need to know, each thing found out once, whichever thread asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, TypeVar

from togetherctl.errors import ConfigError, StorageError, TogetherctlError
from togetherctl.finding import Skip

if TYPE_CHECKING:
    from togetherctl.auth.cache.login_record import LoginRecord
    from togetherctl.auth.issuer_check import Report
    from togetherctl.auth.issuer_findings import ClientNeeds
    from togetherctl.auth.login_environment import LoginEnvironment
    from togetherctl.auth.session import Session
    from togetherctl.config.config import Cluster, Config
    from togetherctl.config.profile import Profile
    from togetherctl.keyring_secrets import Access
    from togetherctl.kube.kubeconfig import KubeconfigFile
    from togetherctl.usecases.kubeconfig_state import KubeconfigState
    from togetherctl.usecases.session_snapshot import SessionSnapshot
    from togetherctl.wiring import World

_T = TypeVar("_T")
# A keyring that answers by itself does so at once.
KEYRING_SECONDS = 5.0
_NOT_AT_HAND = {
    "locked": "the keyring is locked",
    "may-ask": "the keyring may ask a person before it answers",
    "forgets": "the keyring keeps nothing",
}


class Facts:
    """What is known while checks run, from several threads.

    `profiles` and `clusters` are those asked for, else all of the configuration; both are empty, and `trouble` says
    why, where that cannot be read. `offline`: no request to an issuer or a cluster. `fixing`: a token that has
    expired may be renewed, as any call of kubectl would.
    """

    def __init__(
        self,
        world: World,
        profiles: Sequence[str] = (),
        clusters: Sequence[str] = (),
        *,
        offline: bool = False,
        fixing: bool = False,
    ) -> None:
        self.world = world
        self.offline = offline
        self.fixing = fixing
        self.trouble: ConfigError | None = None
        self.profiles: Sequence[Profile] = ()
        self.clusters: Sequence[Cluster] = ()
        self._lock = threading.Lock()
        self._turns: dict[Hashable, threading.Lock] = {}
        self._known: dict[Hashable, object] = {}
        try:
            self._choose(world.config, profiles, clusters)
        except ConfigError as error:
            self.trouble = error

    def _choose(self, config: Config, profiles: Sequence[str], clusters: Sequence[str]) -> None:
        chosen = config.clusters(clusters) if clusters else ()
        names = list(dict.fromkeys([*profiles, *(cluster.profile for cluster in chosen)])) or list(
            config.table.profiles
        )
        self.profiles = [config.profile(name) for name in names]
        self.clusters = chosen or config.clusters([one for name in names for one in config.clusters_of(name)])

    @property
    def config(self) -> Config:
        """The configuration. Raises Skip where it cannot be read, which is a finding of its own check."""
        if self.trouble is not None:
            raise Skip("the configuration cannot be read")
        return self.world.config

    def once(self, key: Hashable, find: Callable[[], _T]) -> _T:
        """What `find` gives or raises, found out once for `key`; other threads that ask meanwhile wait for it."""
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            if key not in self._known:
                try:
                    self._known[key] = find()
                except (TogetherctlError, Skip) as error:
                    self._known[key] = _Raised(error)
            known = self._known[key]
        if isinstance(known, _Raised):
            raise known.error
        return known  # type: ignore[return-value] # what find() gave for this key

    def alike(self, key: Callable[[Profile], Hashable], profiles: Sequence[Profile]) -> list[tuple[str, Profile]]:
        """The first of those `profiles` that are the same by `key`, with what to call all of these."""
        groups: dict[Hashable, list[Profile]] = {}
        for profile in profiles:
            groups.setdefault(key(profile), []).append(profile)
        return [(f"{one.name} and {len(more)} more" if more else one.name, one) for one, *more in groups.values()]

    def place(self, profile: Profile) -> LoginEnvironment:
        """Where a login of the profile would run."""
        return self.once(("place", bool(profile.browser)), lambda: self.world.issuers.place(profile))

    def login(self, profile: Profile) -> LoginRecord | None:
        """The record of the session's login, under way or failed."""
        return self.world.sessions(profile).login_file(profile.key).read()

    def profile_of(self, cluster: Cluster) -> Profile:
        """The profile that opens the cluster."""
        name = cluster.profile
        return self.once(("profile", name), lambda: self.config.profile(name))

    def snapshot(self, profile: Profile) -> SessionSnapshot:
        """The profile's session as it is stored; nothing is asked of the network.

        Raises Skip where the keyring seals it and would ask a person first.
        """
        from togetherctl.usecases.session_snapshot import read_snapshot

        if profile.storage == "keyring":
            self.keyring_at_hand()
        return self.once(("snapshot", profile.name), lambda: read_snapshot(self.world, profile))

    def kubeconfigs(self) -> Sequence[KubeconfigFile]:
        """The kubeconfigs of kubectl, to read alone. Raises Skip where one cannot be read, which its own check says."""
        from togetherctl.errors import KubeconfigError
        from togetherctl.kube.kubeconfig import KubeconfigFile, kubeconfig_files

        def read() -> Sequence[KubeconfigFile]:
            try:
                return [KubeconfigFile.read(path) for path in kubeconfig_files(None, self.world.environ)]
            except KubeconfigError:
                raise Skip("a kubeconfig cannot be read") from None

        return self.once("kubeconfigs", read)

    def session(self, profile: Profile) -> Session | None:
        """The profile's session; None where there is none, or none that can be read without asking a person."""
        try:
            return self.snapshot(profile).session
        except Skip:
            return None

    def keyring(self) -> Access:
        """Whether the keyring gives secrets without asking a person; where a profile seals its session, it was read.

        Raises StorageError where it cannot be used.
        """
        from togetherctl import keyring_secrets
        from togetherctl.auth.cache.sealing_key import NAME

        def look() -> Access:
            patience = keyring_secrets.Patience(KEYRING_SECONDS)
            access = keyring_secrets.look(patience)
            if access == "open" and any(profile.storage == "keyring" for profile in self.profiles):
                keyring_secrets.read(NAME, patience)
            return access

        return self.once("keyring", look)

    def keyring_at_hand(self) -> None:
        """Raises Skip where the keyring cannot be read at once, without asking a person."""
        try:
            access = self.keyring()
        except StorageError:
            raise Skip("the keyring cannot be used") from None
        if access != "open":
            raise Skip(_NOT_AT_HAND[access])

    def kubeconfig(self) -> KubeconfigState:
        """What kubectl knows of the configuration's clusters."""
        from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

        return self.once("kubeconfig", lambda: read_kubeconfig_state(self.world))

    def issuer(self, profile: Profile) -> Report:
        """How the profile's issuer looks, its client and redirect URIs included. Raises Skip where offline.

        Profiles of one issuer share what was asked.
        """
        if self.offline:
            raise Skip("offline")
        from togetherctl.auth.issuer_check import Shared, check_issuer

        issuer, needs = profile.issuer, self._needs(profile)
        shared = self.once(("shared", issuer.name), Shared)
        return self.once(
            ("issuer", issuer.name, needs),
            lambda: check_issuer(
                self.world.issuers,
                issuer.url,
                issuer.connection,
                preset=self.config.table.issuers[issuer.name].preset,
                wishes=needs,
                shared=shared,
            ),
        )

    def _needs(self, profile: Profile) -> ClientNeeds:
        from togetherctl.auth.grants.registry import WITHOUT_BROWSER
        from togetherctl.auth.issuer_findings import ClientNeeds

        by_browser, issuer = profile.grant not in WITHOUT_BROWSER, profile.issuer
        return ClientNeeds(
            scopes=profile.scopes,
            redirect_uris=tuple(loopback.redirect_uri for loopback in profile.loopbacks),
            offline_access=profile.offline_access,
            has_secret=profile.secret is not None,
            device_endpoint=issuer.device_authorization_endpoint,
            revocation_endpoint=issuer.revocation_endpoint,
            by_browser=by_browser,
            pkce=profile.pkce != "no",
            client_id=profile.client_id if by_browser else None,
            profile=profile.name,
            issuer=issuer.name,
        )


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error
