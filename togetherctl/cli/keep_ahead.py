"""The child in which the agent refreshes sessions ahead of their use; it says in JSON what came of each.

    python -m togetherctl.cli.keep_ahead ready|none NAME…

A line for each profile: `{"profile", "outcome", "stale_at", "message"}`. The outcome is `kept`, `busy` where another
process holds the session's lock, or the code of an error; `stale_at`, in seconds since 1970, is there after `kept`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence

from togetherctl.cli.console import Console
from togetherctl.cli.exec_plugin import stdout_for_the_answer_alone
from togetherctl.cli.report_error import run_to_exit
from togetherctl.errors import LoginRequired, TogetherctlError
from togetherctl.lock import LockTimeout
from togetherctl.wiring import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.auth.engine import Engine
    from togetherctl.auth.session import Session
    from togetherctl.config.profile import Profile

# Seconds for one profile; more than a refresh and the command that reads a client secret take together.
_LONGEST = 60


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Refresh the sessions of the profiles named that are not fresh, and make their tokens ready; the exit code.

    The first word is `none` where no ready file may be left. Nothing is asked, and no lock is waited for.
    """
    console = Console(environ, for_a_client=True)
    world = World(environ, console)
    leaves_ready, names = words[:1] == ["ready"], words[1:]

    def keep_all() -> None:
        with stdout_for_the_answer_alone() as answer:
            for name in names:
                _end_after(_LONGEST)
                answer(json.dumps({"profile": name, **_keep(world, name, leaves_ready=leaves_ready)}))

    return run_to_exit(keep_all, console.error)


def _keep(world: World, name: str, *, leaves_ready: bool) -> dict[str, object]:
    try:
        # First, because the engine reads the whole configuration where it is not known.
        profile = world.profile(name)
        session = _renew(world.engine if leaves_ready else world.configless_engine, profile)
    except LockTimeout:
        return {"outcome": "busy"}
    except TogetherctlError as error:
        return {"outcome": error.code, "message": error.message}
    token = session.token(profile.token) if session else None
    if session is None or token is None:
        return {"outcome": LoginRequired.code, "message": "there is no session"}
    return {"outcome": "kept", "stale_at": token.stale_at(session.early(profile.key))}


def _renew(engine: Engine, profile: Profile) -> Session | None:
    """The session with a fresh token. Raises LockTimeout and TogetherctlError."""
    try:
        return engine.refresh_behind(profile)
    except LoginRequired:
        from togetherctl.auth.engine import Policy
        from togetherctl.auth.grants.registry import is_non_interactive

        # A client that needs no person asks for new tokens, unless it was logged out.
        if engine.load(profile) is None or not is_non_interactive(profile, profile.grant):
            raise
        engine.credential(profile, Policy(ask=False), renew=True)
        return engine.load(profile)


def _end_after(seconds: int) -> None:
    """If something hangs, there is no person to press Ctrl-C."""
    if sys.platform != "win32":
        from signal import alarm

        alarm(seconds)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], os.environ))
