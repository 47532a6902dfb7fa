"""Show the help of a command without loading it: `make docs` writes the pages, this breaks their lines.

They are broken where click breaks them. Nothing is loaded that takes time. A page is found by the words before
`--help`; what is not found click answers.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PAGES = "help_pages.txt"
# Where a word may be broken.
SOFT = "¦"
# As `max_content_width` of the commands has it, and what click takes from both sides.
_WIDEST, _NARROWEST, _MARGIN = 100, 50, 2


def show(program: str, arguments: "Sequence[str]", environ: "Mapping[str, str]") -> "int | None":
    """Print the page of the command before `--help` and return the exit code; None where click has to."""
    if list(arguments[-1:]) not in (["--help"], ["-h"]) or environ.get("_TOGETHERCTL_COMPLETE"):
        return None
    try:
        page = _find(" ".join((program, *arguments[:-1])))
    except (OSError, ValueError):
        page = None
    # An encoding that has not every sign is for the command line, which spells them out.
    if page is None or (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8"):
        return None
    data = f"{lay_out(page, _width(environ))}\n".encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError as error:
        return _fail(error, environ)
    return 0


def lay_out(page: str, width: int) -> str:
    """A page as it is for a terminal so wide, without the end of its last line."""
    lines: list[str] = []
    for line in page.split("\n"):
        kind, _, rest = line.partition(" ")
        lines += _KINDS[kind](rest, max(min(width, _WIDEST) - _MARGIN, _NARROWEST))
    return "\n".join(lines).rstrip("\n")


def _usage(rest: str, width: int) -> "Iterator[str]":
    program, _, arguments = rest.partition("\t")
    begins = f"Usage: {program} "
    if width >= len(begins) + 20:
        yield from _fill(arguments, width, begins, " " * len(begins))
    else:
        yield begins
        yield from _fill(arguments, width, " " * 11, " " * 11)


def _text(rest: str, width: int) -> "Iterator[str]":
    indent, _, text = rest.partition(" ")
    yield from _fill(text, width, " " * int(indent), " " * int(indent))


def _item(rest: str, width: int) -> "Iterator[str]":
    """A row of two columns; what is too long for the first has a line of its own."""
    indent, column, both = rest.split(" ", 2)
    term, _, meaning = both.partition("\t")
    term, first = f"{'':>{int(indent)}}{term}", int(indent) + int(column)
    lines = list(_fill(meaning, max(width - int(column) - 2, 10), "", "")) if meaning else []
    if not lines or len(term) > first - 2:
        yield term
    else:
        yield f"{term:<{first}}{lines.pop(0)}"
    for line in lines:
        yield f"{'':>{first}}{line}"


def _plain(rest: str, _width: int) -> "Iterator[str]":
    yield rest


_KINDS = {"usage": _usage, "text": _text, "item": _item, "plain": _plain}


def _fill(text: str, width: int, first: str, then: str) -> "Iterator[str]":
    """The lines of a paragraph, as many pieces in each as there is room for."""
    pieces: list[str] = []
    gap = ""
    for word in text.split(" "):
        if word:
            pieces += [gap, *word.split(SOFT)]
            gap = ""
        gap += " "
    del pieces[:1]
    pieces.reverse()
    indent, begun = first, False
    while pieces:
        line, room = "", width - len(indent)
        if begun and pieces[-1].isspace():
            pieces.pop()
        while pieces and len(line) + len(pieces[-1]) <= room:
            line += pieces.pop()
        if pieces and len(pieces[-1]) > room:
            left = max(room - len(line), 1)
            line, pieces[-1] = line + pieces[-1][:left], pieces[-1][left:]
        yield (indent + line).rstrip(" ") if line.strip() else indent + line
        indent, begun = then, True


def _find(words: str) -> "str | None":
    path = os.path.join(os.path.dirname(__file__), PAGES)
    with open(path, encoding="utf-8") as file:
        pages = file.read()
    _, found, page = pages.partition(f"\n=== {words}\n")
    return page.partition("\n=== ")[0].rstrip("\n") if found else None


def _width(environ: "Mapping[str, str]") -> int:
    """As shutil has it, which takes long to load."""
    try:
        columns = int(environ.get("COLUMNS", ""))
    except ValueError:
        columns = 0
    if columns <= 0:
        try:
            columns = os.get_terminal_size(1).columns
        except OSError:
            columns = 0
    return columns or 80


def _fail(error: OSError, environ: "Mapping[str, str]") -> int:
    """What any command says whose output cannot be written."""
    from togetherctl.cli.console import Console
    from togetherctl.cli.report_error import run_to_exit

    def fail() -> None:
        raise error

    return run_to_exit(fail, Console(environ).error)
