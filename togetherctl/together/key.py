"""The API key of Together AI: where it comes from, and keeping it in the keyring for whoever asks for that."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from togetherctl import vault
from togetherctl.environment import API_KEY
from togetherctl.errors import StorageError
from togetherctl.together.api import clean_key

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = vault.Patience(10.0)


def given(environ: Mapping[str, str], *, base_url: str, patience: vault.Patience = _PATIENCE) -> str | None:
    """`TOGETHER_API_KEY`, else the key that was kept for this API, else None: then somebody is to be asked.

    Raises UsageError where the variable holds no key.
    """
    named = environ.get(API_KEY, "").strip()
    if named:
        return clean_key(named)
    # A keyring that is locked or absent is no reason to stop: the key can be asked for.
    with suppress(StorageError):
        return vault.read(keyring_name(base_url), patience)
    return None


def keep(key: str, *, base_url: str) -> None:
    """Keep the key in the keyring, for this API alone. Raises UsageError and StorageError."""
    vault.write(keyring_name(base_url), clean_key(key))


def forget(*, base_url: str) -> bool:
    """Delete the key that was kept; False where there was none. Raises StorageError."""
    return vault.delete(keyring_name(base_url))


def keyring_name(base_url: str) -> str:
    """What the key is called in the keyring: a key goes only to the API it was kept for."""
    return f"api-key at {base_url}"
