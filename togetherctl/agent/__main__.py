"""Run the agent in this process, as `togetherctl agent run` and `agent start` call it: without the command line."""

from __future__ import annotations

import os
import sys
import time

from togetherctl.agent.output import Output
from togetherctl.agent.service import Service
from togetherctl.errors import ExitCode, TogetherctlError
from togetherctl.printable import printable, spell_out


def main() -> int:
    """The exit code: 0 where it was told to stop, 1 where it could not begin."""
    spell_out(sys.stderr)
    out, err = Output(sys.stdout), Output(sys.stderr)

    def say(line: str) -> None:
        out.say(printable(line, limit=1000))

    def warn(line: str) -> None:
        # Kept in a file where no person looks on, so it says when.
        err.say(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} warning: {printable(line, limit=2000)}")

    try:
        done = Service(dict(os.environ), say, warn).run()
    except TogetherctlError as error:
        sys.stderr.write(f"togetherctl: {error.sentence()}\n")
        if error.remedy:
            sys.stderr.write(f"  {error.remedy}\n")
        return error.exit_code
    finally:
        out.end()
        err.end()
    return ExitCode.DONE if done else ExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
