"""Do an errand for the agent in a process of its own: `credential NAME` or `snapshot`, answered as JSON on stdout."""

from __future__ import annotations

import os
import sys

from togetherctl.agent.take_snapshot import failed, take
from togetherctl.cli.console import Console, put
from togetherctl.cli.exec_plugin import print_credential, stdout_for_the_answer_alone
from togetherctl.cli.report_error import run_to_exit
from togetherctl.errors import UsageError, from_os_error
from togetherctl.wiring import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """The exit code; the answer, an error too, is on stdout, and nothing else is."""
    console = Console(environ, for_a_client=True)
    world = World(environ, console)

    def work() -> None:
        try:
            do()
        except OSError as error:
            # Here, because the end of a run takes stdout for broken then.
            raise from_os_error(error) from None

    def do() -> None:
        if words[:1] == ["credential"] and len(words) == 2:
            print_credential(world, words[1])
        elif list(words) == ["snapshot"]:
            with stdout_for_the_answer_alone() as answer:
                answer(take(world))
        else:
            raise UsageError("the agent asked for an errand that this togetherctl does not know")

    return run_to_exit(work, lambda error: put(failed(error)))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
