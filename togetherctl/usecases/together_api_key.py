"""Get the API key of Together AI from the environment, the keyring or the person, or keep one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from togetherctl import keyring_secrets
from togetherctl.environment import API_KEY
from togetherctl.errors import StorageError, UsageError
from togetherctl.together.api import KEYS_PAGE, base_url, clean_key
from togetherctl.wiring import World

_ASK_SECONDS = 600.0
# A person needs time to unlock the keyring.
_KEYRING_SECONDS = 60.0
_KEYRING_ALONE_SECONDS = 10.0
_PATIENCE = keyring_secrets.Patience(_KEYRING_ALONE_SECONDS)


def api_key(world: World) -> str:
    """The key for Together AI's API; it is kept nowhere. Raises UsageError where there is none and it cannot ask."""
    url = base_url(world.environ)
    patience = keyring_secrets.Patience(
        _KEYRING_SECONDS if world.conversation.can_ask else _KEYRING_ALONE_SECONDS,
        lambda: world.conversation.say("waiting for the keyring, which may be asking to be unlocked"),
        world.conversation.go_on,
    )
    return read_key(world.environ, base_url=url, patience=patience) or _ask(world, url)


def read_key(
    environ: Mapping[str, str], *, base_url: str, patience: keyring_secrets.Patience = _PATIENCE
) -> str | None:
    """`TOGETHER_API_KEY`, else the key in the keyring for this API, else None.

    Raises UsageError where the variable holds no key.
    """
    if named := environ.get(API_KEY, "").strip():
        return clean_key(named)
    # A keyring that is locked or absent does not end the run: togetherctl can ask for the key.
    with suppress(StorageError):
        return keyring_secrets.read(keyring_name(base_url), patience)
    return None


def keep_key(key: str, *, base_url: str) -> None:
    """Keep the key in the keyring, for this API alone. Raises UsageError and StorageError."""
    keyring_secrets.write(keyring_name(base_url), clean_key(key))


def keyring_name(base_url: str) -> str:
    """The name of the key in the keyring: a key goes only to the API it was kept for."""
    return f"api-key at {base_url}"


def _ask(world: World, url: str) -> str:
    if not world.conversation.can_ask:
        raise UsageError(
            "togetherctl needs an API key of Together AI, and cannot ask for it here",
            hint=f"set {API_KEY}; keys are made at {KEYS_PAGE}",
        )
    world.conversation.say(f"An API key of Together AI is needed to list your clusters; keys are made at {KEYS_PAGE}.")
    try:
        return clean_key(world.conversation.ask_secret(f"API key for {url}: ", _ASK_SECONDS))
    except (EOFError, TimeoutError):
        raise UsageError("no API key was given; nothing was changed") from None
