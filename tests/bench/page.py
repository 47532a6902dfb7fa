"""The table in `docs/performance.md`, between its two markers."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.targets import beside

if TYPE_CHECKING:
    from tests.bench.timing import Row

BEGINS = "<!-- The table is made by `make bench`; what is changed here is lost. -->"
ENDS = "<!-- The table ends here. -->"
TABLE = (BEGINS, ENDS)
AGENT = ("<!-- This table of the agent is made by `make bench`. -->", "<!-- The table of the agent ends here. -->")
REQUESTS = ("<!-- These two tables are made by `make bench`. -->", "<!-- The two tables end here. -->")


def table(rows: Sequence[Row], *, remarks: Sequence[str] = ()) -> str:
    """What was measured, as Markdown, below a line that says on what and when."""
    lines = [
        f"Measured on {machine()}, {datetime.now(UTC).date().isoformat()}. {' '.join(remarks)}".rstrip(),
        "",
        "| what | runs | median | p10 to p90 | memory | times as long | as | at most |",
        "|---|--:|--:|--:|--:|--:|---|---|",
    ]
    medians = {row.case.name: row.median for row in rows}
    for row in rows:
        spread = f"{_shown(row.spread[0])} to {_shown(row.spread[1])}" if row.spread else ""
        memory = f"{row.memory / 1024:.1f} MiB" if row.memory is not None else ""
        told = [row.case.name, str(len(row.seconds)), _shown(row.median), spread, memory, *_compared(row, medians)]
        lines.append(f"| {' | '.join(told)} |")
    return "\n".join(lines)


def _compared(row: Row, medians: Mapping[str, float]) -> tuple[str, str, str]:
    """How a row stands beside what it is held against, and by how much it misses its target."""
    against = beside(row.case.name)
    ratio = against.ratio(row, medians) if against else None
    if against is None or ratio is None:
        return "", "", ""
    target = "" if against.target is None else f"{against.target:g}"
    if against.target is not None and ratio > against.target:
        target += f": missed by {ratio / against.target - 1:.0%}"
    return f"{ratio:.2f}", against.called, target


def machine() -> str:
    return f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"


def rewrite(path: Path, made: str, markers: tuple[str, str] = TABLE) -> None:
    """Put `made` between two markers of the page. Raises ValueError where it does not have them."""
    before, begins, rest = path.read_text(encoding="utf-8").partition(markers[0])
    _, ends, after = rest.partition(markers[1])
    if not begins or not ends:
        raise ValueError(f"{path.name} has no markers to put a table between")
    path.write_text(f"{before}{begins}\n\n{made}\n\n{ends}{after}", encoding="utf-8")


def _shown(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
