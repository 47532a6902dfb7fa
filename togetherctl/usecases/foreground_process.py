"""Run one program in the place of this one: its terminal, its signals, its exit code."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from types import FrameType
from typing import Any

from togetherctl.errors import TogetherctlError

# The terminal sends these to the program as well; only where there is none, they come to us alone.
_OF_TERMINALS = ("SIGINT", "SIGQUIT")
_FOR_IT = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_SIGNALLED = 128


class ShellCode(IntEnum):
    """What a shell says of a program that it could not run (POSIX.1-2017, XCU 2.8.2)."""

    NOT_RUNNABLE = 126
    NOT_FOUND = 127


class CannotRun(TogetherctlError):
    """There is no such program, or the system does not run it; `shell_code` is what a shell ends with then."""

    code = "command"

    def __init__(self, program: str, error: OSError, *, cluster: str | None = None) -> None:
        # A file that is there may name an interpreter that is not.
        missing = isinstance(error, FileNotFoundError) and not os.path.lexists(program)
        said = "there is no such command" if missing else f"it cannot be run: {error.strerror}"
        super().__init__(f"{shlex.quote(program)}: {said}")
        self.cluster = cluster
        found = isinstance(error, (FileNotFoundError, NotADirectoryError))
        self.shell_code = ShellCode.NOT_FOUND if found else ShellCode.NOT_RUNNABLE


def run_in_foreground(words: Sequence[str], environ: Mapping[str, str], *, keep_open: Sequence[int] = ()) -> int:
    """Run a program to its end and give its exit code, 128 + N where signal N ended it.

    It has our stdin, stdout and stderr, and the files `keep_open`. Ctrl-C and Ctrl-Z are its own; a signal that comes
    to us is passed on, and we wait for what it makes of it. Raises CannotRun.
    """
    with _passing_signals() as started:
        try:
            process = subprocess.Popen(words, env=dict(environ), pass_fds=() if _is_windows() else keep_open)
        except OSError as error:
            raise CannotRun(words[0], error) from None
        started(process)
        return shell_code_of(_wait(process))


def shell_code_of(code: int) -> int:
    """The exit code as a shell has it, of one as `subprocess` has it."""
    return _SIGNALLED - code if code < 0 else code


def _is_windows() -> bool:
    return sys.platform == "win32"


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end. Where it stops itself, as `suspend` of a shell does, we stop too, and go on with it."""
    if sys.platform == "win32":
        return process.wait()
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode
        # One of our own process group is stopped together with us, by the terminal.
        if os.WSTOPSIG(status) == signal.SIGSTOP or os.getpgid(process.pid) != os.getpgrp():
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(process.pid, signal.SIGCONT)


@contextmanager
def _passing_signals() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """While the block runs, signals end the program that it names, and not us; what came before that waits for it."""
    passing = _Passing()
    at_terminal = any(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    usual: dict[int, Any] = {}
    for name in (*_OF_TERMINALS, *_FOR_IT):
        number = getattr(signal, name, None)
        # What is ignored, as under nohup, the program ignores too.
        if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
            told = at_terminal and name in _OF_TERMINALS
            usual[int(number)] = signal.signal(number, _leave if told else passing.on)
    try:
        yield passing.started
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """The terminal tells the program itself."""


class _Passing:
    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def started(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        for number in self._early:
            self.on(number, None)

    def on(self, number: int, _frame: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        # Not by `send_signal`, which would take its exit code away from the one who waits.
        elif self._process.returncode is None:
            with suppress(OSError):
                os.kill(self._process.pid, number)
