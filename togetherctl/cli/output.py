"""Print lists and records on stdout, as a table, JSON, YAML or names; failures in the same envelope."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from togetherctl.cli.app import App
from togetherctl.cli.console import put
from togetherctl.errors import UsageError
from togetherctl.kube.exec_credential import timestamp
from togetherctl.printable import can_spell, printable, spell

if TYPE_CHECKING:
    from togetherctl.errors import Remedy, TogetherctlError

_VERSION = 1
_GAP = 2
_WIDEST_PARAGRAPH = 100
# More rows than a person reads on one screen.
_MANY = 500
# Short cells that would be hard to read in pieces; where a terminal is narrow, the others fold.
_WHOLE = frozenset({"NAME", "PROFILE", "STATE", "EXPIRES", "GRANT", "STORAGE"})
# A style may end behind them.
_BLANKS_AT_END = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")
FORMATS = ("table", "json", "yaml", "name")
# Forms of kubectl.
_ELSEWHERE = {
    "wide": "a table has all its columns where the terminal is wide enough; -o json has every field",
    **dict.fromkeys(("jsonpath", "go-template", "custom-columns"), "-o json, with jq, picks fields"),
}

Item = dict[str, Any]


class _Form(click.Choice[str]):
    """A form of the output; what kubectl has and is not here is answered."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        form = value.partition("=")[0]
        if form in _ELSEWHERE:
            raise UsageError(f"there is no -o {form}; there are {', '.join(FORMATS)}", hint=_ELSEWHERE[form])
        return super().convert(value, param, ctx)


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `-o`, which is noted in the `App` before anything else can fail."""

    def note(context: click.Context, _parameter: click.Parameter, value: str) -> None:
        context.ensure_object(App).output = value

    return click.option(
        "-o",
        "--output",
        type=_Form(FORMATS),
        default="table",
        show_default=True,
        expose_value=False,
        is_eager=True,
        callback=note,
        help="The form of the output.",
    )(command)


def show_list(app: App, items: Sequence[Item], columns: Mapping[str, Callable[[Item], str]], *, name: str) -> None:
    """Print `items`; `columns` are the table's titles and cells, `name` the key that `-o name` prints."""
    if app.output == "table":
        if items:
            _print_table(app, items, columns)
        return
    if app.output == "name":
        for item in items:
            put(item[name])
        return
    _print_data(app, {"version": _VERSION, "items": list(items)})


def show_record(app: App, item: Item, *, name: str) -> None:
    """Print one record; as a table, a line for each key that has a value."""
    if app.output == "name":
        put(printable(item[name], limit=4000))
    elif app.output == "table":
        width = max(len(key) for key in item)
        for key, value in item.items():
            if value not in (None, [], {}, ()):
                put(f"{key:<{width}}  {printable(_cell(value), limit=4000)}")
    else:
        _print_data(app, {"version": _VERSION, "item": item})


def show_error(app: App, error: TogetherctlError) -> None:
    """Print a failure on stdout in the envelope that scripts read; nothing in the forms for people."""
    if app.output not in ("json", "yaml"):
        return
    failure = failure_record(error, error.sentence())
    problems = getattr(error, "problems", None)
    if problems:
        failure["problems"] = list(problems)
    _print_data(app, {"version": _VERSION, "error": failure})


def paragraph(text: str, *, label: str = "", indent: int, bullet: str = "") -> str:
    """`text` wrapped to the terminal and indented by `indent`, with `label` in that space. A pipe has no width."""
    width = min(shutil.get_terminal_size().columns, _WIDEST_PARAGRAPH) if sys.stdout.isatty() else 1 << 14
    return textwrap.fill(
        text,
        width,
        initial_indent=f"{label:<{indent}}{bullet}",
        subsequent_indent=" " * (indent + len(bullet)),
        break_long_words=False,
        break_on_hyphens=False,
    )


def rfc3339(moment: float | None) -> str | None:
    """UTC, as JSON output has it; None stays None."""
    return timestamp(moment) if moment else None


def failure_record(error: TogetherctlError, message: str) -> Item:
    """A failure as scripts read it."""
    return {"code": error.code, "exit": int(error.exit_code), "message": message, **hint_fields(error.advice)}


def hint_fields(remedy: Remedy | None) -> dict[str, str | None]:
    """What helps, as every record of a failure has it."""
    return {"hint": remedy.hint if remedy else None, "hint_command": remedy.hint_command if remedy else None}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={_cell(part)}" for key, part in value.items())
    return str(value)


def _print_data(app: App, data: dict[str, Any]) -> None:
    if app.output == "yaml":
        from togetherctl.kube.yaml_text import dump

        put(dump(data), end="")
    else:
        put(as_json(data))


def as_json(data: Mapping[str, Any]) -> str:
    """Indented JSON that is safe to show, and stays JSON where stdout cannot spell it."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    if not can_spell(sys.stdout, text):
        return json.dumps(data, indent=2)
    if text.replace("\n", "").isprintable():
        return text
    # Inside a JSON text only strings can hold these, and an escape says the same there.
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def _print_table(app: App, items: Sequence[Item], columns: Mapping[str, Callable[[Item], str]]) -> None:
    from rich.cells import cell_len

    rows = [[spell(sys.stdout, printable(cell(item), limit=1000)) for cell in columns.values()] for item in items]
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    on_terminal = sys.stdout.isatty()
    # The library that folds long cells takes a second for thousands of them; a pipe has no width to fold at.
    if not on_terminal or (
        len(rows) > _MANY and sum(widths) + _GAP * (len(widths) - 1) <= shutil.get_terminal_size().columns
    ):
        for row in (list(columns), *rows):
            cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
            put((" " * _GAP).join(cells).rstrip())
        return
    from rich.console import Console as Terminal
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, _GAP, 0, 0))
    for title in columns:
        table.add_column(title, overflow="fold", no_wrap=title in _WHOLE)
    for row in rows:
        table.add_row(*map(Text, row))
    terminal = Terminal(
        no_color=bool(app.environ.get("NO_COLOR")),
        highlight=False,
        force_terminal=True,
    )
    with terminal.capture() as drawn:
        terminal.print(table)
    # A line that is blank at its end is longer than it looks when it is copied.
    for line in drawn.get().splitlines():
        put(_BLANKS_AT_END.sub(r"\1", line))
