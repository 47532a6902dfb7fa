"""Do an errand for the agent in its own process: a credential, a login or a snapshot, as JSON."""

from __future__ import annotations

import os
import sys

from togetherctl.agent.take_snapshot import failed, take
from togetherctl.cli.console import Console, put
from togetherctl.cli.exec_plugin import print_credential, stdout_for_the_answer_alone
from togetherctl.cli.report_error import run_to_exit
from togetherctl.errors import LoginRequired, UsageError, from_os_error
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
        elif words[:1] == ["login"] and len(words) == 2:
            _end_with_the_agent()
            with stdout_for_the_answer_alone() as answer:
                _log_in(world, words[1])
                answer('{"logged_in": true}')
        elif list(words) == ["snapshot"]:
            with stdout_for_the_answer_alone() as answer:
                answer(take(world))
        else:
            raise UsageError("the agent asked for an errand that this togetherctl does not know")

    return run_to_exit(work, lambda error: put(failed(error)))


def _end_with_the_agent() -> None:
    """End as by SIGTERM where stdin ends: the agent was killed, and no person waits for this login any more."""
    import signal
    from threading import Thread

    def watch() -> None:
        # Nothing is ever written to it.
        if not os.read(0, 1):
            os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="end with the agent", daemon=True).start()


def _log_in(world: World, name: str) -> None:
    """As `togetherctl login` does, where the browser is the only way to the person. Raises TogetherctlError."""
    from togetherctl.auth.grants.registry import is_non_interactive
    from togetherctl.usecases.log_in_and_out import log_in_to

    profile = world.config.profile(name)
    why = "its profile opens none" if profile.browser is False else world.look_around(profile).without_browser
    if why and not is_non_interactive(profile, profile.grant):
        # What a terminal would show, such as a device code, no person would see.
        raise LoginRequired(f"profile {name}: no browser can be opened at the agent's machine: {why}")
    log_in_to(world, profile, None)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
