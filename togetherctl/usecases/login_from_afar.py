"""Have the person at a forwarded agent log in there, while this side waits."""

from __future__ import annotations

from togetherctl.agent_client import fetch_profiles, log_in_there
from togetherctl.errors import about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from togetherctl.wiring import World


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
