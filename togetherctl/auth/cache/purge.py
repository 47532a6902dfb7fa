"""Delete the token cache: every file of ours that holds a token, and kubelogin's where asked.

A file goes only if its name and its form say whose it is. Folders stay, and so do lock files of ours: a process
that is about to take one would hold a lock that no other can see.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl import fastpath
from togetherctl.auth.cache.files import FileSessions, form_of
from togetherctl.auth.cache.ready_file import CLAIM, STAMP, files_in
from togetherctl.auth.time_limits import LOCK_SECONDS
from togetherctl.disk import Leftover, is_ours, leftovers, read_whole
from togetherctl.errors import StorageError
from togetherctl.lock import LockTimeout, hold_lock, this_machine
from togetherctl.temporary_folder import abandoned, remove_folder

if TYPE_CHECKING:
    from togetherctl.paths import Paths


_OURS = re.compile(
    r"\.?(?P<key>[0-9a-f]{64})\.(?:lock|login|json|json\.bad(?:\.[0-9a-f]{8})?|json\..+\.tmp|login\..+\.tmp)"
)
_DISCOVERY = re.compile(r"[0-9a-f]{32}\.json|\.[0-9a-f]{32}\.json\..+\.tmp")
# The names that profiles may have, and the temporary files beside them.
_KNOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}|\.[A-Za-z0-9][A-Za-z0-9._@-]*\.tmp")
_MAX_BYTES = 1024 * 1024
# Where sealed sessions of flags are, beside the others.
SEALED = "keyring"


@dataclass
class PurgeResult:
    """What went, each with what it was; what stayed, each with why; and whether a session is among what stayed."""

    deleted: list[tuple[Path, str]] = field(default_factory=list)
    left: list[tuple[Path, str]] = field(default_factory=list)
    session_left: bool = False


class Purge:
    """One run over the folders. With `dry_run` nothing is deleted or locked, and what would go counts as deleted."""

    def __init__(self, *, dry_run: bool = False, seconds: float = LOCK_SECONDS) -> None:
        self._dry_run = dry_run
        self._seconds = seconds
        self.done = PurgeResult()

    def own(self, paths: Paths) -> None:
        """Everything below togetherctl's own folders. What cannot be deleted is left, and said so."""
        self._ready(paths)
        self.sessions(paths.sessions, trusting_names=True)
        self.sessions(paths.sessions / SEALED, trusting_names=True)
        if not self._dry_run:
            # One that was busy with a session, and was waited for, has left what it brought.
            self._ready(paths)
        for path in files_in(paths.discovery):
            if _DISCOVERY.fullmatch(path.name):
                self._delete(path, "metadata of an issuer")
        for path in files_in(paths.known):
            if _KNOWN.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                self._delete(path, "a profile as it was read before")
        for folder in (paths.state, paths.bundles, paths.shim.parent):
            self._leftovers(leftovers(folder))
        self._abandoned(paths.own_kubeconfigs, "a kubeconfig that a killed togetherctl left")
        self._abandoned([paths.edits], "a copy of the configuration that a killed togetherctl left")

    def _ready(self, paths: Paths) -> None:
        """Finished credentials, and what is beside them."""
        for folder in filter(None, (paths.ready, paths.runtime and paths.runtime / "ready")):
            stays = {path for path, _ in self.done.left}
            for path in files_in(folder):
                if path in stays:
                    continue
                if _is_ready_file(path):
                    self._delete(path, "a finished credential")
                elif path.name.startswith(STAMP) and path.is_file():
                    self._delete(path, "the time of a configuration")
                elif path.name.startswith(CLAIM) and path.is_file():
                    # One that is in use may go as well: who waits goes on.
                    self._delete(path, "the mark of a call that others wait for")

    def beside(self, files: Iterable[Path]) -> None:
        """What killed writers left of files that are a person's own: the configuration, kubeconfigs, client secrets."""
        for path in files:
            for place in dict.fromkeys((path, path.resolve())):
                self._leftovers(
                    left
                    for left in leftovers(place.parent)
                    if left.of == place.name or left.of.startswith(f"{place.name}.")
                )

    def _leftovers(self, found: Iterable[Leftover]) -> None:
        for left in sorted(found):
            if left.owner.machine in ("", this_machine()) and not left.owner.is_dead():
                self.done.left.append((left.path, f"process {left.owner.pid} is writing it"))
            else:
                self._delete(left.path, "what a killed togetherctl left")

    def _abandoned(self, folders: Iterable[Path], kind: str) -> None:
        for folder in folders:
            for path in abandoned(folder, anywhere=True):
                if not self._dry_run:
                    remove_folder(path)
                self.done.deleted.append((path, kind))

    def named(self, folder: Path) -> None:
        """Our sessions and kubelogin's in a folder that a person named, which may hold anything else."""
        self._kubelogin(folder)
        self.sessions(folder)
        self.sessions(folder / SEALED)
        gone = {path for path, _ in self.done.deleted} | {path for path, _ in self.done.left}
        for path in files_in(folder):
            if path not in gone and not path.is_dir() and not _OURS.fullmatch(path.name):
                self.done.left.append((path, "it is neither togetherctl's nor kubelogin's"))

    def sessions(self, folder: Path, *, trusting_names: bool = False) -> None:
        """Our sessions in one folder; a file that only has such a name stays, unless the folder is our own."""
        files: dict[str, list[Path]] = {}
        for path in files_in(folder):
            match = _OURS.fullmatch(path.name)
            if match and path.suffix != ".lock":
                files.setdefault(match["key"], []).append(path)
        for key, paths in files.items():
            session = folder / f"{key}.json"
            form = form_of(session) if session in paths else "plain"
            if form == "newer":
                self._stays(session, "it was written by a newer togetherctl")
            elif form != "other" or trusting_names:
                self._session(FileSessions(folder), key, paths)
            else:
                self.done.left.append((session, "it has the name of a session but holds none"))

    def _session(self, sessions: FileSessions, key: str, paths: Sequence[Path]) -> None:
        session = sessions.folder / f"{key}.json"
        logins = sessions.login_file(key)

        def under_way() -> bool:
            login = logins.read()
            return login is not None and login.under_way

        if self._dry_run:
            self._went(paths)
            return
        # Without its lock no process is busy with a session, and no lock is left behind in a person's folder.
        is_locked = (sessions.folder / f"{key}.lock").exists()
        try:
            with (
                sessions.lock(key, seconds=lambda: 0.0 if under_way() else self._seconds)
                if is_locked
                else nullcontext()
            ):
                sessions.delete(key)
                for path in paths:
                    path.unlink(missing_ok=True)
        except LockTimeout:
            if not under_way():
                self._stays(session, "another togetherctl is busy with it")
                return
            # What the login brings is a session of its own; the record of it is its owner's.
            paths = [path for path in paths if ".login" not in path.name]
            try:
                sessions.delete(key)
            except (StorageError, OSError) as error:
                self._stays(session, _reason(error))
        except (StorageError, OSError) as error:
            self._stays(session, _reason(error))
        self._went(path for path in paths if not os.path.lexists(path))

    def _kubelogin(self, folder: Path) -> None:
        try:
            sessions = [path for path in sorted(folder.iterdir()) if _is_kubelogin_session(path)]
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self.done.left.append((folder, _reason(error)))
            return
        for session in sessions:
            # kubelogin holds this while it works on a session.
            lock = session.with_name(f"{session.name}.lock")
            has_lock = lock.is_file() and not lock.is_symlink()
            try:
                with hold_lock(lock, seconds=0.0) if has_lock and not self._dry_run else nullcontext():
                    self._delete(session, "a session of kubelogin", session=True)
                    if has_lock:
                        self._delete(lock, "its lock")
            except LockTimeout:
                self._stays(session, "kubelogin is busy with it")
            except OSError as error:
                self._stays(session, _reason(error))

    def _delete(self, path: Path, kind: str, *, session: bool = False) -> None:
        if not self._dry_run:
            try:
                path.unlink()
            except FileNotFoundError:
                return
            except OSError as error:
                self.done.left.append((path, _reason(error)))
                self.done.session_left |= session
                return
        self.done.deleted.append((path, kind))

    def _stays(self, session: Path, reason: str) -> None:
        # First, because it matters most.
        self.done.left.insert(0, (session, reason))
        self.done.session_left = True

    def _went(self, paths: Iterable[Path]) -> None:
        for path in paths:
            kind = "the record of a login" if ".login" in path.name else "a session"
            self.done.deleted.append((path, kind))


def holds_sealed(folder: Path) -> bool:
    """Whether a session in `folder` is sealed with the key from the keyring; a newer one counts as sealed."""
    return any(_OURS.fullmatch(path.name) and form_of(path) in ("sealed", "newer") for path in files_in(folder))


def _is_ready_file(path: Path) -> bool:
    # Of any version: an older one may have left some.
    form = fastpath.FORM.encode("ascii").partition(b" ")[0] + b" "
    if path.suffix == ".tmp" and path.name.startswith("."):
        return path.is_file() and not path.is_symlink()
    try:
        return read_whole(path, limit=_MAX_BYTES, follow=False)[0].startswith(form)
    except OSError:
        return False


def _reason(error: StorageError | OSError) -> str:
    return error.message if isinstance(error, StorageError) else error.strerror or "the system refused"


_KUBELOGIN_NAME = re.compile(r"[0-9a-f]{64}")
_KUBELOGIN_KEYS = frozenset({"id_token", "refresh_token"})


def _is_kubelogin_session(path: Path) -> bool:
    """Whether kubelogin keeps a session in this file, which must be ours and no symlink."""
    if not _KUBELOGIN_NAME.fullmatch(path.name):
        return False
    try:
        data, status = read_whole(path, limit=_MAX_BYTES, follow=False)
        tokens = json.loads(data)
    except (OSError, ValueError, RecursionError):
        return False
    return (
        is_ours(status)
        and isinstance(tokens, dict)
        and bool(tokens)
        and _KUBELOGIN_KEYS.issuperset(tokens)
        and all(isinstance(token, str) for token in tokens.values())
    )
