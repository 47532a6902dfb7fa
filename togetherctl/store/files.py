"""The store's file as text: tomllib reads it, tomlkit knows where each key stands, an edit touches those lines only.

Comments, order, spacing and everything else a person typed stay as they are. tomlkit alone would move a comment that
leads the next table when a key is added before it, so new keys and tables are put in by line.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.disk import PRIVATE_FILE, is_ours, make_private_folder, read_whole, write_whole
from togetherctl.errors import ConfigError, TogetherctlError
from togetherctl.lock import LockTimeout, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tomlkit.container import Container
    from tomlkit.items import Item, Table

Key = tuple[str, ...]

_MAX_BYTES = 16 * 1024 * 1024
_LOCK_SECONDS = 10.0
_SYNTAX_PLACE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True)
class TomlFile:
    """The file as read: its text, its data, and the mtime it had then (nanoseconds; None where there is no file)."""

    path: Path
    text: str
    data: dict[str, Any]
    mtime_ns: int | None


@dataclass(frozen=True)
class Span:
    """Lines of one key or table, counted from 0; `end` is the first line after it."""

    start: int
    end: int
    table: bool


def read(path: Path) -> TomlFile:
    """Read and parse `path`; a file that does not exist is an empty store. Raises ConfigError."""
    try:
        raw, status = read_whole(path, limit=_MAX_BYTES)
    except FileNotFoundError:
        return TomlFile(path, "", {}, None)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    _refuse_unsafe(path, status)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text", hint="save the file as UTF-8") from None
    return TomlFile(path, text, _parsed(path, text), status.st_mtime_ns)


def key_lines(text: str) -> dict[Key, int]:
    """The line, counted from 1, on which each key and table of `text` begins."""
    return {key: spans[0].start + 1 for key, spans in _spans(text).items()}


@contextmanager
def editing(path: Path, lock: Path) -> Iterator[Editor]:
    """Read `path` under the store's lock and write it back whole when the block ends well and changed anything."""
    make_private_folder(lock.parent)
    try:
        with locked(lock, seconds=_LOCK_SECONDS):
            editor = Editor(read(path))
            yield editor
            editor.save()
    except LockTimeout:
        raise TogetherctlError(
            f"another togetherctl has been changing {path} for {_LOCK_SECONDS:.0f} s", hint="try again"
        ) from None


class Editor:
    """Changes to one TOML text; `data` is always what the text says."""

    def __init__(self, file: TomlFile) -> None:
        self.file = file
        self.text = file.text
        self.data = file.data

    def set(self, key: Key, value: object) -> None:
        """Give `key` a value (text, number, boolean, list or table), in place where it exists."""
        expected = _with(self.data, key, value)
        self._change(self._set(key, value), expected)

    def unset(self, key: Key) -> None:
        """Remove `key` or a whole table; nothing happens where it does not exist."""
        expected = _without(self.data, key)
        if expected != self.data:
            self._change(self._unset(key), expected)

    def save(self) -> None:
        """Write the text back, through a symlink to its target, with the mode the file had. Raises ConfigError."""
        if self.text == self.file.text:
            return
        path = self.file.path
        try:
            target = path.resolve()
            make_private_folder(target.parent)
            mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else PRIVATE_FILE
            write_whole(target, self.text.encode("utf-8"), mode=mode)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from None

    def _change(self, text: str, expected: dict[str, Any]) -> None:
        # Reading back what would be written is what lets us edit a person's file by line.
        data = tomllib.loads(text)
        if _pruned(data) != _pruned(expected):
            raise ConfigError(f"{self.file.path} is laid out in a way that cannot be edited safely; change it by hand")
        self.text, self.data = text, data

    def _set(self, key: Key, value: object) -> str:
        import tomlkit

        spans = _spans(self.text)
        if key in spans and not isinstance(value, dict):
            document = tomlkit.parse(self.text)
            parent = _descend(document, key[:-1])
            parent[key[-1]] = value
            return document.as_string()
        if key in spans:
            text = Editor(TomlFile(self.file.path, self.text, self.data, None))
            text.unset(key)
            return text._set(key, value)
        parents = spans.get(key[:-1], [])
        if isinstance(value, dict) and len(key) == 2:
            return self._with_table(key, value, spans)
        header = next((span for span in parents if span.table), None)
        if len(key) > 1 and header is None:
            document = tomlkit.parse(self.text)
            _descend(document, key[:-1])[key[-1]] = value
            return document.as_string()
        return self._with_key(key, value, spans, header)

    def _with_key(self, key: Key, value: object, spans: dict[Key, list[Span]], header: Span | None) -> str:
        lines = self.text.splitlines(keepends=True)
        siblings = [
            span for path, all_spans in spans.items() if path[:-1] == key[:-1] for span in all_spans if not span.table
        ]
        after = max([span.end for span in siblings], default=header.start + 1 if header else _preamble(lines))
        model = lines[siblings[-1].start] if siblings else lines[header.start] if header else ""
        indent = model[: len(model) - len(model.lstrip())]
        table_follows = len(key) == 1 and after < len(lines) and lines[after].lstrip().startswith("[")
        return _inserted(lines, after, [f"{indent}{_rendered(key[-1], value)}\n"] + ["\n"] * table_follows)

    def _with_table(self, key: Key, value: dict[str, object], spans: dict[Key, list[Span]]) -> str:
        lines = self.text.splitlines(keepends=True)
        family = [span.end for path, all_spans in spans.items() if path[0] == key[0] for span in all_spans]
        block = [f"[{_rendered_key(key[0])}.{_rendered_key(key[1])}]\n"]
        block += [f"{_rendered(name, item)}\n" for name, item in value.items()]
        # Behind the last of its kind; at the end where that is written as dotted keys, which a header would cut short.
        with_headers = any(span.table for path, spans_of in spans.items() if path[0] == key[0] for span in spans_of)
        after = max(family) if with_headers else len(lines)
        blank_before = after > 0 and lines[after - 1].strip() != ""
        return _inserted(lines, after, ["\n"] * blank_before + block)

    def _unset(self, key: Key) -> str:
        import tomlkit

        spans = _spans(self.text)
        doomed = {
            number
            for path, all_spans in spans.items()
            if path[: len(key)] == key
            for span in all_spans
            for number in range(span.start, span.end)
        }
        if not doomed:
            document = tomlkit.parse(self.text)
            del _descend(document, key[:-1])[key[-1]]
            return document.as_string()
        lines = self.text.splitlines(keepends=True)
        for first in sorted(doomed):
            # One blank line separated the table from the one before it; it goes along.
            blank = first - 1
            if blank not in doomed and lines[first].lstrip().startswith("[") and blank > 0 and not lines[blank].strip():
                doomed.add(blank)
        return "".join(line for number, line in enumerate(lines) if number not in doomed)


def _refuse_unsafe(path: Path, status: os.stat_result) -> None:
    # Whoever can write this file chooses the issuer, and the commands that read secrets and open browsers.
    if not is_ours(status) and status.st_uid != 0:
        raise ConfigError(f"{path} belongs to another user (uid {status.st_uid})", hint=f"chown $(id -u) {path}")
    loose = stat.S_IMODE(status.st_mode) & (0o002 if _private_group(status) else 0o022)
    if os.name == "posix" and loose:
        raise ConfigError(
            f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):04o})", hint=f"chmod go-w {path}"
        )


def _private_group(status: os.stat_result) -> bool:
    """Whether the file's group is the owner's own, as systems with a group for each user make it."""
    try:
        import grp
        import pwd

        group, owner = grp.getgrgid(status.st_gid), pwd.getpwuid(status.st_uid)
    except (ImportError, KeyError):
        return False
    return group.gr_name == owner.pw_name and set(group.gr_mem) <= {owner.pw_name}


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_PLACE.match(str(error))
        line = match["line"] if match and match["line"] else str(text.count("\n") + (not text.endswith("\n")))
        what = match["what"] if match else str(error)
        raise ConfigError(f"{path}:{line}: not TOML: {what[:1].lower()}{what[1:]}") from None
    except RecursionError:
        raise ConfigError(f"{path}: not TOML: nested too deeply") from None


def _spans(text: str) -> dict[Key, list[Span]]:
    import tomlkit

    found: dict[Key, list[Span]] = {}
    _walk(tomlkit.parse(text), (), 0, found)
    return found


def _walk(container: Container, path: Key, line: int, found: dict[Key, list[Span]]) -> int:
    """Note where each key of `container` stands, which begins on `line`; gives the line after it."""
    from tomlkit.items import Comment, Table, Whitespace

    for key, item in container.body:
        if isinstance(item, Whitespace):
            line += item.s.count("\n")
        elif key is None or isinstance(item, Comment):
            line += item.as_string().count("\n")
        elif isinstance(item, Table):
            if not item.is_super_table() and not key.is_dotted():
                line = _walk_header(item, (*path, key.key), line, found)
            line = _walk(item.value, (*path, key.key), line, found)
        else:
            end = line + _newlines(item)
            found.setdefault((*path, *(part.key for part in key)), []).append(Span(line, end, table=False))
            line = end
    return line


def _walk_header(table: Table, path: Key, line: int, found: dict[Key, list[Span]]) -> int:
    end = line + (table.trivia.indent + table.trivia.trail).count("\n")
    found.setdefault(path, []).append(Span(line, end, table=True))
    return end


def _newlines(item: Item) -> int:
    return (item.trivia.indent + item.as_string() + item.trivia.trail).count("\n")


def _descend(document: Any, path: Key) -> Any:
    for part in path:
        if part not in document:
            import tomlkit

            document[part] = tomlkit.table(is_super_table=True)
        document = document[part]
    return document


def _preamble(lines: list[str]) -> int:
    """Where a first top-level key goes: after the comments that open the file."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("#"):
            return number
    return len(lines)


def _inserted(lines: list[str], after: int, new: list[str]) -> str:
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += "\n"
    return "".join([*lines[:after], *new, *lines[after:]])


def _rendered(name: str, value: object) -> str:
    import tomlkit

    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        return f"{_rendered_key(name)} = {inline.as_string()}"
    return f"{_rendered_key(name)} = {tomlkit.item(value).as_string()}"


def _rendered_key(name: str) -> str:
    import tomlkit

    return tomlkit.key(name).as_string()


def _with(data: dict[str, Any], key: Key, value: object) -> dict[str, Any]:
    if len(key) == 1:
        return {**data, key[0]: value}
    return {**data, key[0]: _with(data.get(key[0], {}), key[1:], value)}


def _without(data: dict[str, Any], key: Key) -> dict[str, Any]:
    if key[0] not in data:
        return data
    if len(key) == 1:
        return {name: item for name, item in data.items() if name != key[0]}
    return {**data, key[0]: _without(data[key[0]], key[1:])}


def _pruned(value: Any) -> Any:
    """The data without empty tables, which say nothing."""
    if not isinstance(value, dict):
        return value
    kept = {name: _pruned(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item != {}}
