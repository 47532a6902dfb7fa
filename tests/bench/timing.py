"""Timing whole processes: each from its start until its output is closed and it has ended, as kubectl waits for it."""

from __future__ import annotations

import os
import select
import signal
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter

from tests.bench.memory import peak

_LONGEST = 120.0


class CaseFailed(Exception):
    """A process that did not do what it is timed for: what it printed would be a wrong figure."""


@dataclass(frozen=True)
class Case:
    """One command in one state of the world; `prepare` brings that about and is not timed.

    `share` of all rounds it takes part in; `at_once` processes are started together, and the last one's end counts;
    `expects` stands in what each prints. `timed` does the timing itself, in seconds, where a terminal is watched.
    """

    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    prepare: Callable[[], object] = lambda: None
    expects: bytes = b""
    share: float = 1.0
    at_once: int = 1
    timed: Callable[[], float] | None = None


@dataclass(frozen=True)
class Row:
    """How long a case took, in seconds, each time, and how much memory at its peak, in KiB, where that is known."""

    case: Case
    seconds: list[float]
    memory: int | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> tuple[float, float] | None:
        """The tenth and the ninetieth of a hundred; None where too few were timed to tell."""
        if len(self.seconds) < 3:
            return None
        tenths = statistics.quantiles(self.seconds, n=10, method="inclusive")
        return tenths[0], tenths[-1]


def in_turn(cases: Sequence[Case], rounds: int, *, seconds: float, told: Callable[[str], None]) -> list[Row]:
    """Time the cases in turn, so that whatever drifts on this machine hits all alike.

    A round that begins after `seconds` is not begun. Raises CaseFailed.
    """
    ends = monotonic() + seconds
    for case in cases:
        if rounds > 1 and case.at_once == 1:
            # What is not in memory yet is another machine's affair.
            time_once(case)
    rows = [Row(case, [], peak(case)) for case in cases]
    for number in range(rounds):
        if number and monotonic() > ends:
            told(f"the time is up after {number} of {rounds} rounds")
            break
        for row in rows:
            if _takes_part(row.case, number, rounds):
                row.seconds.append(time_once(row.case))
    return rows


def time_once(case: Case) -> float:
    """Seconds from the start of the first process to the end of the last. Raises CaseFailed."""
    case.prepare()
    if case.timed is not None:
        return case.timed()
    command, environ = list(case.command), dict(case.environ)
    with tempfile.TemporaryFile() as errors, open(os.devnull, "rb") as nothing:
        pipes = [os.pipe() for _ in range(case.at_once)]
        wiring = [
            [
                (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
                (os.POSIX_SPAWN_DUP2, into, 1),
                (os.POSIX_SPAWN_DUP2, errors.fileno(), 2),
            ]
            for _, into in pipes
        ]
        began = perf_counter()
        processes = [os.posix_spawn(command[0], command, environ, file_actions=actions) for actions in wiring]
        for _, into in pipes:
            os.close(into)
        printed = list(_read(pipes, processes, case))
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
        took = perf_counter() - began
        if any(codes) or any(case.expects not in text for text in printed):
            errors.seek(0)
            said = errors.read(2000).decode("utf-8", "replace")
            raise CaseFailed(f"{case.name}: {next(filter(None, codes), 'not what was asked for')}\n{said}")
    return took


def _takes_part(case: Case, number: int, rounds: int) -> bool:
    times = max(1, round(case.share * rounds))
    return (number + 1) * times // rounds > number * times // rounds


def _read(pipes: Sequence[tuple[int, int]], processes: Sequence[int], case: Case) -> Iterator[bytes]:
    ends = monotonic() + _LONGEST
    for out, _ in pipes:
        text = b""
        try:
            while True:
                if not select.select([out], [], [], max(ends - monotonic(), 0))[0]:
                    for process in processes:
                        os.kill(process, signal.SIGKILL)
                    raise CaseFailed(f"{case.name}: it did not end within {_LONGEST:.0f} s")
                data = os.read(out, 65536)
                if not data:
                    break
                text += data
        finally:
            os.close(out)
        yield text
