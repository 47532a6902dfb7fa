"""Ready files: finished credentials, which the shim and the fast path serve.

They are written under the session's lock only, and only where nothing can make them wrong unseen: no other session of
that KEY, no configuration that is younger than some shells can tell apart, no folder that others can enter.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from togetherctl import fastpath
from togetherctl.disk import is_ours, leftovers, make_private_folder, open_to_others, read_whole, remove, write_whole
from togetherctl.kube.exec_credential import V1, render
from togetherctl.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.config.types import Storage
    from togetherctl.paths import Paths

# Some shells compare the times of files by whole seconds.
_STORE_AGE = 2.0
# Before any real edit: where all files have one such mtime, it tells no two configurations apart.
_NO_MTIME = 631_152_000
_LONGEST = 1024 * 1024
# How the shim begins the name of the file by which one call goes on and others wait; no profile is called so.
CLAIM = ".claim-"
# How the file begins that has the mtime of the configuration, which the shim cannot get from a number.
STAMP = ".config-"


@dataclass(frozen=True)
class ReadyFiles:
    """The ready files of one configuration; `config_status` is of the file that was read; without it none is made."""

    paths: Paths
    config_status: os.stat_result | None

    def write(
        self, profile: str, key: str, storage: Storage, *, token: str, ask_again_at: float, until: float, now: float
    ) -> None:
        """Have `token` ready for `profile` until `until`. Call it under the session's lock; times since 1970.

        `key` may also be the path of a forwarded agent's socket, which the token then is good as long as.
        `ask_again_at` is what the client is told. What prevents it is no error: without a ready file everything works,
        only slower.
        """
        folder = self._folder(storage)
        made_of = fastpath.place(str(self.paths.config), str(self.paths.sessions))
        if folder is None or self.config_status is None or not made_of.isprintable() or made_of != made_of.strip():
            return
        changed_at = self.config_status.st_mtime
        if now - changed_at < _STORE_AGE or changed_at < _NO_MTIME or not int(now) < int(until):
            return
        body = render(V1, token, ask_again_at)
        state = fastpath.state(self.config_status)
        header = fastpath.header(
            profile, written=int(now), until=int(until), length=len(body), key=key, state=state, made_of=made_of
        )
        path = folder / profile
        with suppress(OSError):
            if not has_private(folder):
                return
            # Whose folder it is in memory, who may exchange what is in it.
            if storage == "keyring" and not is_ours(folder.parent.parent.stat()):
                return
            if self._config_changed():
                return
            session = Path(key) if key.startswith("/") else self.paths.sessions / f"{key}.json"
            write_dated(path, f"{header}{body}\n", like=session)
            if self._config_changed():
                path.unlink()
            self._stamp(folder, self.config_status)

    def is_good(self, profile: str, storage: Storage, *, now: float) -> bool:
        """Whether there is a ready file that would be served."""
        folder = self._folder(storage)
        if folder is None:
            return False
        try:
            return bool(
                fastpath.credential(
                    str(folder / profile),
                    profile=profile,
                    config=str(self.paths.config),
                    sessions=str(self.paths.sessions),
                    now=now,
                )
            )
        except (OSError, ValueError):
            return False

    def drop(self, key: str | None) -> None:
        """Remove the ready files of every profile that shares the session `key`; with None all.

        A folder that is a link, or not ours, may hold anything: there only what is certainly a ready file goes.
        """
        for folder, own in self._folders():
            under_way = {left.path for left in leftovers(folder) if not left.owner.is_dead()}
            for path in files_in(folder):
                made_of = _key_of(path)
                if path.name.startswith((CLAIM, STAMP)) and key is not None:
                    continue
                if made_of is None:
                    if own and path not in under_way:
                        _remove(path)
                elif key in (made_of, None):
                    _remove(path)

    def forget_others(self) -> None:
        """Now that the configuration was read, have the shim serve nothing that was made of another one there.

        Python sees by itself that it is another; the shim may not, where both have one mtime.
        """
        if self.config_status is not None:
            for folder, own in self._folders():
                if own:
                    self._forget_others(folder, f"{STAMP}{fastpath.state(self.config_status)}")

    def _forget_others(self, folder: Path, stamp: str) -> None:
        for path in files_in(folder):
            if path.name.startswith(STAMP) and path.name != stamp:
                with suppress(OSError, ValueError):
                    if read_whole(path, limit=_LONGEST, follow=False)[0] == os.fsencode(self.paths.config):
                        path.unlink()

    def _stamp(self, folder: Path, status: os.stat_result) -> None:
        """Have a file by which the shim knows this configuration. Raises OSError."""
        config = self.paths.config
        stamp = folder / f"{STAMP}{fastpath.state(status)}"
        # Of what a link leads to, an exchange may have the same time; then only Python serves.
        if config.is_symlink() or config.parent.is_symlink():
            return
        with suppress(FileNotFoundError):
            # One that was cut off before it got its time would keep the shim from serving.
            if stamp.lstat().st_mtime_ns == status.st_mtime_ns:
                return
        self._forget_others(folder, stamp.name)
        write_dated(stamp, str(config), like=status)

    def say_login(self, profile: str) -> None:
        """Tell shims that wait for this process that it is in a login, which takes longer than they would wait."""
        claim = _claim_of(self.paths, profile)
        if claim is not None:
            with suppress(OSError), claim.open("r+b", buffering=0) as file:
                # As long as what it was made with, `works`: a file that is empty for a moment would be taken over.
                file.seek(len(f"{os.getpid()} "))
                file.write(b"login")

    def _folder(self, storage: Storage) -> Path | None:
        """Where a credential may lie: what the keyring seals does not go to disk in the clear."""
        if os.name != "posix" or storage == "memory":
            return None
        if storage == "keyring":
            return self.paths.runtime / "ready" if self.paths.runtime else None
        return self.paths.ready

    def _folders(self) -> Iterator[tuple[Path, bool]]:
        """Where ready files may lie, and whether the folder is ours alone to fill."""
        # Another terminal of this person may have a runtime folder that this one does not know of.
        usual = Path(f"/run/user/{os.geteuid()}/togetherctl/ready") if os.name == "posix" else None
        for folder in dict.fromkeys(filter(None, (self.paths.ready, self._folder("keyring"), usual))):
            with suppress(OSError):
                status = folder.lstat()
                yield folder, stat.S_ISDIR(status.st_mode) and is_ours(status)

    def _config_changed(self) -> bool:
        known = self.config_status
        return known is None or fastpath.state(self.paths.config.stat()) != fastpath.state(known)


def write_dated(path: Path, text: str, *, like: Path | os.stat_result) -> None:
    """Write a file with the mtime of another one, by which the shim sees that this is the same. Raises OSError."""
    mtime_ns = (like.stat() if isinstance(like, Path) else like).st_mtime_ns
    write_whole(path, text.encode("utf-8", "surrogateescape"), durable=False)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def has_private(folder: Path) -> bool:
    """Whether the folder, which is made if need be, and the one above it are ours alone. Raises OSError."""
    make_private_folder(folder)
    statuses = (folder.lstat(), folder.parent.lstat())
    return all(is_ours(status) and not open_to_others(status) for status in statuses)


def files_in(folder: Path) -> list[Path]:
    """What is in a folder; nothing where it is not there or cannot be looked into."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _remove(path: Path) -> None:
    with suppress(OSError):
        remove(path)


def _key_of(path: Path) -> str | None:
    """The session that a ready file of ours was made of; None for anything else, which is not waited for."""
    try:
        # The agent tells by the access time which ready files are used, and this is no use of one.
        data, status = read_whole(path, limit=_LONGEST, follow=False, traceless=True)
        form, version, *rest = data.partition(b"\n")[0].decode("utf-8", "surrogateescape").split(" ", 8)
        return rest[4] if f"{form} {version}" == fastpath.FORM and is_ours(status) else None
    except (OSError, LookupError, ValueError):
        return None


def end_claim(paths: Paths, profile: str) -> None:
    """Let shims that wait for this process go on: it has left what it can."""
    claim = _claim_of(paths, profile)
    if claim is not None:
        with suppress(OSError):
            claim.unlink()


def _claim_of(paths: Paths, profile: str) -> Path | None:
    """The file by which the shim that became this process makes others wait for it."""
    path = paths.ready / f"{CLAIM}{profile}"
    try:
        data, status = read_whole(path, limit=256, follow=False)
    except (OSError, ValueError):
        return None
    return path if is_ours(status) and data.split()[:1] == [b"%d" % os.getpid()] else None
