"""Run the children that refresh sessions for the agent, and read what they say came of each profile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from togetherctl.environment import NO_INPUT, for_refresh
from togetherctl.records import NamedTuple, dataclass, field

# A child ends itself after a minute for each profile; one that was stopped cannot, so the agent waits this much longer.
_SECONDS_EACH = 60.0
_GRACE = 30.0
_LONGEST_REPORT = 256 * 1024


class Report(NamedTuple):
    """What came of one profile: `kept`, `busy` or the code of an error; `stale_at` in seconds since 1970."""

    profile: str
    outcome: str
    stale_at: float | None = None
    message: str = ""


@dataclass
class Child:
    """One child, the profiles it was told, and what it has said so far; `ends_by` on the clock that counts sleep."""

    process: subprocess.Popen[bytes]
    reader: int
    names: tuple[str, ...]
    ends_by: float
    said: bytearray = field(default_factory=bytearray)

    def read(self) -> bool:
        """Take what it has said; False once it has said everything. Never waits."""
        try:
            data = os.read(self.reader, 65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.said += data[: max(0, _LONGEST_REPORT - len(self.said))]
        return bool(data)

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> Iterator[Report]:
        """Wait for its end, which is there or near, and give a report for every profile it was told."""
        try:
            self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        os.close(self.reader)
        told = {report.profile: report for report in _read_reports(bytes(self.said))}
        for name in self.names:
            yield told.get(name) or Report(name, "failed", message="the process that refreshes it was ended")


def start(names: Sequence[str], *, leaves_ready: bool, environ: Mapping[str, str], boot: float) -> Child:
    """Start a child for these profiles. Raises OSError where no process can be made.

    It never asks, and goes on alone if the agent ends: what it has begun with an issuer must reach the disk.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        process = subprocess.Popen(
            # -P: nothing in the folder this happens to run in is ours.
            [sys.executable, "-P", "-m", "togetherctl", "refresh", *words_for(names, leaves_ready=leaves_ready)],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=for_refresh(environ) | {NO_INPUT: "1"},
        )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return Child(process, reader, tuple(names), boot + _SECONDS_EACH * len(names) + _GRACE)


def words_for(names: Sequence[str], *, leaves_ready: bool) -> list[str]:
    """The words after `refresh` by which a child knows its work; see `cli/keep_ahead.py`."""
    return ["--ahead", "ready" if leaves_ready else "none", *names]


def _read_reports(said: bytes) -> Iterator[Report]:
    for line in said.splitlines():
        # A newer togetherctl may have more to say, and what is no report of ours is none.
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(line)
            stale_at = fields.get("stale_at")
            yield Report(
                str(fields["profile"]),
                str(fields["outcome"]),
                float(stale_at) if stale_at is not None else None,
                str(fields.get("message", "")),
            )
