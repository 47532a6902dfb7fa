"""Read and write the configuration file on disk: its owner and mode, its lock, its TOML."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from togetherctl.config.toml_text import CannotEdit, NotTOML, TomlText, parse
from togetherctl.disk import is_ours, make_private_folder, read_whole, rewrite
from togetherctl.errors import ConfigError, TogetherctlError, run
from togetherctl.lock import LockTimeout, hold_lock

if TYPE_CHECKING:
    from togetherctl.config.types import Kind

MAX_BYTES = 16 * 1024 * 1024
_LOCK_SECONDS = 10.0


@dataclass(frozen=True)
class TomlFile:
    """The file as read: its text, its data, and its status then; None where there is no file."""

    path: Path
    text: str
    data: dict[str, Any]
    status: os.stat_result | None


def read(path: Path) -> TomlFile:
    """Read and parse `path`; a file that does not exist is an empty configuration. Raises ConfigError."""
    text, status = _read_text(path)
    try:
        return TomlFile(path, text, parse(text) if status is not None else {}, status)
    except NotTOML as error:
        raise not_toml(path, error) from None


def read_text(path: Path) -> str:
    """The text of `path`, whether it is TOML or not; empty where there is no file. Raises ConfigError."""
    return _read_text(path)[0]


def not_toml(path: Path, error: NotTOML) -> ConfigError:
    """The error for a text that cannot be parsed, with its line where that can be told."""
    place = path if error.line is None else f"{path}:{error.line}"
    return ConfigError(f"{place}: not TOML: {error}")


def _read_text(path: Path) -> tuple[str, os.stat_result | None]:
    try:
        raw, status = read_whole(path, limit=MAX_BYTES)
    except FileNotFoundError:
        return "", None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    _refuse_unsafe(path, status)
    try:
        return raw.decode("utf-8"), status
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text", hint="save the file as UTF-8") from None


def list_names(path: Path, kind: Kind | Literal["bundle"]) -> list[str]:
    """The names of one kind in the order of the file, for the shell's completion.

    Only the names are checked. The list is empty where the file cannot be read; no error is raised.
    """
    return list(list_entries(path, kind))


def list_entries(path: Path, kind: Kind | Literal["bundle"]) -> dict[str, Any]:
    """What the file has under each name of one kind, unchecked; raises nothing, as `list_names`."""
    from togetherctl.config.value_checks import NAME

    try:
        data = parse(read_whole(path, limit=MAX_BYTES)[0].decode("utf-8"))
    except (OSError, UnicodeDecodeError, NotTOML):
        return {}
    table = data.get(f"{kind}s")
    return {name: entry for name, entry in table.items() if NAME.fullmatch(name)} if isinstance(table, dict) else {}


class ChangedElsewhere(ConfigError):
    """The file is no longer as it was seen."""

    code = "conflict"


@contextmanager
def editing(path: Path, lock: Path, *, seen: str | None = None) -> Iterator[TomlText]:
    """Read `path` under the configuration's lock and write it back whole when the block ends well and changed anything.

    A symlink is followed to its target, and the file keeps its mode. With `seen`, the text that was read before and
    need not be TOML, the block begins empty and gives the whole new text; raises ChangedElsewhere if the file says
    something else by now. Raises ConfigError, and then nothing was changed.
    """
    with _hold_lock(lock, path):
        try:
            before = read(path).text if seen is None else read_text(path)
            if seen is not None and before != seen:
                raise ChangedElsewhere(f"{path} was changed meanwhile, elsewhere; your edit was not written")
            text = TomlText(before if seen is None else "")
            yield text
            if text.text != before:
                _write(path, text.text)
        except CannotEdit:
            raise ConfigError(f"{path} is laid out in a way that cannot be edited safely; change it by hand") from None


@contextmanager
def _hold_lock(lock: Path, path: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            make_private_folder(lock.parent)
            # The context manager opens the lock file when it is entered.
            stack.enter_context(hold_lock(lock, seconds=_LOCK_SECONDS))
        except OSError as error:
            raise ConfigError(
                f"the lock of the configuration, {lock}, cannot be made: {error.strerror}",
                hint=run("ls", "-ld", lock, words="it must be a file of yours; look at what is there"),
            ) from None
        except LockTimeout:
            raise TogetherctlError(
                f"another togetherctl has been changing {path} for {_LOCK_SECONDS:.0f} s", hint="try again"
            ) from None
        yield


def _write(path: Path, text: str) -> None:
    try:
        rewrite(path.resolve(), text.encode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    except UnicodeEncodeError:
        # A terminal of another encoding can send such text.
        raise ConfigError(
            "a value is not UTF-8 text, which the configuration is written in; nothing was changed"
        ) from None


def _refuse_unsafe(path: Path, status: os.stat_result) -> None:
    # A person who can write this file chooses the issuer, and the commands that read secrets and open browsers.
    if not is_ours(status) and status.st_uid != 0:
        raise ConfigError(
            f"{path} belongs to another user (uid {status.st_uid})", hint=run("chown", str(os.getuid()), path)
        )
    if writable_by_others(status):
        raise ConfigError(
            f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):04o})",
            hint=run("chmod", "go-w", path),
        )


def writable_by_others(status: os.stat_result) -> bool:
    """Whether other users can write a file or folder; a group of the owner alone is no other."""
    loose = stat.S_IMODE(status.st_mode) & (0o002 if _private_group(status) else 0o022)
    return os.name == "posix" and bool(loose)


def _private_group(status: os.stat_result) -> bool:
    """Whether the file's group is the owner's own, as systems with a group for each user make it."""
    try:
        import grp
        import pwd

        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except (ImportError, KeyError):
        return False
    return group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}
