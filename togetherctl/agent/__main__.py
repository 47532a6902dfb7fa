"""Run the agent in this process, as `togetherctl agent run` and `agent start` call it: without the command line."""

from __future__ import annotations

import os
import sys
import time

from togetherctl.agent.service import Service
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.printable import printable, spell_out


def main() -> int:
    """The exit code: 0 where it was told to stop, 1 where it could not begin."""
    spell_out(sys.stdout)
    spell_out(sys.stderr)
    try:
        done = Service(dict(os.environ), _say, _warn).run()
    except TogetherctlError as error:
        sys.stderr.write(f"togetherctl: {error.sentence()}\n")
        if error.remedy:
            sys.stderr.write(f"  {error.remedy}\n")
        return error.exit_code
    return ExitCode.DONE if done else ExitCode.INTERRUPTED


def _say(line: str) -> None:
    _write(sys.stdout, printable(line, limit=1000))


def _warn(line: str) -> None:
    # Kept in a file where no person looks on, so it says when.
    _write(sys.stderr, f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} warning: {printable(line, limit=2000)}")


def _write(stream: object, line: str) -> None:
    try:
        print(line, file=stream, flush=True)  # type: ignore[call-overload] # a text stream
    except (OSError, ValueError):
        return  # a terminal that is gone ends no agent


if __name__ == "__main__":
    sys.exit(main())
