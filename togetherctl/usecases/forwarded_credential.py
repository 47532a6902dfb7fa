"""Get a credential from an agent that another machine forwards, and have it ready for the next call."""

from __future__ import annotations

from togetherctl.agent_client import fetch_credential
from togetherctl.auth.cache.forwarded_ready_file import drop_forwarded, leave_forwarded
from togetherctl.environment import LOGIN
from togetherctl.errors import LoginRequired, TogetherctlError, about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.agent_client import Forwarded
    from togetherctl.config.profile import Profile
    from togetherctl.wiring import World


def forwarded_credential(world: World, name: str, profile: Profile | None = None) -> Forwarded:
    """What the agent gives for the profile `name`, which is `profile` where the configuration counts.

    Where a login is needed and this run may ask for one, the person at the agent is asked. Raises as
    `agent_client.fetch_credential` does.
    """
    there = profile.called_there if profile else name

    def waiting() -> None:
        world.conversation.say("waiting for the agent; answer its question where it runs, as on your laptop")

    with about(name, None):
        try:
            try:
                forwarded = fetch_credential(world.environ, there, waiting=waiting)
            except LoginRequired:
                may = profile.may_log_in if profile else world.environ.get(LOGIN) != "never"
                if not (may and world.policy.ask):
                    raise
                # A token that is there needs none of it.
                from togetherctl.usecases.login_from_afar import log_in_for_a_call

                found = log_in_for_a_call(world, name, there)
                forwarded = found or fetch_credential(world.environ, there, waiting=waiting)
        except TogetherctlError:
            drop_forwarded(world.paths, name)
            raise
    ready = world.ready if profile else None
    leave_forwarded(world.paths, name, forwarded, ready=ready, now=world.clock())
    return forwarded
