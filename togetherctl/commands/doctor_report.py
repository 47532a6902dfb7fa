"""What `togetherctl doctor` shows: area by area what is wrong, what helps, and how much is in order."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from togetherctl.cli.console import put
from togetherctl.cli.output import Item, hint_fields, paragraph, show_list
from togetherctl.paths import tilde
from togetherctl.printable import printable, spell

if TYPE_CHECKING:
    from collections.abc import Callable

    from togetherctl.cli.app import App
    from togetherctl.doctor.examine import Result
    from togetherctl.errors import Remedy
    from togetherctl.finding import Status

# What is worst comes first, in summaries.
_ORDER: tuple[Status, ...] = ("failed", "warning", "ok", "skipped")
_COLOURS: dict[Status, str] = {"failed": "red", "warning": "yellow", "ok": "green"}
_WRONG: tuple[Status, ...] = ("failed", "warning")
_AREA = 15
_INDENT = 4
# So many subjects of one finding are named.
_NAMES = 4
_TITLES = 3
# For the spinner, and for ^C.
_ROOM = 8


def show(app: App, results: Sequence[Result], *, everything: bool) -> None:
    """Print the results in the form that was asked for; what is in order is counted, unless `everything`.

    Without a terminal what helps stands in the line of its finding.
    """
    if app.output == "table":
        for line in _areas(app, results, everything=everything):
            put(spell(sys.stdout, line))
        return
    show_list(app, [_item(result) for result in results], {}, name="check")


def show_what_is_left(app: App, results: Sequence[Result], title: str) -> None:
    """Print below `title` what is still wrong, without a heading for each area; nothing where all is in order."""
    wrong = [result for result in results if result.finding.status in _WRONG]
    if wrong:
        put(title)
    for alike in _alike(wrong):
        for line in _finding(app, alike):
            put(spell(sys.stdout, line))


def sum_up(results: Sequence[Result], *, offline: bool = False) -> str:
    """How much is wrong and in order, in a sentence; `offline` is said where it found nothing."""
    counts = Counter(result.finding.status for result in results)
    if counts["failed"] or counts["warning"]:
        return f"{_count(counts)}."
    if offline:
        return f"Nothing is wrong here, and the issuers and the clusters were not asked: {_count(counts)}."
    return f"Nothing is wrong: {_count(counts)}."


@contextmanager
def progress(app: App) -> Iterator[Callable[[Sequence[str]], None]]:
    """What shows the titles of running checks: a line at a terminal that goes at the end, elsewhere nothing."""
    if not sys.stderr.isatty() or app.verbosity or app.environ.get("TERM") == "dumb":
        yield lambda _titles: None
        return
    from rich.console import Console as Terminal
    from rich.progress import Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    terminal = Terminal(stderr=True, no_color=bool(app.environ.get("NO_COLOR")), highlight=False)
    # The terminal shows ^C behind the line, which must not begin another one.
    column = Column(no_wrap=True, overflow="ellipsis", max_width=max(terminal.width - _ROOM, _ROOM))
    columns = (SpinnerColumn("line", style="none"), TextColumn("{task.description}", markup=False, table_column=column))
    with Progress(*columns, console=terminal, transient=True) as drawn:
        task = drawn.add_task("Looking", total=None)

        def update(titles: Sequence[str]) -> None:
            # Several of one check run at once, for several profiles.
            names = list(dict.fromkeys(printable(title) for title in titles))
            more = f" and {len(names) - _TITLES} more" if len(names) > _TITLES else ""
            drawn.update(task, description=f"Looking: {'; '.join(names[:_TITLES])}{more}")

        yield update


def _item(result: Result) -> Item:
    """A finding as scripts get it."""
    finding = result.finding
    return {
        "check": result.check.name,
        "subject": result.subject,
        "status": finding.status,
        "message": finding.message,
        **hint_fields(finding.remedy),
    }


def _areas(app: App, results: Sequence[Result], *, everything: bool) -> Iterator[str]:
    for area, found in groupby(results, lambda result: result.check.area):
        of_area = list(found)
        counts = Counter(result.finding.status for result in of_area)
        worst = next(status for status in _ORDER if counts[status])
        yield f"{area.capitalize():<{_AREA}}{_paint(app, _count(counts), worst)}{_why_skipped(counts, of_area)}"
        for alike in _alike(of_area):
            if everything or alike[0].finding.status in _WRONG:
                yield from _finding(app, alike)


def _alike(results: Sequence[Result]) -> list[list[Result]]:
    """The findings that say the same of several subjects together, in the order of the first of each."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        finding = result.finding
        key = (result.check.name, finding.status, finding.message, finding.remedy)
        groups.setdefault(key, []).append(result)
    return list(groups.values())


def _finding(app: App, alike: Sequence[Result]) -> Iterator[str]:
    finding, check = alike[0].finding, alike[0].check
    # What the message begins with is not said before it.
    named = [result.subject for result in alike if result.subject and not finding.message.startswith(result.subject)]
    subjects = list(dict.fromkeys(_shorten(app, subject) for subject in named))
    more = f" and {len(subjects) - _NAMES} more" if len(subjects) > _NAMES else ""
    about = f"{printable(', '.join(subjects[:_NAMES]), limit=400)}{more}: " if subjects else ""
    label, said = f"  {finding.status}", f"{about}{finding.message} [{check.name}]"
    if not sys.stdout.isatty():
        yield "; ".join([f"{label} {said}", *(line.strip() for line in _remedy(app, finding.remedy))])
        return
    text = paragraph(said, label=f"{label} ", indent=_INDENT)
    yield text.replace(label, f"  {_paint(app, finding.status, finding.status)}", 1)
    yield from _remedy(app, finding.remedy)


def _shorten(app: App, subject: str) -> str:
    """A subject that is a path, as a person would type it."""
    return tilde(Path(subject), app.environ) if Path(subject).is_absolute() else subject


def _remedy(app: App, remedy: Remedy | None) -> Iterator[str]:
    if remedy is not None and remedy.text:
        yield paragraph(remedy.hint, indent=_INDENT)
    if remedy is not None and remedy.command:
        # On one line however long it is, to be copied.
        yield f"{' ' * _INDENT}{_paint(app, 'run:', None)} {remedy.hint_command}"


def _count(counts: Counter[Status]) -> str:
    words = {"warning": "warnings"}
    said = [f"{counts[one]} {words.get(one, one) if counts[one] > 1 else one}" for one in _ORDER if counts[one]]
    return ", ".join(said)


def _why_skipped(counts: Counter[Status], results: Sequence[Result]) -> str:
    """The reason, where nothing was looked at and there is one reason for all."""
    reasons = {result.finding.message for result in results if result.finding.status == "skipped"}
    return f" ({printable(reasons.pop())})" if set(counts) == {"skipped"} and len(reasons) == 1 else ""


def _paint(app: App, text: str, status: Status | None) -> str:
    if app.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    colour = _COLOURS.get(status) if status else None
    return click.style(text, fg=colour, bold=True) if colour or status is None else text
