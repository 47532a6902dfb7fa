"""Run one program for each of several clusters at once; each line of output says whose it is."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import IO, BinaryIO

from togetherctl.errors import ExitCode
from togetherctl.usecases.foreground_process import CannotRun, shell_code_of

# As many run at once. kubectl takes some 50 MB, and API servers slow down a client that asks much.
AT_ONCE = 8
# A longer line is cut into several, so that no program fills our memory.
_LONGEST_LINE = 1024 * 1024
_SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Job:
    """A program to run for the cluster `name`, with its whole environment."""

    name: str
    words: Sequence[str]
    environ: Mapping[str, str]


@dataclass(frozen=True)
class JobResult:
    """How a job ended: its exit code as a shell has it, and the error where the program could not be run."""

    job: Job
    code: int
    error: CannotRun | None = None


def run_side_by_side(
    jobs: Sequence[Job],
    *,
    out: BinaryIO,
    err: BinaryIO,
    keep_open: Sequence[int] = (),
    ended: Callable[[JobResult], None] = lambda _result: None,
    at_once: int = AT_ONCE,
) -> list[JobResult]:
    """Run all jobs, at most `at_once` at a time, and give their results in the order of `jobs`.

    Their stdin is empty, and they have the files `keep_open`; their lines go to `out` and `err` as they come, whole,
    each after the name of its cluster. `ended` is called in this thread. Raises OSError where `out` or `err` cannot be
    written. That, and any exception that comes to this thread, such as Ctrl-C, ends what runs, and what has not begun
    does not begin.
    """
    return _Running(jobs, out, err, keep_open).all(ended, at_once)


class _Running:
    def __init__(self, jobs: Sequence[Job], out: BinaryIO, err: BinaryIO, keep_open: Sequence[int]) -> None:
        self._jobs = jobs
        self._out, self._err = out, err
        self._keep_open = () if sys.platform == "win32" else keep_open
        self._width = max((len(job.name) for job in jobs), default=0)
        self._ended: SimpleQueue[tuple[int, JobResult | OSError]] = SimpleQueue()
        self._next = iter(range(len(jobs)))
        # Of what runs, of what begins, and of the line that is written.
        self._lock, self._writing = Lock(), Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def all(self, ended: Callable[[JobResult], None], at_once: int) -> list[JobResult]:
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(at_once, len(self._jobs)))]
        for thread in threads:
            thread.start()
        results: dict[int, JobResult] = {}
        try:
            while len(results) < len(self._jobs):
                index, result = self._next_result()
                results[index] = result
                ended(result)
        except BaseException:
            self._stop(threads)
            raise
        return [results[index] for index in range(len(self._jobs))]

    def _next_result(self) -> tuple[int, JobResult]:
        index, result = self._ended.get()
        if isinstance(result, OSError):
            raise result
        return index, result

    def _stop(self, threads: Sequence[Thread]) -> None:
        """End what runs; what is left of it after some seconds, or at a second Ctrl-C, is killed."""
        with self._lock:
            self._stopped = True
            running = [process for process in self._processes if process.poll() is None]
            for process in running:
                process.terminate()
        ends = time.monotonic() + _SECONDS_TO_END
        try:
            for thread in threads:
                thread.join(max(0.0, ends - time.monotonic()))
        finally:
            for process in running:
                if process.poll() is None:
                    process.kill()

    def _work(self) -> None:
        while True:
            index = next(self._next, None)
            if index is None or self._stopped:
                return
            self._ended.put((index, self._run(self._jobs[index])))

    def _run(self, job: Job) -> JobResult:
        with self._lock:
            if self._stopped:
                # It is not waited for any more.
                return JobResult(job, ExitCode.INTERRUPTED)
            try:
                process = subprocess.Popen(
                    job.words,
                    env=dict(job.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=self._keep_open,
                )
            except OSError as error:
                cannot = CannotRun(job.words[0], error, cluster=job.name)
                return JobResult(job, cannot.shell_code, cannot)
            self._processes.append(process)
        assert process.stdout is not None  # noqa: S101 # both are pipes, as said above
        assert process.stderr is not None  # noqa: S101 # as above
        with process:
            beside = Thread(target=self._relay, args=(job, process.stderr, self._err), daemon=True)
            beside.start()
            self._relay(job, process.stdout, self._out)
            beside.join()
        return JobResult(job, shell_code_of(process.returncode))

    def _relay(self, job: Job, lines: IO[bytes], to: BinaryIO) -> None:
        try:
            self._copy(job, lines, to)
        except OSError as error:
            # At once, because the program may go on for long without a word.
            self._ended.put((-1, error))

    def _copy(self, job: Job, lines: IO[bytes], to: BinaryIO) -> None:
        prefix = f"{job.name:<{self._width}} | ".encode()
        while line := lines.readline(_LONGEST_LINE):
            with self._writing:
                to.write(b"%b%b%b" % (prefix, line, b"" if line.endswith(b"\n") else b"\n"))
                to.flush()


def stdout_and_stderr() -> tuple[BinaryIO, BinaryIO]:
    """Ours, as bytes: what programs say goes through as it is. A stdout that the caller closed takes nothing."""
    # A stream that we were given is inherited; the null device in the place of a closed one is not.
    was_closed = sys.platform != "win32" and not os.get_inheritable(1)
    return _Closed() if was_closed else sys.stdout.buffer, sys.stderr.buffer


class _Closed(io.BytesIO):
    """Fails as a program does that writes to a stdout that is closed."""

    def flush(self) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "stdout")
