"""Edit a TOML file as text: comments and layout stay, and each change is read back before it is written.

Comments, order, spacing and everything else a person typed stay as they are. tomlkit alone would move a comment that
leads the next table when a key is added before it, so it tells the line of each key, and new lines go in by number.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit.container import Container
    from tomlkit.items import Table

Key = tuple[str, ...]
_SYNTAX_ERROR = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{999,}")
# tomllib takes time by the square of a key's parts.
_MOST_PARTS = 100
_QUOTED = re.compile(r"""\"(?:[^"\\]|\\.)*+\"|'[^']*+'|\#.*""")
_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"[ \t]*(?:\[\[?[ \t]*)?({_PART}(?:[ \t]*\.[ \t]*{_PART})*)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class NotTOML(Exception):
    """The text cannot be read: the message says why; `line`, the first being 1, says where if that can be told."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


class CannotEdit(Exception):
    """The text is laid out in a way that an edit would damage."""


def parse(text: str) -> dict[str, Any]:
    """The data of a TOML text. Raises NotTOML."""
    _refuse_long_keys(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_ERROR.match(str(error))
        line = int(match["line"]) if match and match["line"] else text.count("\n") + (not text.endswith("\n"))
        what = match["what"] if match else str(error)
        raise NotTOML(f"{what[:1].lower()}{what[1:]}", line) from None
    except RecursionError:
        raise NotTOML("nested too deeply") from None
    except ValueError:
        # Python reads no number of thousands of digits, and says so in words about itself.
        long = _LONG_NUMBER.search(text)
        raise NotTOML("a number has too many digits", text.count("\n", 0, long.start()) + 1 if long else None) from None


def dump(data: Mapping[str, Any]) -> str:
    """The data as a text of its own."""
    import tomlkit

    return tomlkit.dumps(data)


def _refuse_long_keys(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _MOST_PARTS and _QUOTED.sub("", line).count(".") > _MOST_PARTS:
            raise NotTOML("nested too deeply", number)


@dataclass(frozen=True)
class _Span:
    """Lines of one key or table header, counted from 0; `end` is the first line after it."""

    start: int
    end: int
    table: bool


class TomlText:
    """Changes to one TOML text; `data` is always what `text` says. Raises NotTOML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = parse(text)

    def set(self, key: Key, value: object) -> None:
        """Give `key` a value (text, number, boolean, list or table), in place where it exists. Raises CannotEdit."""
        expected = _with(self.data, key, value)
        if isinstance(value, dict):
            # A table takes the place of a whole one, wherever its parts stand.
            self.unset(key)
        self._change(self._with_value(key, value), expected)

    def add(self, tables: Mapping[Key, dict[str, Any]]) -> None:
        """Give many new tables of two names, such as profiles.acme, their values; each kind is read back once.

        Raises CannotEdit.
        """
        for kind in dict.fromkeys(key[0] for key in tables):
            mine = {key: value for key, value in tables.items() if key[0] == kind}
            spans = _spans(self.text)
            if any(not span.table for span in spans.get((kind,), [])):
                # They are written on one line, which the library replaces.
                for key, value in mine.items():
                    self.set(key, value)
                continue
            expected = {
                **self.data,
                kind: {**self.data.get(kind, {}), **{key[1]: value for key, value in mine.items()}},
            }
            self._change(self._with_tables(mine, spans), expected)

    def unset(self, key: Key) -> None:
        """Remove `key` or a whole table; nothing happens where it does not exist. Raises CannotEdit."""
        expected = without(self.data, key)
        if expected != self.data:
            self._change(self._without_key(key), expected)

    def rename(self, key: Key, name: str, naming: Sequence[Key] = ()) -> None:
        """Call the table `key` by another name, in place; the keys `naming` hold the old one and get the new one.

        Names as the configuration allows them. Raises CannotEdit.
        """
        *above, old = key
        renamed: Key = (*above, name)
        table: Any = self.data
        for part in key:
            table = table[part]
        spans, lines = _spans(self.text), _lines(self.text)
        headed = [path for path in spans if path[: len(key)] == key]
        expected = self.data
        if headed:
            expected = _with(without(expected, key), renamed, table)
        for path in headed:
            for span in spans[path]:
                lines[span.start] = _rename_part(lines[span.start], len(path), len(key) - 1, name)
        rest = []
        for path in naming:
            at = spans[path][0].start if path in spans else None
            line = None if at is None else _replace_value(lines[at], old, name)
            if at is None or line is None:
                rest.append(path)
            else:
                lines[at] = line
                expected = _with(expected, path, name)
        self._change("".join(lines), expected)
        if not headed:
            # It is within the line of another table.
            self.set(renamed, table)
            self.unset(key)
        for path in rest:
            self.set(path, name)

    def key_lines(self) -> dict[Key, int]:
        """The line, counted from 1, on which each key and table begins."""
        return {key: spans[0].start + 1 for key, spans in _spans(self.text).items()}

    def _change(self, text: str, expected: dict[str, Any]) -> None:
        # Reading back what would be written is what lets us edit a person's file by line.
        try:
            data = parse(text)
        except NotTOML:
            raise CannotEdit from None
        if _prune(data) != _prune(expected):
            raise CannotEdit
        self.text, self.data = text, data

    def _with_value(self, key: Key, value: object) -> str:
        spans = _spans(self.text)
        header = next((span for span in spans.get(key[:-1], []) if span.table), None)
        if key in spans or (len(key) > 1 and header is None and key[:-1] in spans):
            # It exists, or belongs into an inline table that does: the library replaces that value alone.
            return _edit_with_tomlkit(self.text, key, value)
        if isinstance(value, dict) and len(key) == 2:
            return self._with_tables({key: value}, spans)
        if len(key) > 1 and header is None:
            return _edit_with_tomlkit(self.text, key, value)
        return self._with_line(key, value, spans, header)

    def _with_line(self, key: Key, value: object, spans: dict[Key, list[_Span]], header: _Span | None) -> str:
        """A new key, behind the last of its table and indented like it."""
        lines = _lines(self.text)
        siblings = [
            span for path, spans_of in spans.items() if path[:-1] == key[:-1] for span in spans_of if not span.table
        ]
        after = max([span.end for span in siblings], default=header.start + 1 if header else _end_of_preamble(lines))
        model = lines[siblings[-1].start] if siblings else lines[header.start] if header else ""
        indent = model[: len(model) - len(model.lstrip())]
        table_follows = len(key) == 1 and after < len(lines) and lines[after].lstrip().startswith("[")
        return _insert(lines, after, [f"{indent}{_format(key[-1], value)}\n"] + ["\n"] * table_follows)

    def _with_tables(self, tables: Mapping[Key, dict[str, Any]], spans: dict[Key, list[_Span]]) -> str:
        """New tables of one kind, behind the last of it."""
        lines = _lines(self.text)
        (kind, _), *_ = tables
        family = [span for path, spans_of in spans.items() if path[0] == kind for span in spans_of]
        # Kinds that are written as dotted keys go on at the end: a header in their middle would cut them short.
        after = max(span.end for span in family) if any(span.table for span in family) else len(lines)
        block: list[str] = []
        for key, value in tables.items():
            blank_before = bool(block) or (after > 0 and lines[after - 1].strip() != "")
            block += ["\n"] * blank_before + [f"[{_format_key(key[0])}.{_format_key(key[1])}]\n"]
            block += [f"{_format(name, item)}\n" for name, item in value.items()]
        return _insert(lines, after, block)

    def _without_key(self, key: Key) -> str:
        spans = _spans(self.text)
        removed = {
            number
            for path, spans_of in spans.items()
            if path[: len(key)] == key
            for span in spans_of
            for number in range(span.start, span.end)
        }
        if not removed:
            return _edit_with_tomlkit(self.text, key)
        lines = _lines(self.text)
        for first in sorted(removed):
            # One blank line separated the table from the one before it; it goes along.
            blank = first - 1
            if (
                blank not in removed
                and lines[first].lstrip().startswith("[")
                and blank > 0
                and not lines[blank].strip()
            ):
                removed.add(blank)
        return "".join(line for number, line in enumerate(lines) if number not in removed)


def _spans(text: str) -> dict[Key, list[_Span]]:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    found: dict[Key, list[_Span]] = {}
    try:
        _walk(tomlkit.parse(text), (), 0, found)
    except TOMLKitError:
        # tomllib reads a few texts that tomlkit does not.
        raise CannotEdit from None
    return found


def _walk(container: Container, path: Key, line: int, found: dict[Key, list[_Span]]) -> int:
    """Note the line of each key of `container`, which begins on `line`; return the line after it."""
    from tomlkit.items import AoT, Table

    for key, item in container.body:
        if key is None:
            line += item.as_string().count("\n")
            continue
        match item:
            case Table():
                if not item.is_super_table() and not key.is_dotted():
                    line = _walk_header(item, (*path, key.key), line, found)
                line = _walk(item.value, (*path, key.key), line, found)
            case AoT():
                for number, table in enumerate(item.body):
                    line = _walk_header(table, (*path, key.key, str(number)), line, found)
                    line = _walk(table.value, (*path, key.key, str(number)), line, found)
            case _:
                end = line + (item.trivia.indent + item.as_string() + item.trivia.trail).count("\n")
                found.setdefault((*path, *(part.key for part in key)), []).append(_Span(line, end, table=False))
                line = end
    return line


def _walk_header(table: Table, path: Key, line: int, found: dict[Key, list[_Span]]) -> int:
    end = line + (table.trivia.indent + table.trivia.trail).count("\n")
    found.setdefault(path, []).append(_Span(line, end, table=True))
    return end


def _edit_with_tomlkit(text: str, key: Key, value: object = None) -> str:
    """The text with another value of `key`, or without that key where `value` is None."""
    import tomlkit

    document = tomlkit.parse(text)
    table: Any = document
    for part in key[:-1]:
        if part not in table:
            table[part] = tomlkit.table(is_super_table=True)
        table = table[part]
    if value is None:
        del table[key[-1]]
    else:
        table[key[-1]] = value
    return document.as_string()


def _end_of_preamble(lines: list[str]) -> int:
    """The line for a first top-level key: after the comments at the beginning of the file."""
    return next((at for at, line in enumerate(lines) if not line.lstrip().startswith("#")), len(lines))


def _lines(text: str) -> list[str]:
    """The lines as TOML counts them, each with its end; `splitlines` would also cut at other characters."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _insert(lines: list[str], after: int, new: list[str]) -> str:
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if after and not lines[after - 1].endswith("\n"):
        lines[after - 1] += newline
    return "".join([*lines[:after], *(line.replace("\n", newline) for line in new), *lines[after:]])


def _format(name: str, value: object) -> str:
    import tomlkit

    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        inline.update(value)
        return f"{_format_key(name)} = {inline.as_string()}"
    return f"{_format_key(name)} = {tomlkit.item(value).as_string()}"


def _format_key(name: str) -> str:
    import tomlkit

    return tomlkit.key(name).as_string()


def _with(data: dict[str, Any], key: Key, value: object) -> dict[str, Any]:
    if len(key) == 1:
        return {**data, key[0]: value}
    return {**data, key[0]: _with(data.get(key[0], {}), key[1:], value)}


def without_all(data: dict[str, Any], keys: Iterable[Key]) -> dict[str, Any]:
    """The data without these keys, of which there may be thousands."""
    below: dict[str, list[Key]] = {}
    gone = set()
    for first, *rest in keys:
        if rest:
            below.setdefault(first, []).append(tuple(rest))
        else:
            gone.add(first)
    return {
        name: without_all(item, below[name]) if name in below else item
        for name, item in data.items()
        if name not in gone
    }


def without(data: dict[str, Any], key: Key) -> dict[str, Any]:
    """The data without this key."""
    if key[0] not in data:
        return data
    if len(key) == 1:
        return {name: item for name, item in data.items() if name != key[0]}
    return {**data, key[0]: without(data[key[0]], key[1:])}


def _prune(value: Any) -> Any:
    """The data without empty tables, which say nothing."""
    if not isinstance(value, dict):
        return value
    kept = {name: _prune(item) for name, item in value.items()}
    return {name: item for name, item in kept.items() if item != {}}


def _rename_part(line: str, depth: int, at: int, name: str) -> str:
    """The line of a key whose whole path has `depth` parts, with another name for the part `at` of that path.

    The line stays as it is where that part is in a header above it.
    """
    key = _KEY.match(line)
    if key is None:
        return line
    parts = list(re.finditer(_PART, key[1]))
    place = at - (depth - len(parts))
    if place < 0:
        return line
    start, end = (key.start(1) + index for index in parts[place].span())
    return line[:start] + (name if _BARE.fullmatch(name) else f'"{name}"') + line[end:]


def _replace_value(line: str, old: str, new: str) -> str | None:
    """The line of a key whose value is the name `old`, with `new` instead; None where that is not plain to see."""
    match = re.match(rf"""([^=]*=[ \t]*)(["']){re.escape(old)}\2(?=[ \t]*(?:#.*)?\r?\n?$)""", line)
    return None if match is None else f"{match[1]}{match[2]}{new}{match[2]}{line[match.end() :]}"
