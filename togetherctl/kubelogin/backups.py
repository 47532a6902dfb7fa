"""Back up kubeconfigs and the configuration file before a conversion, and restore them."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path

from togetherctl.disk import make_private_folder, read_whole, write_whole
from togetherctl.errors import KubeconfigError, StorageError, UsageError, os_error_as, run
from togetherctl.kube.kubeconfig import KubeconfigChange, hold_locks

SUFFIX = ".before-togetherctl"
_VERSION = 1
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Backup:
    """One kubeconfig that was converted: where its old content is, and digests of the old and the new.

    `store` is the copy of the configuration from before, empty where there was none, and is called so in the file; `at`
    in seconds since 1970. `made` are the entries that the configuration got by it, `KIND NAME` each.
    """

    kubeconfig: str
    backup: str
    store: str
    before: str
    after: str
    at: int
    made: tuple[str, ...] = ()


class Backups:
    """The backups, recorded in `conversions.json` in the folder of the state."""

    def __init__(self, state: Path, config: Path) -> None:
        self._record = state / "conversions.json"
        self._config = config

    def make(self, changes: Sequence[KubeconfigChange], entries: Iterable[tuple[str, str]]) -> list[Path]:
        """Keep what `changes` and the configuration are before anything is written; where the kubeconfigs are kept.

        `entries`, each a kind and a name, are what the configuration gets.

        Raises KubeconfigError and StorageError.
        """
        made: list[Path] = []
        new = [" ".join(entry) for entry in entries]
        recorded = self._read()
        copy = self._copy_config(recorded)
        for change in changes:
            path = change.target()
            before, after = _digest(change.old), _digest(change.new)
            kept = [item for item in recorded if (item.kubeconfig, item.before) == (str(path), before)]
            backup = Path(kept[-1].backup) if kept else _unused_name(change.path)
            _write_backup(backup, change.old)
            # A run that was killed before it wrote anything has recorded this backup already.
            recorded = [item for item in recorded if item not in kept]
            made.append(backup)
            entries_made = tuple(dict.fromkeys([*(one for item in kept for one in item.made), *new]))
            recorded.append(Backup(str(path), str(backup), copy, before, after, int(time.time()), entries_made))
        self._write(recorded)
        return made

    def revert(self, files: Sequence[Path], *, force: bool) -> list[Backup]:
        """Put the latest backup of each file back; gives what was put back.

        Raises UsageError where there is none, and KubeconfigError where a file has changed since, unless `force`.
        """
        with hold_locks(sorted(files)):
            recorded = self._read()
            latest = {item.kubeconfig: item for item in recorded}
            wanted = [item for path in files if (item := latest.get(str(path.resolve()))) is not None]
            if not wanted:
                again = ("togetherctl", "kubeconfig", "convert", "--revert", "--kubeconfig")
                raise UsageError(
                    f"no conversion of {', '.join(str(path) for path in files)} is on record",
                    hint=run(*again, next(iter(latest)))
                    if len(latest) == 1
                    else "name the file that was converted: --kubeconfig FILE",
                )
            contents = {item: _content_before(item, force=force) for item in wanted}
            for item, data in contents.items():
                path = Path(item.kubeconfig)
                with os_error_as(KubeconfigError, f"{path} cannot be written"):
                    write_whole(path, data, like=path.stat() if path.exists() else None)
                recorded.remove(item)
                self._write(recorded)
                with suppress(OSError):
                    Path(item.backup).unlink()
        return wanted

    def converted(self) -> list[Path]:
        """The kubeconfigs that are converted now. Raises StorageError."""
        return list(dict.fromkeys(Path(item.kubeconfig) for item in self._read()))

    def _copy_config(self, recorded: Sequence[Backup]) -> str:
        try:
            data, _ = read_whole(self._config, limit=_MAX_BYTES)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageError(f"{self._config} cannot be read: {error.strerror}") from None
        for item in recorded:
            with suppress(OSError):
                if item.store and read_whole(Path(item.store), limit=_MAX_BYTES)[0] == data:
                    return item.store
        copy = _unused_name(self._config)
        _write_backup(copy, data)
        return str(copy)

    def _read(self) -> list[Backup]:
        try:
            record = json.loads(read_whole(self._record, limit=_MAX_BYTES, follow=False)[0])
            if record["version"] != _VERSION:
                raise StorageError(f"{self._record} was written by a newer togetherctl")
            return [Backup(**{**item, "made": tuple(item.get("made", ()))}) for item in record["conversions"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self._record} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, LookupError, RecursionError):
            raise StorageError(
                f"{self._record} cannot be understood",
                hint=f"the backups are beside the kubeconfigs, with the ending {SUFFIX}; move {self._record} away",
            ) from None

    def _write(self, recorded: Sequence[Backup]) -> None:
        record = {"version": _VERSION, "conversions": [asdict(item) for item in recorded]}
        with os_error_as(StorageError, f"{self._record} cannot be written"):
            make_private_folder(self._record.parent)
            write_whole(self._record, json.dumps(record, indent=1).encode("utf-8") + b"\n")


def _content_before(item: Backup, *, force: bool) -> bytes:
    """The content to restore. Raises KubeconfigError where the file changed after its conversion."""
    data = _read(Path(item.backup), f"the backup {item.backup}")
    if not force and _digest(_read(Path(item.kubeconfig), item.kubeconfig)) not in (item.before, item.after):
        raise KubeconfigError(
            f"{item.kubeconfig} has changed since it was converted, and going back would lose that",
            hint=f"compare it with {item.backup}; --force goes back all the same",
        )
    return data


def _read(path: Path, name: str) -> bytes:
    with os_error_as(KubeconfigError, f"{name} cannot be read"):
        return read_whole(path, limit=_MAX_BYTES)[0]


def _write_backup(path: Path, data: bytes) -> None:
    with os_error_as(KubeconfigError, f"the backup {path} cannot be written"):
        write_whole(path, data)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unused_name(path: Path) -> Path:
    """The backup's name beside its file; further ones get a number."""
    numbered = (f"-{number}" for number in count(2))
    names = (path.with_name(f"{path.name}{SUFFIX}{number}") for number in chain([""], numbered))
    return next(name for name in names if not name.exists())
