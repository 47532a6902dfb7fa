"""Have the person at a forwarded agent log in there, while this side waits."""

from __future__ import annotations

import os
from contextlib import suppress

from togetherctl.agent_client import fetch_credential, fetch_profiles, log_in_there
from togetherctl.auth.cache.files import FileSessions
from togetherctl.auth.cache.record import Plain
from togetherctl.auth.login_cooldown import LoginCooldown
from togetherctl.auth.time_limits import NOTIFY_AFTER_SECONDS
from togetherctl.config.profile_hints import ProfileHints
from togetherctl.errors import LoginRequired, StorageError, Unreachable, about
from togetherctl.lock import LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.agent_client import Forwarded
    from togetherctl.wiring import World

# Seconds; more than a question and a login there take together.
_LONGEST = 900.0


def log_in_for_a_call(world: World, name: str, there: str) -> Forwarded | None:
    """Ask for a login on behalf of a Kubernetes client: one at a time, and not at once again after one that failed.

    Comes back at once where another call had one meanwhile, with the credential where this call has asked for it
    again. Raises LoginRequired during the cooldown, and as `log_in_from_afar` does.
    """
    from _blake2 import blake2b

    ways = ProfileHints(name)
    sessions = FileSessions(world.paths.sessions, Plain(ways))
    # No session has this KEY: nothing but a lock and the record of a login is kept under it.
    key = blake2b(f"agent {there}".encode("utf-8", "surrogateescape"), digest_size=32).hexdigest()
    began = world.clock()

    told = False

    def waiting(so_far: float) -> None:
        nonlocal told
        world.conversation.go_on()
        if so_far >= NOTIFY_AFTER_SECONDS and not told:
            told = True
            world.conversation.say(f"another call has asked for the login to {name}; waiting for it")

    try:
        with sessions.lock(key, seconds=_LONGEST, waiting=waiting) as held:
            logins = LoginCooldown(sessions.login_file(key), ways, clock=world.clock, process=os.getpid())
            logins.refuse_too_soon(waited_since=began if held.waited else None)
            if held.waited:
                return None
            # The login of another call may have ended between the answer to this one and the lock.
            with suppress(LoginRequired):
                return fetch_credential(world.environ, there)
            with logins.under_way(asked_for=False) as opened_at:
                opened_at("where the agent runs")
                log_in_from_afar(world, name, there)
    except LockTimeout:
        raise Unreachable(f"another call waits too long for the login to {name}") from None
    except StorageError:
        # A home that cannot be written: then each call asks for itself.
        log_in_from_afar(world, name, there)
    return None


def log_in_from_afar(world: World, name: str, there: str) -> None:
    """Ask for a login to the profile `name`, which the agent calls `there`, and wait for its end.

    Ctrl-C, or a person who calls it off, ends it on both sides. Raises as `agent_client.log_in_there` does.
    """
    conversation = world.conversation
    with about(name, None):
        seconds = fetch_profiles(world.environ).login_seconds
        conversation.say(f"{name} needs a login, which is asked for where the agent runs")
        with conversation.waiting("the login there", seconds):
            log_in_there(world.environ, there, seconds=seconds, go_on=conversation.go_on)
