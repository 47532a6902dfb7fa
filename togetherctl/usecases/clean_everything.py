"""Delete what is left of togetherctl once its token cache is gone, but not the configuration and kubeconfigs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

from togetherctl import keyring_secrets
from togetherctl.agent import ahead_uses, log, stopped, trouble
from togetherctl.agent.client import runs
from togetherctl.agent.protocol import AGENT_LOCK
from togetherctl.agent.sockets import is_left
from togetherctl.auth.cache.purge import SEALED, PurgeResult
from togetherctl.auth.cache.ready_file import files_in
from togetherctl.config.client_secret import keyring_name
from togetherctl.errors import TogetherctlError, UsageError
from togetherctl.lock import LockTimeout, hold_lock
from togetherctl.paths import Paths, single_file_folder
from togetherctl.together.api import base_url
from togetherctl.usecases.together_api_key import keyring_name as api_key_name
from togetherctl.wiring import World

_SESSION_LOCK = re.compile(r"[0-9a-f]{64}\.lock")
_LOCK = "a lock"
_BUNDLE = re.compile(r"[0-9a-f]{64}\.toml")


def delete_remaining_files(paths: Paths, done: PurgeResult, *, dry_run: bool, services: Iterable[Path] = ()) -> None:
    """Delete the script that kubeconfigs call, records, locks that no process holds, and folders that are then empty.

    `services` are files of ours by which the agent is started.

    What is not known to be ours stays, and is added to `done.left`.
    """
    for path, kind in (*((path, "the agent's service") for path in services), *_remaining_files(paths)):
        try:
            if os.path.lexists(path):
                _delete(path, is_lock=kind == _LOCK, dry_run=dry_run)
                done.deleted.append((path, kind))
        except LockTimeout:
            done.left.append((path, "another togetherctl is busy"))
        except OSError as error:
            done.left.append((path, error.strerror or "the system refused"))
    done.left += [(path, "the agent that runs uses it") for path in _in_use(paths)]
    if not dry_run:
        _delete_empty_folders(paths, done)


def _delete(path: Path, *, is_lock: bool, dry_run: bool) -> None:
    # A lock that another process holds means that it is busy.
    with hold_lock(path, seconds=0.0) if is_lock and not dry_run else nullcontext():
        if not dry_run:
            path.unlink()


def _delete_empty_folders(paths: Paths, done: PurgeResult) -> None:
    told = {path for path, _ in done.left}
    for folder in _folders(paths):
        with suppress(OSError):
            folder.rmdir()
        unknown = [path for path in files_in(folder) if path not in told and not path.is_dir()]
        done.left += [(path, "it is not known to be togetherctl's") for path in unknown]


def delete_single_file(environ: Mapping[str, str], done: PurgeResult, *, dry_run: bool) -> None:
    """Delete what the single file unpacked of itself, every version of it.

    It comes last: where the single file itself runs, nothing can be imported after that.
    """
    try:
        folder = single_file_folder(environ)
    except UsageError:
        # Without a home it cannot have unpacked anything.
        return
    # A link is another's; what it leads to stays.
    if folder.is_symlink() or not folder.is_dir():
        return
    try:
        if not dry_run:
            shutil.rmtree(folder)
    except OSError as error:
        done.left.append((folder, error.strerror or "the system refused"))
    else:
        done.deleted.append((folder, "what the single file unpacked"))


def delete_keyring_secrets(world: World) -> Iterator[str]:
    """Delete the client secrets of the configuration's profiles and the API key; a sentence for each.

    Raises StorageError where the keyring cannot be used.
    """
    for name, what in _keyring_names(world):
        if keyring_secrets.delete(name):
            yield f"Deleted {what} from the keyring."


def _remaining_files(paths: Paths) -> Iterator[tuple[Path, str]]:
    yield paths.shim, "what kubeconfigs call"
    yield paths.taken, "what sources gave last"
    yield paths.state / "conversions.json", "the record of conversions"
    yield paths.contexts, "the contexts that use left"
    yield paths.forced, "the marks of forced refreshes"
    yield from _agent_files(paths)
    for path in files_in(paths.bundles):
        if _BUNDLE.fullmatch(path.name):
            yield path, "a bundle"
    for folder in (paths.sessions, paths.sessions / SEALED):
        for path in files_in(folder):
            if _SESSION_LOCK.fullmatch(path.name):
                yield path, _LOCK
    yield paths.state / "keyring.lock", _LOCK
    yield paths.state / "store.lock", _LOCK
    yield paths.forced.with_suffix(".lock"), _LOCK


def _agent_files(paths: Paths) -> Iterator[tuple[Path, str]]:
    """What the agent keeps, and its sockets where none runs: those of one that runs are in use."""
    for path in log.files(paths.agent_state):
        yield path, "the agent's log"
    yield paths.agent_state / trouble.NAME, "what the agent warned of"
    yield paths.agent_answers, "the answers that the agent remembers"
    yield paths.agent_answers.with_suffix(".lock"), _LOCK
    yield paths.agent_state / ahead_uses.USED, "when profiles were used last"
    if not runs(paths.agent):
        for path in _sockets(paths):
            # A service manager may listen there for an agent to come.
            with suppress(OSError):
                if is_left(path):
                    yield path, "a socket of an agent that is gone"
        yield paths.agent / AGENT_LOCK, _LOCK
        yield paths.agent / stopped.NAME, "the mark of agent stop"
        yield paths.agent_mark, "the mark of the agent's questions"


def _sockets(paths: Paths) -> tuple[Path, ...]:
    return paths.agent_socket, paths.agent_control, *sorted(paths.agent.glob("forward-*.sock"))


def _in_use(paths: Paths) -> Iterator[Path]:
    """What an agent that runs needs, and goes with it."""
    if runs(paths.agent):
        known = (*_sockets(paths), paths.agent / AGENT_LOCK, paths.agent / stopped.NAME, paths.agent_mark)
        yield from filter(os.path.lexists, known)


def _folders(paths: Paths) -> Iterator[Path]:
    """Our folders, each after those in it."""
    yield paths.sessions / SEALED
    yield from (paths.sessions, paths.bundles, paths.shim.parent, paths.ready, paths.known, paths.discovery)
    yield from (*paths.own_kubeconfigs, paths.edits, paths.agent_state, paths.state / "run")
    if paths.runtime is not None:
        yield from (paths.runtime / "ready", paths.runtime)
    yield from (paths.state, paths.cache)


def _keyring_names(world: World) -> Iterator[tuple[str, str]]:
    # A configuration that cannot be read names no secrets.
    with suppress(TogetherctlError):
        table = world.config.table
        for profile in table.profiles.values():
            if profile.client_secret is not None and profile.client_secret.kind == "keyring":
                issuer = table.issuers[profile.issuer].url
                yield keyring_name(issuer, profile.client_id), f"the client secret of {profile.client_id} at {issuer}"
    url = base_url(world.environ)
    yield api_key_name(url), f"the API key for {url}"
