"""The API key of Together AI as a face gets it: from the environment, the keyring, or whoever is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from togetherctl.environment import API_KEY
from togetherctl.errors import UsageError
from togetherctl.together import key as keys
from togetherctl.together.api import KEYS_PAGE, base_url, clean_key
from togetherctl.vault import Patience

if TYPE_CHECKING:
    from togetherctl.wiring import World

_ASK_SECONDS = 600.0
# A person who unlocks the keyring needs a while, and where nobody can, none comes.
_KEYRING_SECONDS = 60.0
_KEYRING_ALONE_SECONDS = 10.0


def api_key(world: World, *, keep: bool = False) -> str:
    """The key for Together AI's API, kept in the keyring if `keep`, else nowhere.

    Raises UsageError where there is none and nobody can be asked, StorageError where the keyring does not take it.
    """
    place = base_url(world.environ)
    patience = Patience(
        _KEYRING_SECONDS if world.conversation.can_ask else _KEYRING_ALONE_SECONDS,
        lambda: world.conversation.say("waiting for the keyring, which may be asking to be unlocked"),
        world.conversation.go_on,
    )
    key = keys.given(world.environ, base_url=place, patience=patience) or _asked(world, place)
    if keep:
        keys.keep(key, base_url=place)
        world.conversation.say("The API key is in the keyring.")
    return key


def _asked(world: World, place: str) -> str:
    if not world.conversation.can_ask:
        raise UsageError(
            "an API key of Together AI is needed, and nobody can be asked for it here",
            hint=f"set {API_KEY}; keys are made at {KEYS_PAGE}",
        )
    world.conversation.say(f"An API key of Together AI is needed to list your clusters; keys are made at {KEYS_PAGE}.")
    try:
        return clean_key(world.conversation.ask_secret(f"API key for {place}: ", _ASK_SECONDS))
    except (EOFError, TimeoutError):
        raise UsageError("nobody gave an API key; nothing was changed") from None
