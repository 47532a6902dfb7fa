"""Jobs that run at once, and how they are ended."""

from __future__ import annotations

import errno
import os
import sys
import time
from io import BytesIO
from pathlib import Path

import pytest

from togetherctl.usecases import side_by_side
from togetherctl.usecases.side_by_side import Job, run_side_by_side

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no sh, and no SIGTERM")


class _Lost(BytesIO):
    """Takes a number of lines, and fails at the last of them."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def flush(self) -> None:
        self.left -= 1
        if not self.left:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_jobs_that_ignore_sigterm_have_one_deadline_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would go on for six seconds, and eight deadlines one after the other would let them."""
    monkeypatch.setattr(side_by_side, "_SECONDS_TO_END", 1.0)
    script = "trap '' TERM; echo $$; for i in $(seq 60); do sleep 0.1; done; echo >went-on.$$"
    jobs = [Job(str(number), ["sh", "-c", f"cd '{tmp_path}'; {script}"], dict(os.environ)) for number in range(8)]
    out = _Lost(len(jobs))
    with pytest.raises(OSError, match="No space"):
        run_side_by_side(jobs, out=out, err=BytesIO())
    pids = [int(line.rpartition(b" ")[2]) for line in out.getvalue().splitlines()]
    ends = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < ends:
        time.sleep(0.05)
    assert len(pids) == len(jobs)
    assert list(tmp_path.glob("went-on*")) == []
