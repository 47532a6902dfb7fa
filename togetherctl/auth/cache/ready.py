"""Ready files: finished credentials, served by the shim and the fast path without loading anything else.

They are written under the session's lock only, and only where nothing can make them wrong unseen: no other session of
that KEY, no store that is younger than some shells can tell apart, no folder that others can enter.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl import fastpath
from togetherctl.disk import is_ours, make_private_folder, open_to_others, write_whole
from togetherctl.kube.exec_credential import V1, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from togetherctl.paths import Paths
    from togetherctl.store.choices import Storage

# Some shells compare the times of files by whole seconds.
_STORE_AGE = 2.0
# Before any real edit: where all files bear one such mtime, it tells no two stores apart.
_NO_MTIME = 631_152_000
_LONGEST_HEADER = 8 * 1024


@dataclass(frozen=True)
class ReadyFiles:
    """The ready files of one store, which had `store_mtime_ns` when it was read; without that none is written."""

    paths: Paths
    store_mtime_ns: int | None

    def write(self, profile: str, key: str, storage: Storage, *, token: str, until: float, now: float) -> None:
        """Have `token` ready for `profile` until `until`. Call it under the session's lock; times since 1970.

        What stands in the way is no error: without a ready file everything works, only slower.
        """
        folder = self._folder(storage)
        store = str(self.paths.config)
        if folder is None or self.store_mtime_ns is None or not store.isprintable() or store != store.strip():
            return
        changed_at = self.store_mtime_ns / 1e9
        if now - changed_at < _STORE_AGE or changed_at < _NO_MTIME or not int(now) < int(until):
            return
        body = render(V1, token, until)
        header = fastpath.header(profile, written=int(now), until=int(until), length=len(body), key=key, store=store)
        path = folder / profile
        with suppress(OSError):
            make_private_folder(folder)
            if any(not is_ours(status) or open_to_others(status) for status in _statuses(folder)):
                return
            if self._store_changed():
                return
            write_whole(path, f"{header}{body}\n".encode("utf-8", "surrogateescape"))
            os.utime(path, ns=(self.store_mtime_ns, self.store_mtime_ns))
            if self._store_changed():
                path.unlink()

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
                    store=str(self.paths.config),
                    sessions=str(self.paths.sessions),
                    now=now,
                )
            )
        except (OSError, ValueError):
            return False

    def drop(self, key: str) -> None:
        """Remove the ready files of every profile that shares the session `key`."""
        for path in self._files():
            if _key_of(path) in (key, None):
                with suppress(OSError):
                    path.unlink()

    def drop_all(self) -> None:
        for path in self._files():
            with suppress(OSError):
                path.unlink()

    def _folder(self, storage: Storage) -> Path | None:
        """Where a credential may lie: what the keyring seals does not go to disk in the clear."""
        if os.name != "posix" or storage == "memory":
            return None
        if storage == "keyring":
            return self.paths.runtime / "ready" if self.paths.runtime else None
        return self.paths.ready

    def _files(self) -> Iterator[Path]:
        # Another terminal of this person may have a runtime folder that this one does not know of.
        usual = Path(f"/run/user/{os.geteuid()}/togetherctl/ready") if os.name == "posix" else None
        for folder in dict.fromkeys(filter(None, (self.paths.ready, self._folder("keyring"), usual))):
            try:
                yield from sorted(folder.iterdir())
            except OSError:
                continue

    def _store_changed(self) -> bool:
        return self.paths.config.stat().st_mtime_ns != self.store_mtime_ns


def _statuses(folder: Path) -> list[os.stat_result]:
    return [folder.lstat(), folder.parent.lstat()]


def _key_of(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.readline(_LONGEST_HEADER).decode("utf-8", "surrogateescape").split(" ", 7)[6]
    except (OSError, LookupError):
        return None
