"""How much memory a case takes at its peak: the most resident pages of any process it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.timing import Case


def peak(case: Case) -> int | None:
    """In KiB, of the largest process; of several at once the sum of each one's largest. None where nothing can tell.

    GNU time tells: it asks `wait4`, whose `ru_maxrss` is that of the largest process among the one it started and all
    that this one has waited for. Asked by a process of our own, it would begin with the size of that: a child has its
    parent's pages until it runs another program.
    """
    time = _gnu_time()
    if time is None or case.timed is not None:
        return None
    case.prepare()
    with tempfile.TemporaryDirectory() as folder:
        results = [Path(folder) / str(number) for number in range(case.at_once)]
        running = [
            subprocess.Popen(
                [time, "-q", "-f", "%M", "-o", str(result), "--", *case.command],
                env=dict(case.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for result in results
        ]
        codes = [process.wait(120) for process in running]
        return None if any(codes) else sum(int(result.read_text().split()[-1]) for result in results)


@cache
def _gnu_time() -> str | None:
    time = shutil.which("time")
    if time is None:
        return None
    said = subprocess.run([time, "--version"], capture_output=True, text=True, check=False, env=dict(os.environ))
    return time if "GNU" in said.stdout + said.stderr else None
