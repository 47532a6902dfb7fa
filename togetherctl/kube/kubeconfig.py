"""Find, lock, read and change kubeconfig files, without any change to the entries of others."""

from __future__ import annotations

import difflib
import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Literal, Self, TypeAlias, TypeVar

from togetherctl.disk import PRIVATE_FILE, make_private_folder, read_whole, rewrite, temporary_beside
from togetherctl.errors import KubeconfigError, run
from togetherctl.kube.client_go_rules import unreadable, unusable
from togetherctl.kube.entries import SECTIONS
from togetherctl.kube.yaml_text import CannotEditYAML, NotAMapping, NotYAML, YamlText
from togetherctl.lock import Owner, this_process
from togetherctl.paths import expand

LOCK_SECONDS = 5.0
_POLL = 0.1
_MAX_OWNER_BYTES = 64
_MAX_BYTES = 16 * 1024 * 1024
Encoding: TypeAlias = Literal["utf-8", "utf-16-le", "utf-16-be"]
_MARKS: dict[bytes, Encoding] = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# What systems say of a folder that has no hard links.
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK}
_NEW = "apiVersion: v1\nkind: Config\n"
_CORRECT = "correct the file, then run this again"
_OTHER_FILE = "write into a file of its own: togetherctl kubeconfig write --kubeconfig FILE"


@dataclass(frozen=True)
class KubeconfigChange:
    """One kubeconfig file before and after."""

    path: Path
    before: str
    after: str
    encoding: Encoding = "utf-8"

    @property
    def old(self) -> bytes:
        """The file as it was."""
        return _encode(self.before, self.encoding)

    @property
    def new(self) -> bytes:
        """The new file, in its own encoding."""
        return _encode(self.after, self.encoding)

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def target(self) -> Path:
        """The file itself, whatever links lead to it. Raises KubeconfigError where it must not be written."""
        target = self.path.resolve()
        if target.exists() and not os.access(target, os.W_OK):
            raise KubeconfigError(f"{target} is read-only", hint=run("chmod", "u+w", target))
        return target

    def write(self) -> None:
        """Replace the file in one step; call it under its lock. Raises KubeconfigError."""
        try:
            rewrite(self.target(), self.new)
        except OSError as error:
            raise KubeconfigError(f"{self.path} cannot be written: {error.strerror}") from None

    def diff(self) -> str:
        """A unified diff, empty where nothing changes."""
        from togetherctl.kube.redact import without_credentials

        # The lines around a change may hold credentials.
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
    encoding: Encoding = "utf-8"

    lists: ClassVar[Sequence[str]] = SECTIONS
    # For people: what the file is, and how to recognise one.
    what: ClassVar[str] = "a kubeconfig"
    form: ClassVar[str] = "a kubeconfig: a YAML or JSON file with clusters, users and contexts"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises KubeconfigError."""
        return cls.of(path, *read_file(path))

    @classmethod
    def of(cls, path: Path, text: str | None, encoding: Encoding = "utf-8") -> Self:
        """What is or might be in `path`. Raises KubeconfigError."""
        try:
            return cls(path, text, YamlText(text or "", lists=cls.lists), encoding)
        except NotAMapping as error:
            raise KubeconfigError(f"{path} is not {cls.what}: {error}", hint=f"name {cls.form}") from None
        except NotYAML as error:
            raise KubeconfigError(f"{path} cannot be understood: {error}", hint=_CORRECT) from None

    def change(self) -> KubeconfigChange:
        """What writing the edits would change. Raises KubeconfigError where they cannot be made safely."""
        after = self.apply_edits(self.text, hint=_OTHER_FILE)
        if after and not self.text.original.strip():
            after = _NEW + after
        if after != (self.original or ""):
            _refuse_unloadable(self, after)
        return KubeconfigChange(self.path, self.original or "", after, self.encoding)

    def apply_edits(self, text: YamlText, *, hint: str | None = None) -> str:
        """The text with its edits done. Raises KubeconfigError where they cannot be made safely."""
        try:
            return text.text()
        except CannotEditYAML as error:
            why = f": {error}" if error.args else ""
            raise KubeconfigError(
                f"{self.path} is laid out in a way that cannot be changed safely{why}; it was left alone", hint=hint
            ) from None


Result = TypeVar("Result")
# Edits files that were just read; it may be called twice.
Edit: TypeAlias = Callable[[Sequence[KubeconfigFile]], Result]


def kubeconfig_files(named: str | None, environ: Mapping[str, str]) -> list[Path]:
    """The file named on the command line, else those of `KUBECONFIG`, else `~/.kube/config`."""
    if named:
        return [expand(named, environ)]
    listed = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return list(dict.fromkeys(listed)) or [expand("~/.kube/config", environ)]


def plan_edit(files: Sequence[Path], edit: Edit[Result]) -> tuple[list[KubeconfigChange], Result]:
    """What `edit` would change in those of `files` that exist, and what it says. Raises KubeconfigError."""
    opened = [file for file in (KubeconfigFile.read(path) for path in files) if file.original is not None]
    said = edit(opened)
    return [file.change() for file in opened], said


class Pending(Generic[Result]):
    """What an edit changes and says, not written yet."""

    def __init__(self, changes: list[KubeconfigChange], said: Result) -> None:
        self.changes = changes
        self.said = said
        self._left = [change for change in changes if change.changed]

    def write(self) -> None:
        """Replace the files that change, one after the other; nothing where that is done. Raises KubeconfigError."""
        while self._left:
            self._left.pop(0).write()


@contextmanager
def edit_files(files: Sequence[Path], edit: Edit[Result]) -> Iterator[Pending[Result]]:
    """Hold the locks of the files that `edit` changes, and write them at the end if the block did not before.

    What the block does comes first; if it fails, nothing is written. A file that stays as it is needs neither a lock
    nor to be writable. Raises KubeconfigError, and then no file was changed.
    """
    before = {change.path for change in plan_edit(files, edit)[0] if change.changed}
    for path in files:
        if path not in before:
            # A run that was killed may have changed this file already; its lock would stop kubectl.
            with suppress(KubeconfigError):
                remove_if_abandoned(lock_path(path))
    with hold_locks(sorted(before)):
        pending = Pending(*plan_edit(files, edit))
        for change in pending.changes:
            if change.changed and change.path not in before:
                raise KubeconfigError(f"{change.path} changed in this moment; nothing was done", hint="try again")
            if change.changed:
                change.target()
        yield pending
        pending.write()


def decode_text(data: bytes) -> tuple[str, Encoding]:
    """A kubeconfig's text: UTF-8, or UTF-16 with a byte order mark, as kubectl reads it. Raises UnicodeDecodeError."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding), encoding
    return data.decode("utf-8"), "utf-8"


def _encode(text: str, encoding: Encoding) -> bytes:
    mark = next((mark for mark, known in _MARKS.items() if known == encoding), b"")
    return mark + text.encode(encoding)


def read_file(path: Path) -> tuple[str | None, Encoding]:
    """One file's text, None where there is none, and its encoding. Raises KubeconfigError."""
    try:
        return decode_text(read_whole(path, limit=_MAX_BYTES)[0])
    except FileNotFoundError:
        return None, "utf-8"
    except OSError as error:
        raise KubeconfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KubeconfigError(
            f"{path} is neither UTF-8 text nor UTF-16 with a byte order mark",
            hint="save it as UTF-8, then run this again",
        ) from None


def _refuse_unloadable(file: KubeconfigFile, after: str) -> None:
    """Raises KubeconfigError where kubectl could not load the file as it would be, or an entry that is new in it."""
    reason = unreadable(YamlText(after))
    if reason is not None:
        raise KubeconfigError(
            f"kubectl cannot read {file.path}: {unreadable(file.text) or reason}; it was left alone",
            hint=_CORRECT,
        )
    for section in SECTIONS:
        for before, entry in file.text.changes(section):
            why = unusable(section, entry)
            if why is not None and (before is None or unusable(section, before) != why):
                one = f"{section[:-1]} {entry['name']}"
                raise KubeconfigError(f"kubectl could not use the {one} in {file.path}: {why}; nothing was written")


@contextmanager
def hold_locks(files: Sequence[Path]) -> Iterator[None]:
    """Hold client-go's lock of each file: `FILE.lock`, made exclusively, beside the path as given.

    Raises KubeconfigError.
    """
    held: list[Path] = []
    try:
        for path in files:
            lock = lock_path(path)
            try:
                make_private_folder(path.parent)
                _acquire(lock)
            except OSError as error:
                raise KubeconfigError(f"{lock} cannot be made: {error.strerror}") from None
            held.append(lock)
        yield
    finally:
        for lock in held:
            lock.unlink(missing_ok=True)


def lock_path(path: Path) -> Path:
    """client-go's lock of a file."""
    return path.with_name(f"{path.name}.lock")


def _acquire(lock: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            _create_lock(lock)
        except FileExistsError:
            if time.monotonic() >= deadline:
                raise KubeconfigError(
                    f"{lock} has been there for {LOCK_SECONDS:.0f} s: another program is writing, or died writing",
                    hint=run("rm", lock, words="if no kubectl or togetherctl is running"),
                ) from None
            if not remove_if_abandoned(lock):
                time.sleep(_POLL)
        else:
            return


def _create_lock(lock: Path) -> None:
    """Make the lock with its owner in it from the beginning: one without would stay in the way for good.

    Raises FileExistsError where it is there, and OSError.
    """
    own = temporary_beside(lock)
    try:
        _write_owner(own)
        os.link(own, lock)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _write_owner(lock)
    finally:
        own.unlink(missing_ok=True)


def _write_owner(path: Path) -> None:
    """Make the file, whole or not at all. Raises FileExistsError where it is there, and OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    owner = this_process()
    try:
        with open(descriptor, "wb") as file:
            file.write(f"{owner.pid} {owner.machine}\n".encode())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def remove_if_abandoned(lock: Path) -> bool:
    """Remove a lock of ours whose process is dead; True where another try is worth it.

    Raises KubeconfigError where it cannot be removed.
    """
    owner = read_lock_owner(lock)
    if owner is None or not owner.is_dead():
        return False
    # Two processes may see the same dead owner: the one whose rename succeeds checks what it moved.
    aside = temporary_beside(lock)
    try:
        lock.rename(aside)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise KubeconfigError(
            f"{lock} was left behind by a togetherctl that is gone, and cannot be removed: {error.strerror}",
            hint=run("rm", lock, words=f"remove it as a user who may write into {lock.parent}"),
        ) from None
    if read_lock_owner(aside) != owner:
        with suppress(OSError):
            os.link(aside, lock)
    aside.unlink(missing_ok=True)
    return True


def read_lock_owner(lock: Path) -> Owner | None:
    """Who holds a lock of ours; None for any other, as kubectl's are, which are empty."""
    try:
        text = read_whole(lock, limit=_MAX_OWNER_BYTES)[0].decode("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    # Version 0.1.0 wrote the number alone.
    pid, _, machine = text.strip().partition(" ")
    return Owner(int(pid), machine) if pid.isdecimal() and len(pid) < 12 else None
