"""Kubeconfig files: which ones there are, their locks, and putting entries into them without harming anything else."""

from __future__ import annotations

import difflib
import os
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from togetherctl.disk import PRIVATE_FILE, make_private_folder, read_whole, write_whole
from togetherctl.errors import KubeconfigError
from togetherctl.kube.credentials import without_credentials
from togetherctl.kube.stanza import SECTIONS, is_ours
from togetherctl.kube.yaml_text import CannotEdit, NotYAML, YamlText
from togetherctl.lock import is_alive
from togetherctl.paths import expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from togetherctl.kube.stanza import Entry

_LOCK_SECONDS = 5.0
_POLL = 0.1
_MAX_PID_BYTES = 32
_MAX_BYTES = 16 * 1024 * 1024
_NEW = "apiVersion: v1\nkind: Config\n"


@dataclass(frozen=True)
class Change:
    """One kubeconfig file before and after."""

    path: Path
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def target(self) -> Path:
        """The file itself, whatever links lead to it. Raises KubeconfigError where it must not be written."""
        target = self.path.resolve()
        if target.exists() and not os.access(target, os.W_OK):
            raise KubeconfigError(f"{target} is read-only", hint=f"chmod u+w {target}")
        return target

    def write(self) -> None:
        """Replace the file in one step; call it under its lock. Raises KubeconfigError."""
        try:
            target = self.target()
            make_private_folder(target.parent)
            like = target.stat() if target.exists() else None
            write_whole(target, self.after.encode("utf-8"), like=like)
        except OSError as error:
            raise KubeconfigError(f"{self.path} cannot be written: {error.strerror}") from None

    def diff(self) -> str:
        """A unified diff, empty where nothing changes."""
        # What stands around a change may be somebody's credentials.
        before, after = without_credentials(self.before), without_credentials(self.after)
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), str(self.path), str(self.path), lineterm=""
        )
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class KubeconfigFile:
    """One kubeconfig file as it was read, and the edits that gather in `text`; `original` is None without a file."""

    path: Path
    original: str | None
    text: YamlText

    @classmethod
    def read(cls, path: Path) -> KubeconfigFile:
        """Raises KubeconfigError."""
        original = _read(path)
        return cls(path, original, _parse(path, original))

    def change(self) -> Change:
        """What writing the edits would change. Raises KubeconfigError where they cannot be made safely."""
        return Change(self.path, self.original or "", _rendered(self.path, self.text))


def kubeconfig_files(named: str | None, environ: Mapping[str, str]) -> list[Path]:
    """The file named on the command line, else those of `KUBECONFIG`, else `~/.kube/config`."""
    if named:
        return [expand(named, environ)]
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return list(dict.fromkeys(listed)) or [expand("~/.kube/config", environ)]


def write(
    files: Sequence[Path],
    entries: Sequence[Entry],
    *,
    overwrite: bool,
    current_context: str | None = None,
    dry_run: bool = False,
) -> list[Change]:
    """Put `entries` into the files they are in already, else into the first that exists, else into the last.

    The current context changes only where `current_context` names one. Raises KubeconfigError, and then no file was
    changed.
    """
    if dry_run:
        return _planned(files, entries, overwrite=overwrite, current_context=current_context)
    with holding(sorted(files)):
        changes = _planned(files, entries, overwrite=overwrite, current_context=current_context)
        for change in changes:
            if change.changed:
                change.write()
        return changes


def change_user(
    path: Path, name: str, change: Callable[[dict[str, Any]], dict[str, Any]], *, dry_run: bool = False
) -> None:
    """Replace the user called `name` in one file by what `change` makes of its entry, as it stands at that moment.

    Raises KubeconfigError, also where there is no such user; then nothing was changed.
    """
    with nullcontext() if dry_run else holding([path]):
        file = KubeconfigFile.read(path)
        entry = next((entry for entry in file.text.entries("users") if entry["name"] == name), None)
        if entry is None:
            raise KubeconfigError(f"the user {name} is not in {path} any more")
        file.text.put("users", change(entry))
        changed = file.change()
        if changed.changed and not dry_run:
            changed.write()


def read_kubeconfig(path: Path) -> YamlText | None:
    """One file as it stands, None where there is none. Raises KubeconfigError."""
    text = _read(path)
    return None if text is None else _parse(path, text)


def _planned(
    files: Sequence[Path], entries: Sequence[Entry], *, overwrite: bool, current_context: str | None
) -> list[Change]:
    opened = {path: KubeconfigFile.read(path) for path in files}
    parsed = {path: file.text for path, file in opened.items()}
    fallback = next((path for path in files if opened[path].original is not None), files[-1])
    foreign: list[str] = []
    for entry in entries:
        path = next((path for path in files if _find(parsed[path], entry)), fallback)
        existing = _find(parsed[path], entry)
        if existing is not None and not is_ours(entry.section, existing) and not overwrite:
            foreign.append(f"{entry.section[:-1]} {entry.name} in {path}")
            continue
        replaces = existing if existing is not None and is_ours(entry.section, existing) else None
        parsed[path].put(entry.section, entry.over(replaces))
    if foreign:
        raise KubeconfigError(
            f"togetherctl did not write {', '.join(foreign)}, and leaves {'it' if len(foreign) == 1 else 'them'} alone",
            hint="--overwrite replaces them; a context of its own for a cluster: "
            "togetherctl cluster set NAME context=OTHER",
        )
    if current_context is not None:
        holder = next((path for path in files if parsed[path].data.get("current-context")), fallback)
        parsed[holder].put_scalar("current-context", current_context)
    return [opened[path].change() for path in files]


def _find(text: YamlText, entry: Entry) -> dict[str, object] | None:
    return next((item for item in text.entries(entry.section) if item["name"] == entry.name), None)


def _rendered(path: Path, text: YamlText) -> str:
    try:
        after = text.text()
    except CannotEdit:
        raise KubeconfigError(
            f"{path} is laid out in a way that cannot be changed safely; it was left alone",
            hint="write into a file of its own: togetherctl kubeconfig write --kubeconfig FILE",
        ) from None
    return _NEW + after if after and not text.original.strip() else after


def _read(path: Path) -> str | None:
    try:
        return read_whole(path, limit=_MAX_BYTES)[0].decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KubeconfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KubeconfigError(f"{path} is not UTF-8 text") from None


def _parse(path: Path, text: str | None) -> YamlText:
    try:
        return YamlText(text or "", lists=SECTIONS)
    except NotYAML as error:
        raise KubeconfigError(f"{path} cannot be understood: {error}", hint="mend it, then run this again") from None


@contextmanager
def holding(files: Sequence[Path]) -> Iterator[None]:
    """Hold client-go's lock of each file: `FILE.lock`, made exclusively, beside the path as given.

    Raises KubeconfigError.
    """
    held: list[Path] = []
    try:
        for path in files:
            lock = path.with_name(f"{path.name}.lock")
            try:
                make_private_folder(path.parent)
                _take(lock)
            except OSError as error:
                raise KubeconfigError(f"{lock} cannot be made: {error.strerror}") from None
            held.append(lock)
        yield
    finally:
        for lock in held:
            lock.unlink(missing_ok=True)


def _take(lock: Path) -> None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise KubeconfigError(
                    f"{lock} has been there for {_LOCK_SECONDS:.0f} s: another program is writing, or died writing",
                    hint=f"if no kubectl or togetherctl is running: rm {lock}",
                ) from None
            if not _abandoned(lock):
                time.sleep(_POLL)
            continue
        try:
            with open(descriptor, "wb") as file:
                file.write(f"{os.getpid()}\n".encode())
        except OSError:
            # A lock without a pid would stand in everybody's way for good.
            lock.unlink(missing_ok=True)
            raise
        return


def _abandoned(lock: Path) -> bool:
    """Remove a lock of ours whose process is dead; True where another try is worth it.

    Raises KubeconfigError where it cannot be removed.
    """
    owner = _owner(lock)
    if owner is None or is_alive(owner):
        return False
    # Two may see the same dead owner: whoever wins the rename looks at what it really took.
    aside = lock.with_name(f"{lock.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        lock.rename(aside)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise KubeconfigError(
            f"{lock} was left behind by a togetherctl that is gone, and cannot be removed: {error.strerror}",
            hint=f"rm {lock}, as whoever may write into {lock.parent}",
        ) from None
    if _owner(aside) != owner:
        with suppress(OSError):
            os.link(aside, lock)
    aside.unlink(missing_ok=True)
    return True


def _owner(lock: Path) -> int | None:
    try:
        text = read_whole(lock, limit=_MAX_PID_BYTES)[0].decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdecimal() and len(text) < 12 else None
