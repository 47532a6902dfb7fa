"""Watch the configuration, the sessions and the kubeconfig for changes by any process, by the times of their files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from togetherctl.config.config import Cluster, Config
from togetherctl.config.profile import Profile
from togetherctl.errors import TogetherctlError
from togetherctl.usecases.session_snapshot import SessionSnapshot, read_snapshot
from togetherctl.wiring import World

if TYPE_CHECKING:
    from togetherctl.usecases.kubeconfig_state import KubeconfigState

# Seconds between two looks, so that changes of other processes show within a second.
_EVERY = 0.4
# How many sessions one message carries, while the rest are still being read: first those that are in sight.
_FIRST_BATCH, _BATCH = 60, 500

Stamp = tuple[int, int, int, int]


@dataclass(frozen=True)
class ConfigRead:
    """The configuration as it is now. `profiles` in its order, their sessions not read yet."""

    config: Config
    profiles: tuple[SessionSnapshot, ...]


@dataclass(frozen=True)
class ConfigBroken:
    """The configuration cannot be used; `error` says every problem."""

    error: TogetherctlError


@dataclass(frozen=True)
class SessionsRead:
    """What was read of these profiles' sessions."""

    looked: tuple[SessionSnapshot, ...]


@dataclass(frozen=True)
class KubeconfigRead:
    """The current context, and where the kubeconfig differs from the configuration."""

    state: KubeconfigState


@dataclass(frozen=True)
class Failed:
    """A bug ended the watcher."""

    error: Exception


Finding = ConfigRead | ConfigBroken | SessionsRead | KubeconfigRead | Failed


class Watcher:
    """A thread that `tell`s what it finds, first everything, then what changed. It asks no network.

    `world` gives the world to read with; it is called at each look. The thread ends with the process, so that a
    keyring that waits for a person does not hold up quitting.
    """

    def __init__(self, world: Callable[[], World], tell: Callable[[Finding], object]) -> None:
        self._world = world
        self._tell = tell
        self._wake = Event()
        self._ended = False
        self._everything = True
        self._config: Stamp | None = None
        self._read: Config | None = None
        self._kubeconfigs: list[Stamp | None] | None = None
        self._files: dict[str, Stamp] = {}
        self._logging_in: set[str] = set()
        self._profiles: list[tuple[Profile, tuple[Cluster, ...]]] = []

    def start(self) -> None:
        Thread(target=self._run, name="watcher", daemon=True).start()

    def stop(self) -> None:
        self._ended = True
        self._wake.set()

    def look_now(self) -> None:
        """Look at once, at everything: a session in memory changes no file."""
        self._everything = True
        self._wake.set()

    def _run(self) -> None:
        while not self._ended:
            self._wake.clear()
            try:
                self.step()
            except Exception as error:  # noqa: BLE001 # the thread's edge: the app ends as for any other bug
                self._tell(Failed(error))
                return
            self._wake.wait(_EVERY)

    def step(self) -> None:
        """One look."""
        world = self._world()
        everything, self._everything = self._everything, False
        # Before reading: what changes while it is read is read again.
        config, files = _stamp(world.paths.config), _stamps(world.paths.sessions)
        if everything or config != self._config:
            self._config = config
            if not self._read_config(world):
                return
            changed = None
        else:
            # The end of a login whose process died changes no file.
            changed = self._logging_in | {
                name.partition(".")[0]
                for name in files.keys() | self._files.keys()
                if files.get(name) != self._files.get(name)
            }
        self._files = files
        # A keyring may be slow, so what needs none comes first.
        self._read_sessions(world, changed, in_keyring=False)
        self._read_kubeconfig(world)
        self._read_sessions(world, changed, in_keyring=True)

    def _read_config(self, world: World) -> bool:
        try:
            config = Config.load(world.paths.config, world.environ)
            profiles = config.profiles(everyone=True)
        except TogetherctlError as error:
            self._profiles = []
            self._tell(ConfigBroken(error))
            return False
        clusters: dict[str, list[Cluster]] = {}
        for cluster in config.clusters():
            clusters.setdefault(cluster.profile, []).append(cluster)
        self._profiles = [(profile, tuple(clusters.get(profile.name, ()))) for profile in profiles]
        # With another configuration, the same kubeconfig may differ from it.
        self._read, self._kubeconfigs = config, None
        self._tell(ConfigRead(config, tuple(SessionSnapshot(profile, its) for profile, its in self._profiles)))
        return True

    def _read_kubeconfig(self, world: World) -> None:
        from togetherctl.kube.kubeconfig import kubeconfig_files
        from togetherctl.usecases.kubeconfig_state import read_kubeconfig_state

        stamps = [_stamp(path) for path in kubeconfig_files(None, world.environ)]
        if self._read is not None and stamps != self._kubeconfigs:
            self._kubeconfigs = stamps
            self._tell(KubeconfigRead(read_kubeconfig_state(world.as_if(self._read))))

    def _read_sessions(self, world: World, keys: set[str] | None, *, in_keyring: bool) -> None:
        batch: list[SessionSnapshot] = []
        full = _FIRST_BATCH
        for profile, clusters in self._profiles:
            if (keys is not None and profile.key not in keys) or (profile.storage == "keyring") is not in_keyring:
                continue
            if self._ended:
                return
            found = read_snapshot(world, profile, clusters)
            batch.append(found)
            (self._logging_in.add if found.login else self._logging_in.discard)(profile.key)
            if len(batch) == full or profile.storage == "keyring":
                self._tell(SessionsRead(tuple(batch)))
                batch, full = [], _BATCH
        if batch:
            self._tell(SessionsRead(tuple(batch)))


def _stamp(path: Path) -> Stamp | None:
    try:
        return _times(path.stat())
    except OSError:
        return None


def _stamps(folder: Path) -> dict[str, Stamp]:
    stamps: dict[str, Stamp] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".json", ".login")) and not entry.name.startswith("."):
                # A file that vanished after it was listed has changed either way.
                with suppress(OSError):
                    stamps[entry.name] = _times(entry.stat(follow_symlinks=False))
    return stamps


def _times(status: os.stat_result) -> Stamp:
    # A corrected file mode changes only st_ctime.
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
